"""The table's writer, and the door for its readers: versions are published by replacing one small file."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from groundtune.knowledge.lance.language import quoted, storage_errors
from groundtune.knowledge.lance.published import Publications, Published
from groundtune.knowledge.lance.shared import Shared
from groundtune.knowledge.lance.snapshot import LanceSnapshot
from groundtune.knowledge.lance.upkeep import number_of, tend
from groundtune.knowledge.lance.vectors import matrix_of
from groundtune.knowledge.schema import schema
from groundtune.knowledge.store import EMPTY, Version

if TYPE_CHECKING:
    import lancedb
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["LanceStore"]

_BATCH = 500
_CACHE_BYTES = 768 * 2**20
"""Most memory for indexes that were read; the library's own limit is many times this."""


class LanceStore:
    """See `groundtune.knowledge.store.Store`. Readers and the writer may be in different processes.

    Args:
        folder: Where the tables are.
        name: Of the table.
        dimensions: Of its vectors.
    """

    def __init__(self, folder: Path, name: str, dimensions: int) -> None:
        self.folder = folder
        self._name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        self._dimensions = dimensions
        self._publications = Publications(folder / f"{self._name}.json")
        self._database: lancedb.DBConnection | None = None
        self._added: set[str] = set()
        self._lock = threading.Lock()
        self._latest: tuple[Published, LanceSnapshot] | None = None
        self._shared = Shared()

    # -- writing

    def begin(self) -> str:
        """See `Store`: the table returns to what is published, and what was never published goes."""
        with storage_errors(self.folder):
            table, current = self._table(), self._publications.current
            if table is None:
                return EMPTY
            if current is None:
                self._connect().drop_table(self._name)
                return EMPTY
            if number_of(table) != current.table:
                table.checkout(current.table)
                table.restore()
            return current.name

    def contents(self) -> dict[str, str]:
        """See `Store`."""
        with storage_errors(self.folder):
            table, current = self._table(), self._publications.current
            if table is None or current is None:
                return {}
            query = table.search().where("ordinal = 0").select(["document", "content"])
            most = max(1, current.passages)
            rows = query.limit(most).to_batches(most).read_all()  # in one batch: in small ones it takes twice as long
        return dict(zip(rows["document"].to_pylist(), rows["content"].to_pylist(), strict=True))

    def vectors(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Store`."""
        found: dict[str, NDArray[np.float32]] = {}
        with storage_errors(self.folder):
            table = self._table()
            if table is None:
                return found
            limit = max(1, int(table.count_rows()))
            for start in range(0, len(keys), _BATCH):
                where = f"key IN ({quoted(keys[start : start + _BATCH])})"
                rows = table.search().where(where).select(["key", "vector"]).limit(limit).to_arrow()
                found.update(zip(rows["key"].to_pylist(), matrix_of(rows), strict=True))
        return found

    def write(self, rows: pa.Table, replaced: Sequence[str]) -> None:
        """See `Store`."""
        self.remove(replaced)
        with storage_errors(self.folder):
            self._made().add(rows)
        self._added.update(rows["access"].unique().to_pylist())

    def remove(self, documents: Sequence[str]) -> None:
        """See `Store`."""
        with storage_errors(self.folder):
            table = self._table() if documents else None
            for start in range(0, len(documents), _BATCH):
                if table is not None:
                    table.delete(f"document IN ({quoted(documents[start : start + _BATCH])})")

    def publish(self, name: str, documents: int) -> None:
        """See `Store`."""
        with storage_errors(self.folder):
            table, current = self._table(), self._publications.current
            if table is None:
                return
            published = Published(
                name=name,
                table=number_of(table),
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                documents=documents,
                passages=int(table.count_rows()),
                accesses=tuple(sorted({*(current.accesses if current else ()), *self._added})),
                tuning=current.tuning if current else None,
                lineage=(current.lineage if current else "") or uuid4().hex,
            )
            self._publications.write(published, self._publications.kept)

    def finish(self, keep: int) -> None:
        """See `Store`: the newest is searchable already while its indexes are tended."""
        with storage_errors(self.folder):
            table, current = self._table(), self._publications.current
            if table is None or current is None:
                return
            kept = self._publications.kept
            tuning = tend(table, self._dimensions, current.tuning)
            tended = replace(current, table=number_of(table), tuning=tuning)
            if tended != current or not kept or kept[-1].name != current.name:
                self._keep(table, tended, [version for version in kept if version.name != current.name], keep)

    def end(self) -> None:
        """See `Store`."""
        self._added = set()

    def _keep(self, table: Table, current: Published, older: Sequence[Published], keep: int) -> None:
        """Tag before the file names it, untag after it no longer does: what it names is always there."""
        tags = set(table.tags.list())
        if current.name in tags:
            table.tags.update(current.name, current.table)
        else:
            table.tags.create(current.name, current.table)
        kept = [*older, current][-keep:]
        self._publications.write(current, kept)
        for name in tags - {version.name for version in kept}:
            table.tags.delete(name)

    # -- reading

    def versions(self) -> list[Version]:
        """See `Store`."""
        with storage_errors(self.folder):
            return [
                Version(name=kept.name, at=kept.at, documents=kept.documents, passages=kept.passages)
                for kept in reversed(self._publications.kept)
            ]

    def snapshot(self, at: str | None = None) -> LanceSnapshot | None:
        """See `Store`; the newest is read again only when it has changed, by this process or another."""
        with self._lock, storage_errors(self.folder):
            published = self._publications.current
            if at is not None and (published is None or published.name != at):
                kept = {version.name: version for version in self._publications.kept}
                return self._pinned(kept[at]) if at in kept else None
            if published is None:
                return None
            if self._latest is None or self._latest[0] != published:
                self._latest = (published, self._pinned(published))
            return self._latest[1]

    def _pinned(self, published: Published) -> LanceSnapshot:
        table = self._connect().open_table(self._name)
        table.checkout(published.table)
        return LanceSnapshot(table, published, self._shared)

    # -- the table

    def _table(self) -> Table | None:
        """A handle on the newest version, published or not; it does not follow later ones by itself."""
        if not (self.folder / f"{self._name}.lance").is_dir():
            return None
        try:
            return self._connect().open_table(self._name)
        except ValueError:  # the folder is there and the first commit is not: a killed first write
            return None

    def _made(self) -> Table:
        from lancedb.index import FTS

        self.folder.mkdir(parents=True, exist_ok=True)
        table = self._connect().create_table(self._name, schema=schema(self._dimensions), exist_ok=True)
        # Made while the table is empty, so that BM25 works from the first passages on; `tend` brings it up to date.
        if not list(table.list_indices()):
            table.create_index("indexed", config=FTS(with_position=False))
        return table

    def _connect(self) -> lancedb.DBConnection:
        if self._database is None:
            import lancedb

            self._database = lancedb.connect(self.folder, session=lancedb.Session(index_cache_size_bytes=_CACHE_BYTES))
        return self._database
