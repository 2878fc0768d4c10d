"""Documents cut into passages: at headings and paragraphs, tokenised once, with exact offsets."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from groundtune.knowledge.blocks import Block, blocks
from groundtune.models.embedded.markup import audible, silence, silent_spans
from groundtune.models.embedded.tokens import Encoding
from groundtune.records import Passage

__all__ = ["CHUNKING", "MAX_TOKENS", "Piece", "Splitter", "TokenSource", "embedded_text"]

CHUNKING = "5"
"""Version of the cutting rules: raise it when the same text gives other passages."""

MAX_TOKENS = 200
"""Tokens of a passage: with its title and headings it stays within the 254 that the embedded model was trained on."""

_EMBEDDED_TOKENS = 254
_PREFIX_TOKENS = 48
_SENTENCE = re.compile(r"(?<=[.!?。！？])[\"')\]*_]*\s+|\n+(?=\s*(?:[-*+]|\d+[.)])\s)|\n\s*\n")
_NEWLINE = re.compile(r"\n+")
_SPACE = re.compile(r"\s+")


class TokenSource(Protocol):
    """Tokenises text without special tokens, offsets in code points."""

    def encode(self, text: str) -> Encoding:
        """The tokens of one text."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is embedded: ``text[start:end]`` of its document.

    Attributes:
        headings: The headings above ``start``, outermost first; one that the piece begins with is part of its text.
        context: Put before the text when it is embedded and searched: title and headings in one line, then what the
            text goes on below.
        above: What it goes on below, see `Passage`.
        ids: Tokens to embed: those of the context, then those of the text without silent markup.
    """

    start: int
    end: int
    headings: tuple[str, ...]
    context: str
    ids: list[int]
    above: str = ""


@dataclass(frozen=True, slots=True)
class _Header:
    """The header of a block: tokens ``first`` to ``last`` (exclusive), characters ``start`` to ``end``."""

    start: int
    end: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(slots=True)
class _Span:
    """Tokens ``first`` to ``last`` (exclusive) of the text from ``start`` to ``end``, while it is being put together.

    ``tail`` are the headings at its end whose text has not come yet: they leave the span if that text does not fit.
    ``header`` is that of a block that it goes on with.
    """

    start: int
    end: int
    first: int
    last: int
    path: tuple[str, ...]
    level: int
    headings_only: bool = True
    tail: _Span | None = None
    header: _Header | None = None

    def grow(self, end: int, last: int) -> None:
        self.end, self.last = end, last

    def __len__(self) -> int:
        return self.last - self.first + len(self.header or ())


class Splitter:
    """Cuts documents into passages of at most ``max_tokens`` tokens.

    A new section starts a new passage, unless the one before it is short and not deeper in the outline. A heading stays
    with the text below it; code and tables stay whole where they fit, and are cut between lines where they do not, the
    further rows of a table embedded below its header, the further lines of code below their language; prose is cut
    between sentences. Nothing overlaps. Headings make a passage by themselves only where so many follow each other that
    they fill one, or where there is nothing else.
    """

    def __init__(self, tokens: TokenSource, max_tokens: int = MAX_TOKENS) -> None:
        """Cut with these tokens; ``max_tokens`` counts the text without its context, at least 16."""
        self._tokens = tokens
        self.max_tokens = max(16, max_tokens)
        self._context_ids = lru_cache(maxsize=512)(lambda text: tuple(tokens.encode(text).ids[:_PREFIX_TOKENS]))

    def split(self, text: str, title: str) -> list[Piece]:
        """Cut one text; the pieces are in order and cover every token once."""
        spoken = silence(self._tokens.encode(text), silent_spans(text))
        ids, starts = spoken.ids, [start for start, _ in spoken.offsets]
        spans = _Assembly(text, starts, self.max_tokens).spans()
        pieces = (self._piece(text, title, span, ids) for span in spans if span.last > span.first)
        return [piece for piece in pieces if piece is not None]

    def whole(self, text: str, title: str = "") -> Piece:
        """The whole text as one piece, embedded as far as the model reads: for what must not be cut."""
        ids = silence(self._tokens.encode(text), silent_spans(text)).ids
        return Piece(0, len(text), (), title, self._with_context(title, ids))

    def _piece(self, text: str, title: str, span: _Span, ids: list[int]) -> Piece | None:
        body = text[span.start : span.end]
        start = span.start + len(body) - len(body.lstrip())
        end = span.end - (len(body) - len(body.rstrip()))
        if start >= end:
            return None
        context, own = _context(title, span.path), ids[span.first : span.last]
        if span.header is None:
            return Piece(start, end, span.path, context, self._with_context(context, own))
        header = span.header
        own = [*ids[header.first : header.last], *own]
        above = text[header.start : header.end].strip()
        return Piece(
            start, end, span.path, f"{context}\n{audible(above)}", self._with_context(context, own), above=above
        )

    def _with_context(self, context: str, ids: list[int]) -> list[int]:
        room = max(0, _EMBEDDED_TOKENS - len(ids))
        return [*self._context_ids(context)[:room], *ids[:_EMBEDDED_TOKENS]]


def embedded_text(passage: Passage) -> str:
    """What the embedding model reads for a passage: where it stands, what it goes on below, then its text."""
    title = passage.title if passage.titled else ""
    lines = (_context(title, passage.headings), passage.above, passage.text)
    return "\n".join(line for line in lines if line)


def _context(title: str, path: tuple[str, ...]) -> str:
    parts = [title, *path] if title and path[:1] != (title,) else list(path)
    return " > ".join(part for part in parts if part)


@dataclass(slots=True)
class _Assembly:
    """Puts the blocks of one text together into spans."""

    text: str
    starts: list[int]
    limit: int
    _done: list[_Span] = field(default_factory=list)
    _open: _Span | None = None
    _path: list[tuple[int, str]] = field(default_factory=list)

    def spans(self) -> list[_Span]:
        for block in blocks(self.text):
            first, last = bisect_left(self.starts, block.start), bisect_left(self.starts, block.end)
            # A "heading" of half a passage is a paragraph that begins with a number sign.
            if block.level and last - first <= self.limit // 2:
                self._heading(block, first, last)
            else:
                self._body(block, first, last)
        if self._open is not None:
            self._finish(self._open)
        return self._done

    def _finish(self, span: _Span) -> None:
        """The last span: headings without text below them go to the passage before, unless they fill one themselves."""
        before = self._done[-1] if self._done else None
        if span.headings_only and before is not None and len(span) <= self.limit // 2:
            before.end, before.last = span.end, span.last
        else:
            self._done.append(span)

    def _flush(self) -> None:
        if self._open is not None:
            self._done.append(self._open)
            self._open = None

    def _heading(self, block: Block, first: int, last: int) -> None:
        open_ = self._open
        if open_ is not None:
            full = len(open_) + last - first > self.limit
            new_section = len(open_) > self.limit // 4 or block.level < open_.level
            if open_.headings_only and full:
                self._flush()
            elif not open_.headings_only and (full or new_section):
                self._make_room()
        while self._path and self._path[-1][0] >= block.level:
            self._path.pop()
        own = _Span(block.start, block.end, first, last, self._above(), block.level)
        if self._open is None:
            self._open = own
        else:
            self._open.grow(block.end, last)
            if self._open.tail is not None:
                self._open.tail.grow(block.end, last)
            elif not self._open.headings_only:
                self._open.tail = own
        self._path.append((block.level, block.heading))

    def _above(self) -> tuple[str, ...]:
        return tuple(words for _, words in self._path if words)

    def _body(self, block: Block, first: int, last: int) -> None:
        if first == last and self._open is not None:  # blank lines, or markup that says nothing
            self._open.grow(block.end, last)
            return
        if self._open is not None and len(self._open) + last - first > self.limit and not self._open.headings_only:
            self._make_room()
        header = self._header(block)
        for end, stop in self._cuts(block, first, last, header):
            if self._open is None:
                start = self._done[-1].end if self._done else block.start
                self._open = _Span(start, end, first, stop, self._above(), 0)
                if header is not None and start >= header.end:
                    self._open.header = header
            self._open.grow(end, stop)
            self._open.tail = None
            self._open.headings_only = False
            first = stop
            if stop < last:
                self._flush()

    def _make_room(self) -> None:
        """Close the open span, but for headings at its end, which wait for the text that comes."""
        open_ = self._open
        if open_ is None:
            return
        tail = open_.tail
        if tail is not None:
            open_.grow(tail.start, tail.first)
            open_.tail = None
        self._done.append(open_)
        self._open = tail

    def _header(self, block: Block) -> _Header | None:
        """The header to repeat above further lines; one that would fill most of a passage is not repeated."""
        if block.header is None:
            return None
        start, end = block.header
        header = _Header(start, end, bisect_left(self.starts, start), bisect_left(self.starts, end))
        return header if 0 < len(header) <= self.limit // 3 else None

    def _cuts(self, block: Block, first: int, last: int, header: _Header | None) -> Iterator[tuple[int, int]]:
        """Ends of the parts of a block, as (character, token); one part where it fits."""
        taken = len(self._open) if self._open is not None else 0
        room = max(self.limit - taken, self.limit // 4)
        while last - first > room:
            stop, end = self._best_cut(block, first, first + room)
            yield end, stop
            first, room = stop, self.limit - len(header or ())
        yield block.end, last

    def _best_cut(self, block: Block, first: int, furthest: int) -> tuple[int, int]:
        """The last good place to cut before token ``furthest``, as (token, character)."""
        begin, end = self.starts[first], self.starts[furthest]
        least = first + (furthest - first) // 3
        for pattern in (_NEWLINE, _SPACE) if block.rigid else (_SENTENCE, _NEWLINE, _SPACE):
            for found in reversed(list(pattern.finditer(self.text, begin, end + 1))):
                stop = bisect_left(self.starts, found.end())
                if least < stop <= furthest:
                    return stop, found.end()
        return furthest, end
