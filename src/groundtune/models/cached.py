"""A chat model that is asked the same thing once: a repeated or resumed experiment costs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from groundtune.models import Chat
    from groundtune.records import Completion, Message

__all__ = ["CachedChat", "CompletionCache", "asking_anew", "completion_key"]

_FORM = 1
"""Raised when the key is made differently: older entries are then not found, and never mistaken."""


class CompletionCache(Protocol):
    """Keeps completions by key; threads may share it."""

    def get(self, key: str) -> Completion | None:
        """What was put under this key, None where nothing was."""
        ...

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion.

        Raises:
            StorageError: when it cannot be kept.
        """
        ...


_anew: ContextVar[bool] = ContextVar("anew", default=False)


@contextmanager
def asking_anew() -> Iterator[None]:
    """Inside, in this context (`contextvars`), every completion is asked for, and paid for, whatever the cache holds.

    For measuring how long answers take: one that is given again takes no time.
    """
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


class CachedChat:
    """The port `Chat` over another chat model, which is only asked what the cache does not hold.

    A hit comes with ``from_cache`` set, and with the usage and the times of the first time. Failures are not kept.
    Put it outermost, so that a hit neither waits nor is paid for: ``CachedChat(BudgetedChat(OpenAIChat(...)), cache)``.
    """

    def __init__(self, chat: Chat, cache: CompletionCache) -> None:
        self._chat = chat
        self._cache = cache

    @property
    def name(self) -> str:
        """The name of the model that is asked."""
        return self._chat.name

    @property
    def context_window(self) -> int | None:
        """The window of the model that is asked."""
        return self._chat.context_window

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        """The next turn, from the cache where it holds it.

        Raises:
            ModelError: as the model that is asked.
            StorageError: when the cache fails.
        """
        key = completion_key(self.name, messages, schema=schema, choices=choices)
        if (kept := self._get(key)) is not None:
            return replace(kept, from_cache=True)
        completion = self._chat.complete(messages, schema=schema, choices=choices)
        self._cache.put(key, completion)
        return completion

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        """The next turn piece by piece, a hit in one; a stream that is cut or left before its end is not kept.

        Raises:
            ModelError: as the model that is asked.
            StorageError: when the cache fails.
        """
        key = completion_key(self.name, messages)
        if (kept := self._get(key)) is not None:
            yield kept.text
            yield replace(kept, from_cache=True)
            return
        for item in self._chat.stream(messages):
            if not isinstance(item, str):
                self._cache.put(key, item)
            yield item

    def _get(self, key: str) -> Completion | None:
        return None if _anew.get() else self._cache.get(key)


def completion_key(
    name: str,
    messages: Sequence[Message],
    *,
    schema: Mapping[str, Any] | None = None,
    choices: Sequence[str] = (),
) -> str:
    """SHA-256 in hexadecimal over everything that determines what a chat model writes.

    The order of a schema's keys counts: models write the fields of an object in that order.

    Args:
        name: Of the chat model, which holds endpoint, weights and sampling.
        messages: The conversation.
        schema: As the model is given it.
        choices: As the model is given them.
    """
    turns = [[message.role, message.content] for message in messages]
    parts = [_FORM, name, turns, schema, list(choices)]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode("ascii")).hexdigest()
