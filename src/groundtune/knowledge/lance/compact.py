"""Rows of a large version: their vectors compressed in memory, their texts read from the disk when they are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from groundtune.knowledge.lance.compressed import CLOSED, Compressed, Signs
from groundtune.knowledge.lance.published import Tuning
from groundtune.knowledge.lance.shared import Part, Shared
from groundtune.knowledge.lance.stored import Stored
from groundtune.knowledge.lance.vectors import matrix_of

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["Compact", "numbers_of", "signs_of", "vectors_of"]

_SHARE = 0.1
"""Rows that a version may lack, or have beyond, what another has read, and still use what that has read."""
_MEANT = 1024
"""Rows of which the mean is taken."""
_READ = 4096
"""Rows whose vectors are read together."""
_FILTERS = 8
"""Filters of which is remembered what they let through."""


class Compact(Stored):
    """See `Rows`.

    Args:
        table: A pinned version.
        tuning: How many candidates are compared.
        lineage: Of the table.
        shared: What other versions have read.
    """

    columns = ()

    def __init__(self, table: Table, tuning: Tuning, lineage: str, shared: Shared) -> None:
        super().__init__(table)
        self._candidates = tuning.candidates
        # BM25's index too, or the first questions wait for the disk; first, for it needs most memory while it is read.
        table.prewarm_index("indexed_idx")  # type: ignore[attr-defined]
        self._numbers = numbers_of(table)
        self._parts = self._read(lineage, shared)
        self._closed = lru_cache(maxsize=_FILTERS)(self._find_closed)

    def named(self, found: pa.Table) -> list[str]:
        """See `Rows`."""
        return self._named(found["_rowid"].to_numpy())

    def nearest(self, vector: NDArray[np.float32], depth: int, where: str | None) -> dict[str, float]:
        """See `Rows`."""
        cosines: dict[int, float] = {}
        for (_, part), closed in zip(self._parts, self._closed(where), strict=True):
            places, found = part.nearest(vector, depth, self._candidates, closed)
            cosines.update(zip(part.numbers[places].tolist(), found.tolist(), strict=True))
        best = sorted(cosines, key=lambda number: (-cosines[number], number))[:depth]
        return dict(zip(self._named(np.array(best, np.uint64)), map(cosines.__getitem__, best), strict=True))

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Rows`."""
        cosines: NDArray[np.float32] = self.vectors(ids) @ vector
        return cosines

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """See `Rows`."""
        numbers = np.array(self._numbers_of(ids), np.uint64)
        vectors = np.empty((len(numbers), self._parts[0].vectors.signs.dimensions), np.float32)
        for _, part in self._parts:
            here = _among(numbers, part.numbers)
            vectors[here] = part.vectors(np.searchsorted(part.numbers, numbers[here]))
        return vectors

    def _named(self, numbers: NDArray[np.uint64]) -> list[str]:
        names = np.empty(len(numbers), object)
        for all_ids, part in self._parts:
            here = _among(numbers, part.numbers)
            names[here] = all_ids.take(np.searchsorted(part.numbers, numbers[here])).to_pylist()
        ids: list[str] = names.tolist()
        self._remember_numbers(ids, numbers.tolist())
        return ids

    def _find_closed(self, where: str | None) -> list[NDArray[np.uint16] | None]:
        """For each part what a search must not find: what this version lacks or a condition excludes; None: nothing."""
        open_ = self._numbers
        if where is not None:
            query = self._table.search().where(where).select(["ordinal"]).with_row_id(True)
            open_ = np.sort(query.limit(max(1, len(self._numbers))).to_arrow()["_rowid"].to_numpy())
        found = [_among(part.numbers, open_) for _, part in self._parts]
        return [None if among.all() else np.where(among, np.uint16(0), CLOSED) for among in found]

    def _read(self, lineage: str, shared: Shared) -> list[Part]:
        """The rows that are shared and those that they lack; all anew where too few are shared."""
        base, most = shared.of(lineage), _SHARE * len(self._numbers)
        if base is not None:
            common = base.vectors.numbers
            lacking = self._numbers[~_among(self._numbers, common)]
            gone = len(common) + len(lacking) - len(self._numbers)
            if max(len(lacking), gone) <= most:
                return [base, _beyond(self._table, lacking, base.vectors.signs)] if len(lacking) else [base]
        base = _whole(self._table, self._numbers)
        shared.keep(lineage, base)
        return [base]


def _whole(table: Table, numbers: NDArray[np.uint64]) -> Part:
    """All rows of a table, which have these numbers."""
    signs, ids = signs_of(table, numbers), _all(table, ["id"])
    return Part(_ids_of(ids), Compressed(numbers, signs, vectors_of(table)))


def _beyond(table: Table, numbers: NDArray[np.uint64], signs: Signs) -> Part:
    """A few rows, with codes that are made like those of the others."""
    rows = _taken(table, numbers, ["id", "vector"])
    return Part(_ids_of(rows), Compressed(numbers, signs, [(_numbers_in(rows), matrix_of(rows))]))


def vectors_of(table: Table) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.float32]]]:
    """Numbers and vectors of all rows, some at a time: a whole scan reads ahead, and keeps 300 MB for it."""
    for low in range(0, int(table.count_rows()), _READ):
        rows = table.search().select(["vector"]).with_row_id(True).offset(low).limit(_READ).to_arrow()
        yield rows["_rowid"].to_numpy(), matrix_of(rows)


def numbers_of(table: Table) -> NDArray[np.uint64]:
    """Numbers of all rows, rising."""
    numbers: NDArray[np.uint64] = np.sort(_numbers_in(_all(table, ["_rowid"])))
    return numbers


def signs_of(table: Table, numbers: NDArray[np.uint64]) -> Signs:
    """Codes against the mean of rows that are evenly spread over those of these numbers."""
    rows = _taken(table, numbers[:: max(1, len(numbers) // _MEANT)], ["vector"])
    return Signs(matrix_of(rows).mean(axis=0))


def _all(table: Table, columns: Sequence[str]) -> pa.Table:
    rows = max(1, int(table.count_rows()))
    # At once: in the small batches of `to_arrow` the numbers take four times as long.
    return table.search().select([*columns]).with_row_id(True).limit(rows).to_batches(rows).read_all()


def _taken(table: Table, numbers: NDArray[np.uint64], columns: Sequence[str]) -> pa.Table:
    return table.take_row_ids(numbers.tolist()).select([*columns]).with_row_id().to_arrow()


def _numbers_in(rows: pa.Table) -> NDArray[np.uint64]:
    numbers: NDArray[np.uint64] = rows["_rowid"].to_numpy()
    return numbers


def _ids_of(rows: pa.Table) -> pa.Array:
    """Passage ids in the order of the numbers."""
    return rows["id"].combine_chunks().take(np.argsort(_numbers_in(rows)))


def _among(numbers: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of rising numbers are among others, rising too, or in any order where they are few."""
    if not len(others):
        return np.zeros(len(numbers), np.bool_)
    places = np.minimum(np.searchsorted(others, numbers), len(others) - 1)
    found: NDArray[np.bool_] = others[places] == numbers
    return found
