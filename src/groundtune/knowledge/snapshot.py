"""What a query runs on: one version of the index, its vectors in memory, its text and BM25 on disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtune.knowledge.index import Index, quoted
from groundtune.knowledge.schema import PASSAGE_COLUMNS, passage_of
from groundtune.records import Passage

if TYPE_CHECKING:
    import numpy as np
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["Latest", "Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the index; ``vectors`` has shape (passages, dimensions), rows in the order of ``ids``."""

    table: Table
    version: int
    ids: list[str]
    documents: list[str]
    row_ids: list[int]
    places: dict[str, int]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, table: Table) -> Snapshot:
        """Read the vectors of one pinned version."""
        version = int(table.version)
        columns = ["id", "document", "vector"]
        count = max(1, table.count_rows())
        rows = table.search().select(columns).with_row_id(True).limit(count).to_arrow()
        vectors = rows["vector"].combine_chunks()
        ids = rows["id"].to_pylist()
        return cls(
            table=table,
            version=version,
            ids=ids,
            documents=rows["document"].to_pylist(),
            row_ids=rows["_rowid"].to_pylist(),
            places={id_: place for place, id_ in enumerate(ids)},
            vectors=vectors.values.to_numpy().reshape(len(ids), -1),
        )

    def dense(self, vector: NDArray[np.float32], depth: int, documents: Sequence[str] | None) -> dict[str, float]:
        """The ``depth`` passages with the highest cosine to a unit vector (dimensions,), best first: an exact scan."""
        import numpy as np

        cosines = self.vectors @ vector
        if documents is not None:
            wanted = set(documents)
            cosines = np.where([document in wanted for document in self.documents], cosines, -np.inf)
        depth = min(depth, len(cosines))
        best = np.argpartition(-cosines, depth - 1)[:depth] if depth else np.empty(0, np.int64)
        # Equal cosines (copies of a page) come in the order of their ids, so that a ranking can be repeated.
        ordered = sorted(best.tolist(), key=lambda place: (-float(cosines[place]), self.ids[place]))
        return {self.ids[place]: float(cosines[place]) for place in ordered if np.isfinite(cosines[place])}

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        """Cosines of named passages to a unit vector."""
        places = [self.places[id_] for id_ in ids]
        return dict(zip(ids, (self.vectors[places] @ vector).tolist(), strict=True)) if places else {}

    def lexical(self, question: str, depth: int, documents: Sequence[str] | None) -> dict[str, float]:
        """The ``depth`` passages with the highest BM25 score above 0, best first."""
        from lancedb.query import MatchQuery

        if not self.ids:
            return {}
        match = MatchQuery(question, "indexed")  # type: ignore[call-arg]
        query = self.table.search(match, query_type="fts").select(["id", "_score"])
        if documents is not None:
            query = query.where(f"document IN ({quoted(list(documents))})", prefilter=True)
        rows = query.limit(depth).to_arrow()
        pairs = zip(rows["id"].to_pylist(), rows["_score"].to_pylist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in their order."""
        wanted = [self.row_ids[self.places[id_]] for id_ in ids]
        rows = self.table.take_row_ids(wanted).select(PASSAGE_COLUMNS).to_list() if wanted else []
        by_id = {row["id"]: passage_of(row) for row in rows}
        return [by_id[id_] for id_ in ids]


class Latest:
    """Gives the snapshot of the newest version, read again only when the version has changed; safe in threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._watcher: Table | None = None
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot | None:
        """The newest version, also when another process wrote it; None when nothing was ever stored."""
        with self._lock:
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
