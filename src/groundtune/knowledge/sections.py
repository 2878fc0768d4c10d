"""Small to big: passages are found small, and the model is given the sections around them, up to a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from groundtune.knowledge.blocks import Block, blocks
from groundtune.records import Document, Hit, Passage

__all__ = ["Sections"]

Reads = Callable[[str, frozenset[str]], Document | None]
"""Gives a document by its id to a caller with these access groups."""

_MOST_CHARACTERS = 12
"""Characters of a token at most, on average over a section: longer texts are over the budget without counting."""


_MOST_HEADER_TOKENS = 64
"""A longer header is not repeated above a part of its table: it is no part of the budget."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading with everything below it, down to the next heading of its level or a higher one."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class _Outline:
    """Where a text can be cut: its sections, outermost first, and the borders of its blocks; those with a header."""

    sections: tuple[_Section, ...]
    borders: tuple[int, ...]
    headed: tuple[Block, ...]


@dataclass(slots=True)
class _Part:
    """A piece of a document that the model is given, with the hit that it grew from."""

    hit: Hit
    document: Document
    start: int
    end: int

    def holds(self, passage: Passage) -> bool:
        return passage.document == self.document.id and self.start <= passage.start and passage.end <= self.end

    def touches(self, other: _Part) -> bool:
        if self.document.id != other.document.id:
            return False
        low, high = sorted([(self.start, self.end), (other.start, other.end)])
        return not self.document.text[low[1] : high[0]].strip()


class Sections:
    """Widens hits to the sections that they stand in; safe from many threads.

    The budget is shared out in the order of the hits: each gets an equal part of what is left. A hit grows to the
    largest section around it that fits; where even the smallest does not, by whole paragraphs inside it. Parts of one
    document that meet become one. Nothing leaves the document of a hit, so nobody sees what he may not.
    """

    def __init__(self, document: Reads, count: Callable[[str], int], budget: int) -> None:
        """Widen with these documents.

        Args:
            document: Gives a document by its id to a caller with access groups; None where there is none for him.
            count: Tokens of a text.
            budget: Tokens of all hits together; what the hits have by themselves is never cut.
        """
        self._document = document
        self._count = count
        self._budget = budget
        self._outline = lru_cache(maxsize=128)(_outline)

    def around(self, hits: Sequence[Hit], groups: frozenset[str] = frozenset()) -> list[Hit]:
        """The hits with the text around them, best first; fewer where parts of a document meet.

        Args:
            hits: What was found for a caller.
            groups: The caller's access groups.

        Returns:
            A demonstration, and a passage whose document has changed since it was found, stay as they are.
        """

        spare = self._budget - sum(self._count(hit.passage.text) for hit in hits)
        parts: list[_Part | Hit] = []
        for place, hit in enumerate(hits):
            if any(isinstance(part, _Part) and part.holds(hit.passage) for part in parts):
                spare += self._count(hit.passage.text)
                continue
            document = self._holder(hit.passage, groups)
            if document is None:
                parts.append(hit)
                continue
            part = _Part(hit, document, hit.passage.start, hit.passage.end)
            spare -= self._grow(part, max(0, spare) // (len(hits) - place))
            parts.append(part)
        widened = (part if isinstance(part, Hit) else self._widened(part) for part in _merged(parts))
        return [replace(hit, rank=rank) for rank, hit in enumerate(widened, start=1)]

    def _holder(self, passage: Passage, groups: frozenset[str]) -> Document | None:
        """The document that the passage still stands in."""
        document = self._document(passage.document, groups) if passage.answer is None else None
        if document is None or document.text[passage.start : passage.end] != passage.text:
            return None
        return document

    def _grow(self, part: _Part, room: int) -> int:
        """Widen a part by at most ``room`` tokens; how many it took."""
        text, outline = part.document.text, self._outline(part.document.text)
        around = [s for s in outline.sections if s.start <= part.start and part.end <= s.end]
        own = self._count(text[part.start : part.end])
        for section in around:
            taken = self._fitting(text[section.start : section.end], own + room)
            if taken is not None:
                part.start, part.end = section.start, section.end
                return taken - own
        inside = around[-1] if around else _Section(0, len(text), "")
        return self._grow_by_blocks(part, [b for b in outline.borders if inside.start <= b <= inside.end], room)

    def _grow_by_blocks(self, part: _Part, borders: Sequence[int], room: int) -> int:
        """Take in whole blocks after and before by turns, as long as they fit."""
        text, left = part.document.text, room
        grown = True
        while grown:
            grown = False
            after = min((b for b in borders if b > part.end), default=part.end)
            taken = self._fitting(text[part.end : after], left)
            if after > part.end and taken is not None:
                part.end, left, grown = after, left - taken, True
            before = max((b for b in borders if b < part.start), default=part.start)
            taken = self._fitting(text[before : part.start], left)
            if before < part.start and taken is not None:
                part.start, left, grown = before, left - taken, True
        return room - left

    def _fitting(self, text: str, room: int) -> int | None:
        """Tokens of a text; None where they are more than ``room``."""
        if len(text) > room * _MOST_CHARACTERS:
            return None
        tokens = self._count(text)
        return tokens if tokens <= room else None

    def _widened(self, part: _Part) -> Hit:
        document, old = part.document, part.hit.passage
        body = document.text[part.start : part.end]
        start = part.start + len(body) - len(body.lstrip())
        end = part.end - (len(body) - len(body.rstrip()))
        if (start, end) == (old.start, old.end):
            return part.hit
        outline = self._outline(document.text)
        around = [s for s in outline.sections if s.start < start < s.end]
        above = _above(document.text, outline.headed, start)
        passage = Passage(
            id=f"{document.id}#{start}-{end}",
            document=document.id,
            source=old.source,
            title=old.title,
            titled=old.titled,
            headings=tuple(section.heading for section in around if section.heading),
            start=start,
            end=end,
            text=document.text[start:end],
            page=document.page_at(start),
            page_breaks=document.page_breaks(start, end),
            above="" if self._fitting(above, _MOST_HEADER_TOKENS) is None else above,
        )
        return replace(part.hit, passage=passage)


def _merged(parts: Sequence[_Part | Hit]) -> Iterator[_Part | Hit]:
    """Parts that meet as one, in the place of the best of them."""
    waiting = list(parts)
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, _Part):
            met = True
            while met:
                met = False
                for other in [other for other in waiting if isinstance(other, _Part) and part.touches(other)]:
                    part.start, part.end = min(part.start, other.start), max(part.end, other.end)
                    waiting.remove(other)
                    met = True
        yield part


def _above(text: str, headed: Sequence[Block], start: int) -> str:
    """The header of the block that goes on at a place; "" where none does."""
    headers = [block.header for block in headed if block.start < start < block.end]
    return next((text[slice(*header)].strip() for header in headers if header and header[1] <= start), "")


def _outline(text: str) -> _Outline:
    found: list[_Section] = []
    open_: list[tuple[int, int, str]] = []
    borders, headed = [0], []
    for block in blocks(text):
        borders.append(block.end)
        if block.header is not None:
            headed.append(block)
        while block.level and open_ and open_[-1][0] >= block.level:
            found.append(_Section(open_[-1][1], block.start, open_.pop()[2]))
        if block.level:
            open_.append((block.level, block.start, block.heading))
    found += [_Section(start, len(text), heading) for _, start, heading in open_]
    whole = _Section(0, len(text), "")
    sections = sorted(found, key=lambda section: (section.start, -section.end))
    return _Outline((whole, *sections), tuple(borders), tuple(headed))
