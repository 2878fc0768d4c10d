"""The rows of one table version as a search uses them, and those of a small one: all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from groundtune.knowledge.lance.slices import in_slices
from groundtune.knowledge.lance.vectors import matrix_of
from groundtune.knowledge.schema import passage_of
from groundtune.records import Passage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["InMemory", "Rows"]

_WORTH_A_CORE = 4_000
"""Vectors that take about half a millisecond to compare."""


class Rows(Protocol):
    """Rows of a version by their numbers in the table and by passage id."""

    @property
    def columns(self) -> Sequence[str]:
        """Those that `named` needs of what a search of the table has found."""
        ...

    def named(self, found: pa.Table) -> list[str]:
        """Passage ids of what a search of the table has found: a table with `Rows.columns` and ``_rowid``."""
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

    columns = ()

    def __init__(self, table: Table) -> None:
        """Read a pinned version whole."""
        self._table = table
        columns = ["id", "passage", "vector"]
        rows = table.search().select(columns).with_row_id(True).limit(max(1, table.count_rows())).to_arrow()
        self._ids: list[str] = rows["id"].to_pylist()
        self._id_of: dict[int, str] = dict(zip(rows["_rowid"].to_pylist(), self._ids, strict=True))
        self._passages: pa.Array = rows["passage"].combine_chunks()
        self._places = {id_: place for place, id_ in enumerate(self._ids)}
        self._vectors = matrix_of(rows)
        self._allowed = lru_cache(maxsize=32)(self._find_allowed)

    def named(self, found: pa.Table) -> list[str]:
        """See `Rows`."""
        return [self._id_of[number] for number in found["_rowid"].to_pylist()]

    def nearest(self, vector: NDArray[np.float32], depth: int, where: str | None) -> dict[str, float]:
        """See `Rows`."""
        import numpy as np

        cosines = np.empty(len(self._ids), np.float32)

        def compare(part: slice) -> None:
            # A BLAS product of this size waits longer for its threads than it computes.
            np.einsum("ij,j->i", self._vectors[part], vector, out=cosines[part])

        in_slices(len(cosines), _WORTH_A_CORE, compare)
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
        places = [self._places[id_] for id_ in ids]
        return [passage_of(passage) for passage in self._passages.take(places).to_pylist()] if ids else []
