"""A document's Markdown as typographic blocks, with one cited span marked.

Markdown's signs are hidden and its links are not followed: a document cannot bring in code, links or pictures. Whatever
is cited stays visible, and offsets stay exact. Escaping is left to the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["heading", "code", "item", "table", "text", "lines"]

_HEADING = re.compile(r"(#{1,6})\s+")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+")
_FENCE = re.compile(r"\s*(```|~~~)")

_KEPT = re.compile(
    r"!?\[(?P<link>[^\[\]\n]+)\]\([^()\s]*\)"
    r"|(?<![\w*])\*\*(?P<strong>[^\s*](?:[^*\n]*[^\s*])?)\*\*(?![\w*])"
)
"""Signs around words: the words stay visible."""

_HIDDEN = re.compile(
    r"""<a\s+name=["'][^"'>]*["']\s*/?>(?:\s*</a>)?"""  # an anchor
    r"|\\(?=[!-/:-@\[-`{-~])"  # an escape
    r"|`+"  # code
)
"""Signs that are hidden wherever they stand in a line."""

_SHORT_LINE = 50
"""A line of fewer characters, not the last of its block, was broken on purpose and not for its width."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive characters that are all cited or all not."""

    text: str
    cited: bool


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a document.

    Attributes:
        kind: What it looks like.
        level: Depth of a heading, 1 to 6; 0 for everything else.
        segments: Its text in reading order, without the marks that only say what kind it is.
    """

    kind: Kind
    level: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    kind: Kind
    level: int
    start: int
    end: int


def document_blocks(text: str, start: int | None = None, end: int | None = None) -> list[Block]:
    """Cut a document into blocks and mark the characters ``[start, end)``.

    Args:
        text: The document's text.
        start: First cited character, None for no citation.
        end: One past the last cited character.

    Returns:
        Blocks in reading order; blank lines between them are dropped.
    """
    cited = (start, end) if start is not None and end is not None else (0, 0)
    blocks = [Block(span.kind, span.level, _segments(text, span, *cited)) for span in _spans(text)]
    return [block for block in blocks if block.segments]


def _segments(text: str, span: _Span, start: int, end: int) -> tuple[Segment, ...]:
    """The visible text of a block, cut where the citation begins and ends."""
    left = min(max(start, span.start), span.end)
    right = max(min(end, span.end), left)
    hidden = _hidden(text, span)
    cited = _visible(text, left, right, hidden) or text[left:right]
    before, after = _visible(text, span.start, left, hidden), _visible(text, right, span.end, hidden)
    parts = (Segment(before, False), Segment(cited, True), Segment(after, False))
    return tuple(part for part in parts if part.text)


def _hidden(text: str, span: _Span) -> set[int]:
    """Offsets of the characters of a block that are signs and not words."""
    if span.kind in ("code", "table"):
        return set()
    signs = {place for match in _HIDDEN.finditer(text, span.start, span.end) for place in range(*match.span())}
    for match in _KEPT.finditer(text, span.start, span.end):
        kept = match.span(match.lastgroup or 0)
        signs.update(range(match.start(), kept[0]), range(kept[1], match.end()))
    return signs


def _visible(text: str, start: int, end: int, hidden: set[int]) -> str:
    return "".join(text[place] for place in range(start, end) if place not in hidden)


def _spans(text: str) -> Iterator[_Span]:
    """Blocks with offsets; neighbouring lines that belong together become one."""
    block: _Span | None = None
    for line in _line_spans(text):
        if block is not None and line is not None and _joins(block, line):
            block = replace(block, end=line.end)
            continue
        if block is not None:
            yield _laid_out(text, block)
        block = line
    if block is not None:
        yield _laid_out(text, block)


def _line_spans(text: str) -> Iterator[_Span | None]:
    """What each line is; None for what only separates: blank lines and code fences."""
    fenced = False
    for start, line in _lines(text):
        if _FENCE.match(line):
            fenced = not fenced
            yield None
        elif fenced:
            yield _Span("code", 0, start, start + len(line))
        else:
            yield _line_span(line, start)


def _laid_out(text: str, span: _Span) -> _Span:
    """Prose may be wrapped anew; lines that were broken on purpose stay as they are."""
    lines = text[span.start : span.end].splitlines()
    if span.kind == "text" and any(len(line) < _SHORT_LINE for line in lines[:-1]):
        return replace(span, kind="lines")
    return span


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line without its line break, with the offset of its first character."""
    position = 0
    for line in text.splitlines(keepends=True):
        yield position, line.rstrip("\r\n")
        position += len(line)


def _line_span(line: str, start: int) -> _Span | None:
    """What a line outside of code is; None for a blank one."""
    if not line.strip():
        return None
    end = start + len(line)
    if heading := _HEADING.match(line):
        return _Span("heading", len(heading[1]), start + heading.end(), end)
    if line.lstrip().startswith("|"):
        return _Span("table", 0, start, end)
    if item := _ITEM.match(line):
        return _Span("item", 0, start + item.end(), end)
    return _Span("text", 0, start, end)


def _joins(first: _Span, second: _Span) -> bool:
    """Whether a line goes on in the block above it."""
    if second.kind in ("heading", "item") or first.kind == "heading":
        return False
    return first.kind == second.kind or (first.kind == "item" and second.kind == "text")
