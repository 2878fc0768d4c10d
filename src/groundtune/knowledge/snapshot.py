"""What a query runs on: one version of the index, its vectors and texts in memory, BM25 on disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtune.knowledge.filters import Filter
from groundtune.knowledge.index import Index, condition, storage_errors
from groundtune.knowledge.schema import PASSAGE_COLUMNS, passage_of
from groundtune.records import Passage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["Latest", "Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the index.

    Attributes:
        table: Pinned to the version, for BM25.
        rows: What passages are made of; row ``n`` belongs to ``ids[n]``, ``documents[n]`` and ``vectors[n]``.
        accesses: The values of the ``access`` column.
        places: The row of each passage id.
        row_places: The row of each row id of the table.
        vectors: Unit vectors, shape (passages, dimensions).
    """

    table: Table
    version: int
    rows: pa.Table
    ids: list[str]
    documents: list[str]
    accesses: frozenset[str]
    places: dict[str, int]
    row_places: dict[int, int]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, table: Table) -> Snapshot:
        """Read one pinned version whole, but for its BM25 index."""
        columns = [*PASSAGE_COLUMNS, "access", "vector"]
        rows = table.search().select(columns).with_row_id(True).limit(max(1, table.count_rows())).to_arrow()
        ids = rows["id"].to_pylist()
        return cls(
            table=table,
            version=int(table.version),
            rows=rows.select(PASSAGE_COLUMNS).combine_chunks(),
            ids=ids,
            documents=rows["document"].to_pylist(),
            accesses=frozenset(rows["access"].unique().to_pylist()),
            places={id_: place for place, id_ in enumerate(ids)},
            row_places={row: place for place, row in enumerate(rows["_rowid"].to_pylist())},
            vectors=rows["vector"].combine_chunks().values.to_numpy().reshape(len(ids), -1),
        )

    def dense(self, vector: NDArray[np.float32], depth: int, filter: Filter) -> dict[str, float]:
        """The ``depth`` passages with the highest cosine to a unit vector (dimensions,), best first: an exact scan."""
        import numpy as np

        # einsum stays in this thread: a BLAS product of this size waits longer for its threads than it computes.
        cosines = np.einsum("ij,j->i", self.vectors, vector)
        where = condition(filter, self.accesses)
        if where is not None:
            allowed = self.table.search().where(where).select(["id"]).limit(max(1, len(self.ids))).to_arrow()
            places = [self.places[id_] for id_ in allowed["id"].to_pylist()]
            mask = np.full(len(cosines), -np.inf, np.float32)
            mask[places] = cosines[places]
            cosines = mask
        depth = min(depth, len(cosines))
        best = np.argpartition(cosines, -depth)[-depth:] if depth else np.empty(0, np.int64)
        found = {self.ids[place]: float(cosines[place]) for place in best.tolist() if cosines[place] > -np.inf}
        return _ranked(found)

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        """Cosines of named passages to a unit vector."""
        places = [self.places[id_] for id_ in ids]
        return dict(zip(ids, (self.vectors[places] @ vector).tolist(), strict=True)) if places else {}

    def lexical(self, question: str, depth: int, filter: Filter) -> dict[str, float]:
        """The ``depth`` passages with the highest BM25 score above 0, best first."""
        from lancedb.query import MatchQuery

        if not self.ids:
            return {}
        match = MatchQuery(question, "indexed")  # type: ignore[call-arg]
        query = self.table.search(match, query_type="fts").select(["_score"]).with_row_id(True)
        where = condition(filter, self.accesses)
        if where is not None:
            query = query.where(where, prefilter=True)
        rows = query.limit(depth).to_arrow()
        pairs = zip(rows["_rowid"].to_pylist(), rows["_score"].to_pylist(), strict=True)
        return _ranked({self.ids[self.row_places[row]]: score for row, score in pairs})

    def vectors_of(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of named passages, shape (len(ids), dimensions)."""
        return self.vectors[[self.places[id_] for id_ in ids]]

    def documents_of(self, ids: Sequence[str]) -> list[str]:
        """The document of each named passage."""
        return [self.documents[self.places[id_]] for id_ in ids]

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in their order."""
        if not ids:
            return []
        return [passage_of(row) for row in self.rows.take([self.places[id_] for id_ in ids]).to_pylist()]


def _ranked(scores: dict[str, float]) -> dict[str, float]:
    """Best first; equals (copies of a page) in the order of their ids, so that a ranking can be repeated."""
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


class Latest:
    """Gives the snapshot of the newest version, read again only when the version has changed; safe in threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._watcher: Table | None = None
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot | None:
        """The newest version, also when another process wrote it; None when nothing was ever stored.

        Raises:
            StorageError: when the index cannot be read.
        """
        with self._lock, storage_errors(self._index.folder):
            if self._watcher is None:
                self._watcher = self._index.table()
                if self._watcher is None:
                    return None
            self._watcher.checkout_latest()  # type: ignore[no-untyped-call]
            if self._snapshot is None or self._snapshot.version != self._watcher.version:
                table = self._index.table()
                if table is None:
                    return None
                table.checkout(table.version)
                self._snapshot = Snapshot.of(table)
            return self._snapshot
