"""The rows of one table version as a search uses them: all in memory while that is little, else read from disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from groundtune.knowledge.lance.approximate import nearest
from groundtune.knowledge.lance.language import quoted
from groundtune.knowledge.lance.published import Tuning
from groundtune.knowledge.lance.vectors import matrix_of
from groundtune.knowledge.schema import PASSAGE_COLUMNS, passage_of
from groundtune.records import Passage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["InMemory", "OnDisk", "Rows"]

T = TypeVar("T")

_BATCH = 500
_REMEMBERED = 1024
"""Rows that are remembered after a ranking has returned them: the stages after it ask for the same ones again."""


class Rows(Protocol):
    """Rows of a version by their numbers in the table and by passage id."""

    def named(self, found: pa.Table) -> list[str]:
        """Passage ids of what a search of the table has found: a table with ``id`` and ``_rowid``."""
        ...

    def nearest(self, vector: NDArray[np.float32], depth: int, where: str | None) -> dict[str, float]:
        """Cosines of the ``depth`` passages nearest to a unit vector among those of a condition, in any order."""
        ...

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines of passages to a unit vector, shape (len(ids),)."""
        ...

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of passages, shape (len(ids), dimensions)."""
        ...

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """Passages in the order of their ids."""
        ...


class InMemory:
    """Everything in memory, and an exact scan over all vectors."""

    def __init__(self, table: Table) -> None:
        """Read a pinned version whole."""
        self._table = table
        columns = [*PASSAGE_COLUMNS, "vector"]
        rows = table.search().select(columns).limit(max(1, table.count_rows())).to_arrow()
        self._ids: list[str] = rows["id"].to_pylist()
        self._rows: pa.Table = rows.select(PASSAGE_COLUMNS).combine_chunks()
        self._places = {id_: place for place, id_ in enumerate(self._ids)}
        self._vectors = matrix_of(rows)
        self._allowed = lru_cache(maxsize=32)(self._find_allowed)

    def named(self, found: pa.Table) -> list[str]:
        """See `Rows`."""
        ids: list[str] = found["id"].to_pylist()
        return ids

    def nearest(self, vector: NDArray[np.float32], depth: int, where: str | None) -> dict[str, float]:
        """See `Rows`."""
        import numpy as np

        # einsum stays in this thread: a BLAS product of this size waits longer for its threads than it computes.
        cosines = np.einsum("ij,j->i", self._vectors, vector)
        places = np.arange(len(self._ids)) if where is None else self._allowed(where)
        if depth < len(places):
            places = places[np.argpartition(cosines[places], -depth)[-depth:]]
        return {self._ids[place]: float(cosines[place]) for place in places.tolist()}

    def _find_allowed(self, where: str) -> NDArray[np.int64]:
        import numpy as np

        rows = self._table.search().where(where).select(["id"]).limit(max(1, len(self._ids))).to_arrow()
        return np.array([self._places[id_] for id_ in rows["id"].to_pylist()], np.int64)

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Rows`."""
        cosines: NDArray[np.float32] = self.vectors(ids) @ vector
        return cosines

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """See `Rows`."""
        return self._vectors[[self._places[id_] for id_ in ids]]

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """See `Rows`."""
        rows = self._rows.take([self._places[id_] for id_ in ids]) if ids else self._rows.slice(0, 0)
        return [passage_of(row) for row in rows.to_pylist()]


class OnDisk:
    """Nothing in memory but what was found last; the nearest come from the table's approximate index.

    Args:
        table: A pinned version.
        tuning: How its index is asked.
    """

    def __init__(self, table: Table, tuning: Tuning) -> None:
        self._table = table
        self._tuning = tuning
        self._lock = threading.Lock()
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._rows: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def named(self, found: pa.Table) -> list[str]:
        """See `Rows`."""
        ids: list[str] = found["id"].to_pylist()
        self._remember(self._numbers, dict(zip(ids, found["_rowid"].to_pylist(), strict=True)))
        return ids

    def nearest(self, vector: NDArray[np.float32], depth: int, where: str | None) -> dict[str, float]:
        """See `Rows`."""
        found = nearest(self._table, vector, depth, where=where, tuning=self._tuning)
        return dict(zip(self.named(found), (1.0 - found["_distance"].to_numpy()).tolist(), strict=True))

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Rows`."""
        rows = self._take(ids, ["id", "vector"])
        cosines = matrix_of(rows) @ vector
        places = {id_: place for place, id_ in enumerate(rows["id"].to_pylist())}
        return cosines[[places[id_] for id_ in ids]]

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """See `Rows`."""
        import numpy as np

        return np.stack([row["vector"] for row in self._whole(ids)])

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """See `Rows`."""
        return [passage_of(row) for row in self._whole(ids)]

    def _whole(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        known = {id_: self._rows[id_] for id_ in ids if id_ in self._rows}
        missing = [id_ for id_ in ids if id_ not in known]
        if missing:
            found = self._take(missing, [*PASSAGE_COLUMNS, "vector"])
            rows = found.select(PASSAGE_COLUMNS).to_pylist()
            for row, vector in zip(rows, matrix_of(found), strict=True):
                known[row["id"]] = {**row, "vector": vector}
            self._remember(self._rows, {id_: known[id_] for id_ in missing})
        return [known[id_] for id_ in ids]

    def _take(self, ids: Sequence[str], columns: list[str]) -> pa.Table:
        """Rows of passages, in the table's order."""
        known = {id_: self._numbers.get(id_) for id_ in ids}
        unknown = [id_ for id_, number in known.items() if number is None]
        for start in range(0, len(unknown), _BATCH):
            where = f"id IN ({quoted(unknown[start : start + _BATCH])})"
            self.named(self._table.search().where(where).select(["id"]).with_row_id(True).limit(_BATCH).to_arrow())
        numbers = [self._numbers[id_] if number is None else number for id_, number in known.items()]
        return self._table.take_row_ids(numbers).select(columns).to_arrow()

    def _remember(self, memory: OrderedDict[str, T], found: Mapping[str, T]) -> None:
        with self._lock:
            memory.update(found)
            while len(memory) > _REMEMBERED:
                memory.popitem(last=False)
