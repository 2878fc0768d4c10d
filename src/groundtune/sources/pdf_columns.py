"""Tables without rules: short cells in columns that stand clear of each other, below a header.

Whatever could as well be prose, a list, a form or a table of contents is left as lines: a row that is torn into cells
wrongly reads worse than one that is not cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from groundtune.sources.pdf_grid import Table
from groundtune.sources.pdf_text import Line, Word

__all__ = ["aligned"]

_CLEAR = 1.0  # times the size of the letters, between two cells
_BELOW = 2.6  # times the size, from one row to the next
_LEAST_ROWS = 3
_SHORT = 4  # words of a cell that is no prose
_SAME_LINE = 1.0  # points
_WRAPPED = 1.5  # times the size, from one line of a cell to the next
_LEADERS = re.compile(r"(?:\.\s?){5}|…{2}")

Cells = list[list[Word]]


@dataclass(slots=True)
class _Row:
    """What stands on one height of a page."""

    lines: list[Line]
    cells: Cells = field(init=False)

    def __post_init__(self) -> None:
        words = sorted((word for line in self.lines for word in line.words), key=lambda word: word.left)
        self.cells = []
        for word in words:
            if self.cells and word.left - self.cells[-1][-1].right <= _CLEAR * self.size:
                self.cells[-1].append(word)
            else:
                self.cells.append([word])

    @property
    def size(self) -> float:
        return max(line.size for line in self.lines)

    @property
    def base(self) -> float:
        return self.lines[0].base

    @property
    def bold(self) -> bool:
        return all(line.bold for line in self.lines)

    @property
    def is_drawn(self) -> bool:
        """Whether it is a rule made of signs."""
        return len(self.cells) == 1 and not _text(self.cells[0]).strip("-=_ ")

    @property
    def fixed(self) -> bool:
        return all(line.fixed for line in self.lines)


@dataclass(slots=True)
class _Columns:
    """The columns that rows have shown so far, as from where to where, and the rows in them."""

    spans: list[tuple[float, float]]
    rows: list[Cells]
    below: float = 0.0
    drawn: list[Word] = field(default_factory=list)

    @classmethod
    def of(cls, header: _Row) -> _Columns:
        return cls([(cell[0].left, cell[-1].right) for cell in header.cells], [list(header.cells)], header.base)

    def takes(self, row: _Row) -> bool:
        """Add a row, or the further line of a cell of the last one; False where it is neither."""
        if row.is_drawn and len(self.rows) == 1:
            self.drawn += row.cells[0]
            taken = True
        else:
            taken = self._takes_cells(row) if len(row.cells) > 1 else self._goes_on_with(row)
        self.below = row.base if taken else self.below
        return taken

    def _goes_on_with(self, row: _Row) -> bool:
        """Add what goes on below the beginning of a cell that is not the first of its row."""
        if len(self.rows) < 2 or self.below - row.base > _WRAPPED * row.size:
            return False
        for cell in self.rows[-1][1:]:
            if cell and abs(cell[0].left - row.cells[0][0].left) <= _SAME_LINE:
                cell += row.cells[0]
                return True
        return False

    def _takes_cells(self, row: _Row) -> bool:
        """Add a row whose cells stand below the columns, one below each at most; False where they do not."""
        spans, placed = list(self.spans), [list[Word]() for _ in self.spans]
        for number, cell in enumerate(row.cells):
            left, right = cell[0].left, cell[-1].right
            met = [place for place, (low, high) in enumerate(spans) if left < high and low < right]
            if not met and number == 0 and len(self.rows) == 1 and right < spans[0][0]:
                # The header says nothing above the names of the rows.
                spans, placed = [(left, right), *spans], [cell, *placed]
                self.rows = [[[], *self.rows[0]]]
                self.spans = [(left, right), *self.spans]
                continue
            if len(met) != 1 or placed[met[0]]:
                return False
            spans[met[0]] = (min(left, spans[met[0]][0]), max(right, spans[met[0]][1]))
            placed[met[0]] = cell
        if any(low - high < _CLEAR * row.size / 2 for (_, high), (low, _) in pairwise(spans)):
            return False
        self.spans = spans
        self.rows.append(placed)
        return True

    def is_table(self, *, distinct: bool) -> bool:
        """Whether this is a table and nothing else.

        Its header is in bold letters alone (``distinct``), or has words above a column of numbers, or nothing above the
        names of the rows.
        """
        header, body = self.rows[0], self.rows[1:]
        columns = [[row[place] for row in body if row[place]] for place in range(len(self.spans))]
        if len(self.rows) < _LEAST_ROWS or not all(columns) or (header[0] and _is_number(header[0])):
            return False
        if any(_LEADERS.search(_text(cell)) for row in self.rows for cell in row):
            return False
        # A list has marks or numbers in its first column, and prose in two columns has long lines in both.
        if all(len(_text(cell).strip("()[].")) <= 2 for cell in columns[0]):
            return False
        if sum(median(map(len, column)) >= _SHORT for column in columns) > 1:
            return False
        if distinct and not _is_number(header[1]):
            return True
        numbers = [all(map(_is_number, column)) for column in columns]
        named = [bool(cell) and not _is_number(cell) for cell in header]
        return any(numbers[place] and (named[place] or not header[0]) for place in range(1, len(columns)))


def aligned(lines: Sequence[Line]) -> Iterator[Table]:
    """The tables that the lines of a page hold in themselves, in order."""
    rows = list(_rows(lines))
    place = 0
    while place < len(rows):
        taken = _run(rows, place) if _may_head(rows, place) else 0
        columns, grown = _grown(rows[place : place + taken]) if taken >= _LEAST_ROWS else (None, 1)
        place += grown
        if columns is None:
            continue
        yield Table(
            tuple(tuple(map(_text, row)) for row in columns.rows),
            frozenset(word for row in columns.rows for cell in row for word in cell).union(columns.drawn),
        )


def _rows(lines: Sequence[Line]) -> Iterator[_Row]:
    """Lines that go on to the right at the same height are one row."""
    open_: list[Line] = []
    for line in lines:
        if open_ and line.words and _goes_on(open_[-1], line):
            open_.append(line)
            continue
        if open_:
            yield _Row(open_)
        open_ = [line] if line.words else []
    if open_:
        yield _Row(open_)


def _goes_on(before: Line, line: Line) -> bool:
    return abs(before.base - line.base) <= _SAME_LINE and line.words[0].left >= before.words[-1].right


def _may_head(rows: Sequence[_Row], place: int) -> bool:
    """Whether a row could be a header: a long table of numbers is not grown from each of its rows."""
    row, below = rows[place], rows[place + 1 : place + 2]
    return not all(map(_is_number, row.cells)) or any(one.cells[0][0].left < row.cells[0][0].left for one in below)


def _run(rows: Sequence[_Row], first: int) -> int:
    """How many rows from here on stand below each other; the first two have more than one cell."""
    count = 0
    for number in range(first, len(rows)):
        row, before = rows[number], rows[number - 1] if count else None
        near = before is None or 0 < before.base - row.base <= _BELOW * max(row.size, before.size)
        if (len(row.cells) < 2 and count < 2 and not (count and row.is_drawn)) or row.fixed or not near:
            break
        count += 1
    return count


def _grown(rows: Sequence[_Row]) -> tuple[_Columns | None, int]:
    """The table that these rows begin with, and how many of them are its; None and 1 where they begin with none."""
    columns = _Columns.of(rows[0])
    taken = 1
    for row in rows[1:]:
        if not columns.takes(row):
            break
        taken += 1
    distinct = rows[0].bold and not any(row.bold for row in rows[1:taken])
    return (columns, taken) if columns.is_table(distinct=distinct) else (None, 1)


def _text(cell: Sequence[Word]) -> str:
    return " ".join(word.text for word in cell)


def _is_number(cell: Sequence[Word]) -> bool:
    """Mostly digits, whatever unit or sign stands with them."""
    text = "".join(word.text for word in cell)
    return sum(map(str.isdigit, text)) * 2 > sum(map(str.isalnum, text)) or text in {"-", "–", "—"}
