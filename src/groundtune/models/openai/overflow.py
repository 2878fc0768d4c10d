"""A refusal because the conversation is too long: every server words it in its own way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["too_long"]

_TOO_LONG = re.compile(
    r"context (?:length|window|size)|maximum context|too many tokens|prompt is too long|(?:input|prompt) too long"
    r"|max_new_tokens` must be <=|must have less than \d+ tokens"
    r"|token count\b.{0,40}\bexceeds the maximum number of tokens",
    re.IGNORECASE,
)
_CODES = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")

_NUMBER = r"(\d[\d,]*)"
_WINDOW = (
    rf"context (?:length|window|size)(?: is| of)?(?: only)?:? \(?{_NUMBER}",
    rf"{_NUMBER} maximum context length",
    rf"maximum number of tokens allowed \(?{_NUMBER}",
    rf"> {_NUMBER} maximum",
    rf"must be <= {_NUMBER}",
    rf"must have less than {_NUMBER} tokens",
)
_GIVEN = (
    rf"(?:resulted in|requested(?: a total of)?|contains|request has|too long:|keep the first|given:) {_NUMBER}",
    rf"(?:input|request|token count) \({_NUMBER}",
)


def too_long(words: str, body: Mapping[str, Any]) -> tuple[int | None, int | None] | None:
    """Tokens of the conversation and of the window, each None where the server does not say; None for another refusal.

    Args:
        words: The server's message.
        body: Its error object, which may hold a code and numbers.
    """
    if not {str(body.get("code")), str(body.get("type"))} & set(_CODES) and not _TOO_LONG.search(words):
        return None
    return (
        _count(body.get("n_prompt_tokens")) or _first(_GIVEN, words),
        _count(body.get("n_ctx")) or _first(_WINDOW, words),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _first(patterns: tuple[str, ...], words: str) -> int | None:
    found = (re.search(pattern, words, re.IGNORECASE) for pattern in patterns)
    return next((int(match[1].replace(",", "")) for match in found if match), None)
