"""What a call to a chat model may come to, counted from above, and word of calls that are sent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundtune.records import Message

__all__ = ["most_input_tokens", "sending_again", "tell_when_sending_again"]

_PER_MESSAGE = 16
"""Tokens: role and separators, which chat templates write around each message; known ones take 3 to 7."""

_PER_CALL = 256
"""Tokens: what templates and servers add once, such as a system message or the rules of structured output."""

_listener: ContextVar[Callable[[], None] | None] = ContextVar("listener", default=None)


def most_input_tokens(
    messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
) -> int:
    """More tokens than any tokeniser in use makes of the conversation.

    A token of a byte-level or byte-fallback vocabulary stands for at least one byte of UTF-8, so there are at most as
    many tokens as bytes; for English text that is about four times as many as there are. A schema counts twice,
    because servers may show it beside enforcing it.
    """
    text = sum(_bytes(message.content) + _PER_MESSAGE for message in messages)
    form = 0 if schema is None else 2 * _bytes(json.dumps(schema, indent=2))
    return _PER_CALL + text + form + 2 * sum(_bytes(choice) + _PER_MESSAGE for choice in choices)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def tell_when_sending_again(listener: Callable[[], None]) -> None:
    """From here on in this context (`contextvars`), `sending_again` calls the listener."""
    _listener.set(listener)


def sending_again() -> None:
    """A provider says: the last request brought no usage and may be billed all the same, and it is sent once more.

    To be called before a retry after a timeout, a cut connection, a server's error or an answer that cannot be read;
    not after a refusal (429 and the other 4xx), which costs nothing.

    Raises:
        BudgetSpent: when there is a budget, and it does not allow a further call.
    """
    listener = _listener.get()
    if listener is not None:
        listener()
