"""Rows of a version too large for memory: the nearest come from the table's approximate index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from groundtune.knowledge.lance.approximate import nearest
from groundtune.knowledge.lance.published import Tuning
from groundtune.knowledge.lance.stored import Stored
from groundtune.knowledge.lance.vectors import matrix_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["Indexed"]


class Indexed(Stored):
    """See `Rows`; nothing is in memory but what was found last.

    Args:
        table: A pinned version.
        tuning: How its index is asked.
    """

    columns = ("id",)

    def __init__(self, table: Table, tuning: Tuning) -> None:
        super().__init__(table)
        self._tuning = tuning

    def named(self, found: pa.Table) -> list[str]:
        """See `Rows`."""
        ids: list[str] = found["id"].to_pylist()
        self._remember_numbers(ids, found["_rowid"].to_pylist())
        return ids

    def nearest(self, vector: NDArray[np.float32], depth: int, where: str | None) -> dict[str, float]:
        """See `Rows`."""
        found = nearest(self._table, vector, depth, where=where, tuning=self._tuning)
        return dict(zip(self.named(found), (1.0 - found["_distance"].to_numpy()).tolist(), strict=True))

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Rows`."""
        cosines: NDArray[np.float32] = self.vectors(ids) @ vector
        return cosines

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """See `Rows`."""
        rows = self._take(ids, ["id", "vector"])
        places = {id_: place for place, id_ in enumerate(rows["id"].to_pylist())}
        return matrix_of(rows)[[places[id_] for id_ in ids]]
