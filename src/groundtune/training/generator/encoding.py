"""Conversations as token ids with labels: the ids that serving will send, and the reply that should follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.errors import ModelError
from groundtune.models.transformers.conversation import token_ids
from groundtune.training.generator.conversations import Conversation

__all__ = ["IGNORED", "LeftOut", "TokenRow", "encode"]

IGNORED = -100
"""Label of a token that the loss does not look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A conversation that is not trained on, and why."""

    id: str
    form: str
    reason: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A conversation as the model sees it.

    Attributes:
        ids: Shape (tokens,).
        labels: Shape (tokens,): `IGNORED` but for the last turn and the token that ends it.
    """

    ids: list[int]
    labels: list[int]


def encode(
    conversations: Iterable[Conversation], tokenizer: Any, *, ends: Sequence[int], longest: int
) -> tuple[list[TokenRow], list[LeftOut]]:
    """Turn conversations into rows.

    The prompt's ids are made by the very function that serving uses, so nothing differs between the two. Only the last
    turn is learned: earlier assistant turns are few-shot examples, the same in every conversation.

    Args:
        conversations: Each ends with the turn to learn.
        tokenizer: Of the base model, with its chat template.
        ends: Token ids that end a turn; not empty.
        longest: Most tokens; a longer conversation is left out whole, because a cut reply would be learned as it is.

    Returns:
        Rows in order, and what is left out.
    """
    rows: list[TokenRow] = []
    left: list[LeftOut] = []
    for conversation in conversations:
        try:
            row = _row(conversation, tokenizer, ends)
        except ModelError as error:
            left.append(LeftOut(id=conversation.id, form=conversation.form, reason=str(error)))
            continue
        if len(row.ids) > longest:
            reason = f"{len(row.ids)} tokens, and at most {longest} are allowed"
            left.append(LeftOut(id=conversation.id, form=conversation.form, reason=reason))
        else:
            rows.append(row)
    return rows, left


def _row(conversation: Conversation, tokenizer: Any, ends: Sequence[int]) -> TokenRow:
    prompt = token_ids(tokenizer, conversation.messages[:-1])
    whole = token_ids(tokenizer, conversation.messages)
    if whole[: len(prompt)] != prompt:
        raise ModelError(
            "The model's chat template writes a reply in another form than the one in which it asks for it, as those "
            "of some reasoning models do. Tune a model without forced reasoning."
        )
    reply = _up_to_end(whole[len(prompt) :], ends)
    return TokenRow([*prompt, *reply], [*[IGNORED] * len(prompt), *reply])


def _up_to_end(written: list[int], ends: Sequence[int]) -> list[int]:
    """The reply with the token that ends it; what the template writes after that opens the next turn.

    Control tokens in the text itself were broken up, so the first end is the turn's.
    """
    stop = next((place for place, token in enumerate(written) if token in ends), None)
    return [*written, ends[0]] if stop is None else written[: stop + 1]
