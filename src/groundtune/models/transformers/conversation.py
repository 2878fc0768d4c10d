"""Messages to the token ids that a model reads, through the model's own chat template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from groundtune.errors import ModelError
from groundtune.records import Message

__all__ = ["token_ids"]


def token_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Token ids of a conversation up to where the model's next turn begins.

    Texts that are control tokens of the model (such as ``<|im_end|>``) are broken up in every message: a retrieved
    passage that holds one cannot end its turn and begin another. A template that knows no system turn gets it at the
    head of the first user turn.

    Raises:
        ModelError: when the template refuses the conversation.
    """
    from jinja2 import TemplateError

    turns = [{"role": m.role, "content": _without_control(tokenizer, m.content)} for m in messages]
    try:
        return _applied(tokenizer, turns)
    except TemplateError as error:
        refusal = error
    if len(turns) > 1 and turns[0]["role"] == "system" and turns[1]["role"] == "user":
        first = {"role": "user", "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
        try:
            return _applied(tokenizer, [first, *turns[2:]])
        except TemplateError as error:
            refusal = error
    roles = ", ".join(message.role for message in messages)
    raise ModelError(f"The model's chat template refuses a conversation of {roles}: {refusal}") from refusal


def _applied(tokenizer: Any, turns: list[dict[str, str]]) -> list[int]:
    quiet = {"verbose": False}  # that a conversation is too long is said by the caller, with what to do
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False, tokenizer_kwargs=quiet)
    return [int(token) for token in ids]


def _without_control(tokenizer: Any, text: str) -> str:
    """``text`` with a space after the first character of every control token in it."""
    control = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special and len(str(token)) > 1]
    if not any(token in text for token in control):
        return text
    longest_first = sorted(control, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: f"{found[0][0]} {found[0][1:]}", text)
