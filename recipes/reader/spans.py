"""Spans of a sentence that a question could ask for, found by their form."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Kind = Literal["date", "number", "name", "phrase", "reason", "manner"]

_MINOR = """
the a an of in on at to for from by with as and or but that which who whom whose it its is was were are be
been being has have had he she they them his her their this these those not no also than then there when where
while after before during into over under about between such may can could would will should did do does
"""
MINOR_WORDS = frozenset(_MINOR.split())
"""Words that carry little of a question's meaning."""

_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_FORMS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(
            rf"(?:\b\d{{1,2}} )?\b(?:{_MONTH})\b(?: \d{{1,2}}\b)?(?: ?,? \d{{4}})?|\b(?:1[0-9]|20)\d\d(?:s\b|\b)"
            r"|\b\d{1,2}(?:st|nd|rd|th) (?:and \d{1,2}(?:st|nd|rd|th) )?centur(?:y|ies)"
        ),
    ),
    (
        "number",
        re.compile(
            r"[$£€]?\b\d[\d,.]*\d?(?:\s?%| percent| million| billion| hundred| thousand)?(?: [a-z]{3,})?"
            r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|hundreds|thousands|half)\b"
            r"(?: [a-z]{3,})?"
        ),
    ),
    (
        "name",
        re.compile(r"(?<!^)\b(?:[A-Z][\w’'-]*)(?:(?: (?:of|the|of the|and|de|von|van|-) | )[A-Z][\w’'-]*)*"),
    ),
    (
        "phrase",
        re.compile(r"\b(?:the|a|an|his|its|their|her|some|many|several|most) (?:[a-z][\w-]{2,} ){0,2}[a-z][\w-]{3,}\b"),
    ),
    ("reason", re.compile(r"\b(?:because|due to|in order to|so that)\b[^,.;]{8,60}")),
    ("manner", re.compile(r"\bby [a-z]+ing\b[^,.;]{4,50}")),
)


class Span(NamedTuple):
    """Offsets in a sentence, end exclusive."""

    kind: Kind
    start: int
    end: int


def answer_spans(sentence: str) -> list[Span]:
    """Spans of a sentence that could be answers; they do not overlap."""
    found: list[Span] = []
    for kind, form in _FORMS:
        for match in form.finditer(sentence):
            start, end = match.start(), match.start() + len(match[0].rstrip(" ,."))
            words = sentence[start:end].split()
            broken = kind == "phrase" and any(word in MINOR_WORDS for word in words[1:])
            minor = not words or sentence[start:end].lower() in MINOR_WORDS
            if not broken and not minor and all(end <= other.start or start >= other.end for other in found):
                found.append(Span(kind, start, end))
    return found
