"""One published version of the table, as readers see it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from groundtune.knowledge.filters import Filter
from groundtune.knowledge.lance.indexed import Indexed
from groundtune.knowledge.lance.language import condition, quoted
from groundtune.knowledge.lance.lexical import matches
from groundtune.knowledge.lance.published import Published
from groundtune.knowledge.lance.rows import InMemory, Rows
from groundtune.knowledge.lance.shared import Shared
from groundtune.knowledge.schema import document_of, groups_of, passage_of
from groundtune.records import Document, Passage

if TYPE_CHECKING:
    import numpy as np
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["LanceSnapshot"]


class LanceSnapshot:
    """See `groundtune.knowledge.store.Snapshot`.

    Args:
        table: Pinned to the version.
        published: What is known of the version.
        shared: What other versions of the table have read.
    """

    def __init__(self, table: Table, published: Published, shared: Shared) -> None:
        self._table = table
        self._published = published
        self._shared = shared
        self._lock = threading.Lock()
        self._opened: Rows | None = None

    @property
    def version(self) -> str:
        """Its name."""
        return self._published.name

    @property
    def count(self) -> int:
        """How many passages it holds."""
        return self._published.passages

    def dense(self, vector: NDArray[np.float32], depth: int, filter: Filter) -> dict[str, float]:
        """The nearest passages, see `Snapshot`."""
        return _ranked(self._rows.nearest(vector, depth, self._where(filter)))

    def lexical(self, question: str, depth: int, filter: Filter) -> dict[str, float]:
        """The best matches by BM25, see `Snapshot`."""
        found = matches(self._table, question, depth, self._rows.columns, self._where(filter))
        return _ranked(dict(zip(self._rows.named(found), found["_score"].to_pylist(), strict=True)))

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        """Cosines of found passages, see `Snapshot`."""
        return dict(zip(ids, self._rows.cosines(ids, vector).tolist(), strict=True)) if ids else {}

    def vectors_of(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of found passages, see `Snapshot`."""
        return self._rows.vectors(ids)

    def documents_of(self, ids: Sequence[str]) -> list[str]:
        """Documents of found passages, see `Snapshot`."""
        return [passage.document for passage in self._rows.passages(ids)]

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """Found passages, see `Snapshot`."""
        return self._rows.passages(ids) if ids else []

    def documents(self, filter: Filter) -> list[str]:
        """Ids of all documents, see `Snapshot`."""
        return sorted(row["document"] for row in self._select("ordinal = 0", filter, ["document"]))

    def withheld(self, filter: Filter) -> list[str]:
        """Ids of documents that are not for the caller, see `Snapshot`."""
        refused = [access for access in self._published.accesses if not filter.admits(groups_of(access))]
        if not refused:
            return []
        rows = self._select(f"ordinal = 0 AND access IN ({quoted(refused)})", None, ["document"])
        return sorted(row["document"] for row in rows)

    def document(self, id_: str, filter: Filter) -> Document | None:
        """One document, see `Snapshot`."""
        rows = self._select(f"document = {quoted([id_])} AND ordinal = 0", filter, ["record"])
        return document_of(rows[0]["record"]) if rows else None

    def passages_of(self, document: str, filter: Filter) -> list[Passage]:
        """Passages of one document, see `Snapshot`."""
        rows = self._select(f"document = {quoted([document])}", filter, ["passage"])
        return sorted((passage_of(row["passage"]) for row in rows), key=lambda passage: passage.start)

    @property
    def _rows(self) -> Rows:
        """Read with the first question: who asks only for the count does not wait for it."""
        if self._opened is None:
            with self._lock:
                if self._opened is None:
                    self._opened = self._open()
        return self._opened

    def _open(self) -> Rows:
        tuning = self._published.tuning
        if tuning is None:
            return InMemory(self._table)
        if tuning.probes:
            return Indexed(self._table, tuning)
        from groundtune.knowledge.lance.compact import Compact

        return Compact(self._table, tuning, self._published.lineage, self._shared)

    def _select(self, where: str, filter: Filter | None, columns: Sequence[str]) -> list[Mapping[str, Any]]:
        allowed = None if filter is None else self._where(filter)
        where = where if allowed is None else f"({where}) AND {allowed}"
        limit = max(1, self._published.passages)
        return list(self._table.search().where(where).select([*columns]).limit(limit).to_list())

    def _where(self, filter: Filter) -> str | None:
        return condition(filter, self._published.accesses)


def _ranked(scores: dict[str, float]) -> dict[str, float]:
    """Best first; equals (copies of a page) in the order of their ids, so that a ranking can be repeated."""
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))
