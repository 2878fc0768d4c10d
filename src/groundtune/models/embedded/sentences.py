"""Sentences of a passage, with exact offsets.

Prose is cut at its full stops; a line of a list, a table, a header ("Status: Final") or a heading is a sentence of its
own. A line break inside wrapped prose cuts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["sentences"]

_WRAPPED = 45
"""A line of prose that is shorter than this was not broken to fit a width, so what follows is something new."""

_STOP = re.compile(
    r"""[.!?。！？]["'”’)\]]*(?=\s+["'“‘(\[]*[^\W_a-z])"""  # a stop, then white space and a capital or a digit
    r"""|(?<=\s)[.!?](?=\s+["'“‘`(\[]*[A-Z0-9])"""  # text with a space before its stops
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Lt|Col|Gen|Capt|Gov|Sen|Rep|Rev|vs|etc|e\.g|i\.e|cf|al|approx|ca|No|Nos|Vol|Fig|Figs|Sec|Eq"
    r"|Art|Ch|Inc|Ltd|Co|Corp|Dept|Univ)|\b[A-Z])$"  # a single capital is an initial
)
_LINE = re.compile(r"[^\n]+")
_OWN_LINE = re.compile(r"\s*(?:[-*+•|#>:]|\.\. |```|\d+[.)]\s|[A-Za-z][\w /()-]{0,40}:(?:\s|$)|[=~^\"'-]{3,}\s*$)")


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text stand: in order, apart, without white space at their ends.

    Returns:
        Code-point offsets, end exclusive; empty for a text of white space.
    """
    found = []
    for start, end in _blocks(text):
        for left, right in _split(text, start, end):
            stripped = text[left:right].strip()
            if stripped:
                left += len(text[left:right]) - len(text[left:right].lstrip())
                found.append((left, left + len(stripped)))
    return found


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Lines, those of one wrapped paragraph joined."""
    start: int | None = None
    previous: tuple[int, int] = (0, 0)
    for match in _LINE.finditer(text):
        line = match.span()
        if start is not None and not _continues(text, previous, line):
            yield start, previous[1]
            start = None
        start = line[0] if start is None else start
        previous = line
    if start is not None:
        yield start, previous[1]


def _continues(text: str, previous: tuple[int, int], line: tuple[int, int]) -> bool:
    """Whether a line goes on with the prose of the line before it."""
    before, now = text[slice(*previous)], text[slice(*line)]
    adjacent = line[0] == previous[1] + 1
    prose = len(before.strip()) >= _WRAPPED and not before.lstrip().startswith(("#", "|", "```"))
    return adjacent and prose and bool(now.strip()) and not _OWN_LINE.match(now)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    left = start
    for match in _STOP.finditer(text, start, end):
        glued = match[0] == "." and not text[match.start() - 1 : match.start()].isspace()
        if glued and _ABBREVIATION.search(text[max(left, match.start() - 12) : match.start()]):
            continue
        yield left, match.end()
        left = match.end()
    yield left, end
