"""What a hosted training will cost, before anything is uploaded; a price that nobody gave stays unknown."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from groundtune.records import Message
from groundtune.training.hosted.rows import Conversation

__all__ = ["Quote", "cost_of", "token_counter", "tokens_of"]

_OF_A_TURN, _OF_A_CONVERSATION = 3, 3
"""Tokens that mark each turn, and the begin of the reply (OpenAI cookbook, How to count tokens with tiktoken)."""

_MILLION = 1_000_000

_VOCABULARIES = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""SHA-256 of the vocabularies that tiktoken would fetch; only what lies here already is used."""

_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What will be sent and what it costs; to be shown and confirmed before `HostedTuning.run`.

    Attributes:
        model: The base model.
        endpoint: Where the files go.
        conversations: Rows of the training file.
        validation: Rows of the validation file; they are not billed as training.
        bytes: Size of both files.
        tokens: Of the training file.
        counted: True: by the model's own vocabulary. False: the most that it can be, often four times too many.
        epochs: Passes over the file; the provider bills each.
        price: US dollars for a million trained tokens; None where nobody gave one.
    """

    model: str
    endpoint: str
    conversations: int
    validation: int
    bytes: int
    tokens: int
    counted: bool
    epochs: int
    price: Decimal | None

    @property
    def trained_tokens(self) -> int:
        """What is billed: the tokens of the file, once for each epoch."""
        return self.tokens * self.epochs

    @property
    def cost_usd(self) -> Decimal | None:
        """What the training costs, or the most where the tokens are not counted; None where the price is unknown."""
        return cost_of(self.trained_tokens, self.price)

    def __str__(self) -> str:
        about = "about" if self.counted else "at most"
        cost = (
            "unknown: no price for training this model is given, see the provider's price list"
            if self.cost_usd is None
            else f"{about} ${self.cost_usd:.2f} at ${self.price} for a million tokens"
        )
        return (
            f"{self.conversations} conversations for training and {self.validation} for validation "
            f"({self.bytes:,} bytes) go to {self.endpoint}.\n"
            f"{self.model} trains on {about} {self.tokens:,} tokens x {self.epochs} epochs = "
            f"{self.trained_tokens:,} tokens.\nCost: {cost}."
        )


def cost_of(trained_tokens: int | None, price: Decimal | None) -> Decimal | None:
    """US dollars for so many trained tokens; None where either is unknown."""
    return None if trained_tokens is None or price is None else price * trained_tokens / _MILLION


def tokens_of(conversations: Sequence[Conversation], count: Callable[[str], int]) -> int:
    """Tokens of a training file, the marks of turns included."""
    return sum(_OF_A_CONVERSATION + sum(_tokens(turn, count) for turn in turns) for turns in conversations)


def token_counter(model: str) -> tuple[Callable[[str], int], bool]:
    """How the tokens of a text are counted for a model, and whether that counts them or only bounds them.

    Where tiktoken or the model's vocabulary is not on this machine, a text is taken to have as many tokens as bytes in
    UTF-8: a vocabulary that is built on bytes never needs more. Nothing is fetched.
    """
    try:
        import tiktoken
    except ImportError:
        return _bytes, False
    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return _bytes, False
    if not _is_here(name):
        return _bytes, False
    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode(text, disallowed_special=())), True


def _tokens(turn: Message, count: Callable[[str], int]) -> int:
    return _OF_A_TURN + count(turn.role) + count(turn.content)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8"))


def _is_here(name: str) -> bool:
    """Whether tiktoken has the whole vocabulary in its cache."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    cache = Path(folder) if folder else Path(tempfile.gettempdir(), "data-gym-cache")
    address = hashlib.sha1(_ADDRESS.format(name=name).encode(), usedforsecurity=False).hexdigest()
    try:
        return hashlib.sha256((cache / address).read_bytes()).hexdigest() == _VOCABULARIES.get(name)
    except OSError:
        return False
