"""Token counts as servers report them."""

from __future__ import annotations

from typing import Any

from groundtune.records import Usage

__all__ = ["usage_of"]


def usage_of(given: Any) -> Usage | None:
    """The field ``usage`` of an answer; None where the server counts nothing, or nothing that can be believed."""
    read, written = _count(given, "prompt_tokens"), _count(given, "completion_tokens")
    if read is None or written is None:
        return None
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=_count(given.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(given.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(counts: object, name: str) -> int | None:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
