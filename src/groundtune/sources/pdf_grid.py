"""Tables whose cells are ruled."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from groundtune.sources.pdf_rules import NEAR, Rule, Rules
from groundtune.sources.pdf_text import Word

__all__ = ["Table", "ruled"]

_FILLED = 0.4  # of the cells of a table; a chart's grid has fewer
_LONGEST_CELL = 120  # words; a page laid out in boxes has more
_MOST_CROSSINGS = 1_000_000
_MOST_LOOKS = 5_000_000  # at a rule for a cell: graph paper has more
_SAME_LINE = 3.0  # points between the base lines of one line
_UNRULED_ROWS = 3

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, the header first, and the words that they are made of."""

    rows: tuple[tuple[str, ...], ...]
    words: frozenset[Word]


def ruled(words: Sequence[Word], rules: Rules) -> Iterator[Table]:
    """The tables that rules make of words: at least two rows and two columns, with words in most cells."""
    if len(rules.horizontal) * len(rules.vertical) > _MOST_CROSSINGS:
        return
    for part in _connected(rules):
        if len(part.horizontal) > 1 and len(part.vertical) > 1:
            found = _Grid(part).table(words)
            if found is not None:
                yield found


def _connected(rules: Rules) -> Iterator[Rules]:
    """The rules, parted into those that cross or meet each other."""
    waiting = set(range(len(rules.vertical)))
    left = list(rules.horizontal)
    while left:
        horizontal, vertical = [left.pop()], list[Rule]()
        for rule in horizontal:
            met = [n for n in waiting if _meet(rule, rules.vertical[n])]
            waiting.difference_update(met)
            for number in sorted(met):
                vertical.append(rules.vertical[number])
                further = [other for other in left if _meet(other, rules.vertical[number])]
                horizontal += further
                left = [other for other in left if other not in further]
        yield Rules(tuple(horizontal), tuple(vertical))


def _meet(horizontal: Rule, vertical: Rule) -> bool:
    return horizontal.covers(vertical.at) and vertical.covers(horizontal.at)


@dataclass(slots=True)
class _Grid:
    """The cells between the rules of one table; sides that are not ruled end where the crossing rules end."""

    rules: Rules
    xs: list[float] = field(init=False)
    ys: list[float] = field(init=False)

    def __post_init__(self) -> None:
        across, down = self.rules.horizontal, self.rules.vertical
        self.xs = _places([r.at for r in down] + [min(r.low for r in across), max(r.high for r in across)])
        self.ys = _places([r.at for r in across] + [min(r.low for r in down), max(r.high for r in down)])

    def table(self, words: Sequence[Word]) -> Table | None:
        """The table; None where the rules frame something else."""
        looks = len(self.xs) * len(self.ys) * (len(self.rules.horizontal) + len(self.rules.vertical))
        if looks > _MOST_LOOKS:
            return None
        cells = self._cells(words)
        if max((len(cell) for cell in cells.values()), default=0) > _LONGEST_CELL:
            return None
        rows = [row for line in reversed(range(len(self.ys) - 1)) for row in self._rows(line, cells)]
        rows = [row for row in rows if any(row)]
        used = [place for place in range(len(self.xs) - 1) if any(row[place] for row in rows)]
        rows = [[row[place] for place in used] for row in rows]
        filled = sum(bool(cell) for row in rows for cell in row)
        if len(rows) < 2 or len(used) < 2 or filled < _FILLED * len(rows) * len(used):
            return None
        return Table(tuple(map(tuple, rows)), frozenset(word for cell in cells.values() for word in cell))

    def _cells(self, words: Sequence[Word]) -> dict[Place, list[Word]]:
        """The words of each cell, by row from below and column; cells that are one have theirs in the upper left."""
        owners = self._owners()
        cells: dict[Place, list[Word]] = defaultdict(list)
        for word in words:
            column = bisect_right(self.xs, (word.left + word.right) / 2) - 1
            row = bisect_right(self.ys, word.base + 1) - 1
            if 0 <= column < len(self.xs) - 1 and 0 <= row < len(self.ys) - 1:
                cells[owners[row, column]].append(word)
        return cells

    def _owners(self) -> dict[Place, Place]:
        owners: dict[Place, Place] = {}
        for row in reversed(range(len(self.ys) - 1)):
            for column in range(len(self.xs) - 1):
                middle = (self.xs[column] + self.xs[column + 1]) / 2
                height = (self.ys[row] + self.ys[row + 1]) / 2
                if column and not _is_ruled(self.rules.vertical, self.xs[column], height):
                    owners[row, column] = owners[row, column - 1]
                elif row < len(self.ys) - 2 and not _is_ruled(self.rules.horizontal, self.ys[row + 1], middle):
                    owners[row, column] = owners[row + 1, column]
                else:
                    owners[row, column] = (row, column)
        return owners

    def _rows(self, row: int, cells: dict[Place, list[Word]]) -> Iterator[list[str]]:
        """A ruled row; or the rows in it that are not ruled, where all its cells have the same lines."""
        lines = [_lines(cells.get((row, column), ())) for column in range(len(self.xs) - 1)]
        bases = [[round(base) for base, _ in cell] for cell in lines if cell]
        if len(bases) > 1 and len(bases[0]) >= _UNRULED_ROWS and all(_alike(bases[0], other) for other in bases):
            for place in range(len(bases[0])):
                yield [cell[place][1] if cell else "" for cell in lines]
        else:
            yield [" ".join(text for _, text in cell) for cell in lines]


def _alike(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= _SAME_LINE for a, b in zip(one, other, strict=True))


def _places(values: Sequence[float]) -> list[float]:
    """Different places in rising order; those within a few points are one."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > NEAR:
            found.append(value)
    return found


def _is_ruled(rules: Sequence[Rule], at: float, place: float) -> bool:
    return any(abs(rule.at - at) <= NEAR and rule.low <= place <= rule.high for rule in rules)


def _lines(words: Sequence[Word]) -> list[tuple[float, str]]:
    """The lines of a cell from above, with their base lines."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.base):
        if lines and lines[-1][0].base - word.base <= _SAME_LINE:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [(line[0].base, " ".join(w.text for w in sorted(line, key=lambda w: w.left))) for line in lines]
