"""A Markdown text as blocks: headings, paragraphs, tables with their header row, and fenced code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Block", "blocks"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)(.*?)[ \t#]*$")
_SETEXT = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*(\w?)")
_TABLE_RULE = re.compile(r" {0,3}(?=[^\n]*\|)\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$")
_ANCHOR = re.compile(r"<[^>]*>|[*`\\]")


@dataclass(frozen=True, slots=True)
class Block:
    """A span of whole lines, with the blank lines that follow it.

    Attributes:
        level: 1 to 6 for a heading, else 0.
        heading: The words of a heading, else "".
        rigid: True for code and tables, whose lines are their only good places to cut.
        header: Start and end of the header row of a table, or of the line that begins code and names its language;
            None for anything else.
    """

    start: int
    end: int
    level: int = 0
    heading: str = ""
    rigid: bool = False
    header: tuple[int, int] | None = None


@dataclass(slots=True)
class _Open:
    """The block that lines are being added to."""

    start: int
    lines: int = 0
    blank: bool = False
    fence: str = ""
    rigid: bool = False
    first: str = ""
    last: tuple[int, str] = (0, "")
    header: tuple[int, int] | None = None

    def closed(self, end: int) -> Block:
        return Block(self.start, end, rigid=self.rigid, header=self.header)


def blocks(text: str) -> Iterator[Block]:
    """Cut a text into blocks that cover it from its first to its last character, in order."""
    open_ = _Open(0)
    for found in _LINE.finditer(text):
        start, line = found.start(), found.group().rstrip("\n")
        if open_.fence:
            _add(open_, start, line)
            # A closing fence has at least the length of the opening one and nothing after it.
            if line.strip().startswith(open_.fence) and not line.strip().strip(open_.fence[0]):
                open_.fence = ""
                open_.blank = True
            continue
        heading = _ATX.match(line)
        underline = _SETEXT.match(line) if open_.lines == 1 and not open_.blank and not open_.rigid else None
        if _begins_table(open_, line):
            head = open_.last[0]
            if open_.lines > 1:
                yield open_.closed(head)
                open_ = _Open(head, lines=1, first=open_.last[1])
            open_.rigid, open_.header = True, (head, start)
            _add(open_, start, line)
        elif underline and open_.first.strip():
            yield _heading(open_.start, found.end(), 1 if line.strip()[0] == "=" else 2, open_.first)
            open_ = _Open(found.end())
        elif heading:
            if start > open_.start:
                yield open_.closed(start)
            yield _heading(start, found.end(), len(heading.group(1)), heading.group(2))
            open_ = _Open(found.end())
        else:
            fence = _FENCE.match(line)
            if open_.lines and line.strip() and (open_.blank or fence):
                yield open_.closed(start)
                open_ = _Open(start)
            _add(open_, start, line)
            open_.fence = fence.group(1) if fence else ""
            if fence and fence.group(2):
                open_.header = (start, found.end())
            open_.rigid = open_.rigid or bool(fence) or line.lstrip().startswith("|")
    if open_.start < len(text):
        yield open_.closed(len(text))


def _begins_table(open_: _Open, line: str) -> bool:
    """True when the line is the rule below a header row, which is the last line of the open block."""
    if open_.header or open_.blank or "|" not in open_.last[1]:
        return False
    return _TABLE_RULE.match(line) is not None


def _add(open_: _Open, start: int, line: str) -> None:
    if not line.strip():
        open_.blank = open_.blank or bool(open_.lines)
        return
    open_.first = open_.first or line
    open_.last = (start, line)
    open_.lines += 1


def _heading(start: int, end: int, level: int, words: str) -> Block:
    return Block(start, end, level=level, heading=" ".join(_ANCHOR.sub("", words).split()))
