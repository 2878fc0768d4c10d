"""Pieces of a text that are private, and the text without them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "Span", "masked", "without_overlaps"]

Kind = Literal["secret", "email", "card", "iban", "phone", "ssn", "ip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """``text[start:end]`` is private; ``sure`` when its form leaves no doubt. The value itself is never kept."""

    kind: Kind
    start: int
    end: int
    sure: bool = True


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """In the order of the text; where some overlap, the first one that was given stays."""
    kept: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def masked(text: str, spans: Iterable[Span]) -> str:
    """The text with a placeholder such as ``[EMAIL]`` in place of each span; the spans must not overlap."""
    for span in sorted(spans, key=lambda span: span.start, reverse=True):
        text = f"{text[: span.start]}[{span.kind.upper()}]{text[span.end :]}"
    return text
