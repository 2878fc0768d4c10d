"""Answers as they come in, whole or as events, within a time limit; anything that is not the protocol is told."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from groundtune.models.openai.failures import Unreadable

if TYPE_CHECKING:
    import openai

    from groundtune.models.openai.sending import Limit

__all__ = ["Create", "received", "received_events", "received_json"]

Create = Callable[..., "AbstractContextManager[openai.APIResponse[Any]]"]
"""A call of the SDK in its form ``with_streaming_response``."""


def received(create: Create, request: Mapping[str, Any], limit: Limit) -> dict[str, Any]:
    """The JSON object that answers a request.

    Raises:
        openai.OpenAIError: when it was refused or nobody answered.
        Unreadable: when what came is no JSON object, was cut, told of an error, or took too long.
    """
    return _checked(received_json(create, request, limit))


def received_json(create: Create, request: Mapping[str, Any], limit: Limit) -> Any:
    """The JSON value that answers a request, for servers that answer with a list.

    Raises:
        openai.OpenAIError: as in `received`.
        Unreadable: when what came is no JSON, was cut, or took too long.
    """
    with _told(limit), create(**request, timeout=limit.seconds) as response:
        return _json(b"".join(_within(response.iter_bytes(), limit)))


def received_events(create: Create, request: Mapping[str, Any], limit: Limit) -> Generator[dict[str, Any], None, None]:
    """The JSON objects of a stream of events, as they come; closing the iterator closes the connection.

    Raises:
        openai.OpenAIError: as in `received`, as is Unreadable.
    """
    with _told(limit), create(**request, stream=True, timeout=limit.seconds) as response:
        # Cut at line feeds alone: JSON may hold other characters that end lines elsewhere.
        for line in _lines(_within(response.iter_bytes(), limit)):
            field, _, data = line.partition(b":")
            if field == b"data" and data.strip() == b"[DONE]":
                return
            if field == b"data":
                yield _checked(_json(data))


@contextmanager
def _told(limit: Limit) -> Iterator[None]:
    """What the connection raises while an answer comes in, as what it means."""
    import httpx2

    try:
        yield
    except httpx2.TimeoutException:
        raise Unreadable(f"it said nothing more for {limit.seconds:.3g} s ([model] timeout_seconds)") from None
    except (httpx2.HTTPError, httpx2.StreamError, ssl.SSLError) as error:
        raise Unreadable(f"the connection was cut ({type(error).__name__})") from None


def _within(pieces: Iterable[bytes], limit: Limit) -> Iterator[bytes]:
    for piece in pieces:
        limit.check()  # a server that sends drop by drop is never silent for long
        yield piece


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("its answer is not JSON, or was cut") from None


def _checked(found: Any) -> dict[str, Any]:
    """An object that tells of no error."""
    if not isinstance(found, dict):
        raise Unreadable("its JSON is no object")
    if error := found.get("error"):
        words = error.get("message") if isinstance(error, dict) else error
        raise Unreadable(f"it failed while it answered: {' '.join(str(words).split())[:400]}")
    return found
