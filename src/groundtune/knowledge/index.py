"""The searchable index: one LanceDB table of passages with vectors and a BM25 index, exact and versioned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import StorageError
from groundtune.knowledge.filters import Filter
from groundtune.knowledge.schema import document_of, groups_of, label, schema
from groundtune.records import Document

if TYPE_CHECKING:
    import lancedb
    import pyarrow as pa
    from lancedb.table import Table

__all__ = ["Index", "condition", "quoted", "storage_errors"]

_TEXT = "indexed"
# Readers take the newest version with every query, so a version that was replaced is soon nobody's.
_KEEP_OLD = timedelta(minutes=10)
_BATCH = 500
# The store names the line of its own source code behind its reason.
_SOURCE_LINE = re.compile(r", \S+\.rs:\d+:\d+")


class Index:
    """The table of one embedding; readers and one writer may be in different processes.

    Each write is one atomic commit: a reader sees the state before it or after it, as does the next run after a kill.
    """

    def __init__(self, folder: Path, name: str, dimensions: int) -> None:
        """Open the table ``name`` below ``folder``; it is made with the first write."""
        self.folder = folder
        self._name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        self._dimensions = dimensions
        self._database: lancedb.DBConnection | None = None

    def table(self) -> Table | None:
        """A handle on the newest version, or None before the first write; it does not follow later ones by itself."""
        if not (self.folder / f"{self._name}.lance").is_dir():
            return None
        with storage_errors(self.folder):
            try:
                return self._connect().open_table(self._name)
            except ValueError:  # the folder is there and the first commit is not: a killed first write
                return None

    def contents(self) -> dict[str, str]:
        """The content hash of each document."""
        table = self.table()
        if table is None:
            return {}
        with storage_errors(self.folder):
            rows = table.search().where("ordinal = 0").select(["document", "content"]).limit(_all(table)).to_arrow()
        return dict(zip(rows["document"].to_pylist(), rows["content"].to_pylist(), strict=True))

    def vectors(self, keys: Sequence[str]) -> dict[str, Any]:
        """Vectors (dimensions,) that are stored under these keys."""
        table = self.table()
        found: dict[str, Any] = {}
        if table is None:
            return found
        for start in range(0, len(keys), _BATCH):
            where = f"key IN ({quoted(keys[start : start + _BATCH])})"
            with storage_errors(self.folder):
                rows = table.search().where(where).select(["key", "vector"]).limit(_all(table)).to_arrow()
            matrix = rows["vector"].combine_chunks().values.to_numpy().reshape(-1, self._dimensions)
            found.update(zip(rows["key"].to_pylist(), matrix, strict=True))
        return found

    def replace(self, rows: pa.Table, replaced: Sequence[str]) -> None:
        """Put in rows and take out all other rows of the ``replaced`` documents, in one commit.

        Raises:
            StorageError: when the disk refuses; the table is as it was.
        """
        with storage_errors(self.folder):
            table = self._made()
            if not replaced:
                table.add(rows)
                return
            merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            merge.when_not_matched_by_source_delete(f"document IN ({quoted(replaced)})").execute(rows)

    def remove(self, documents: Sequence[str]) -> None:
        """Take documents out.

        Raises:
            StorageError: when the disk refuses.
        """
        table = self.table()
        for start in range(0, len(documents), _BATCH):
            with storage_errors(self.folder):
                if table is not None:
                    table.delete(f"document IN ({quoted(documents[start : start + _BATCH])})")

    def tidy(self) -> None:
        """Bring the BM25 index up to date, join small files, and drop versions that nobody reads any more.

        Does nothing where there is nothing to do; what a killed run left undone is done by the next.
        """
        table = self.table()
        if table is None:
            return
        with storage_errors(self.folder):
            if _untidy(table):
                table.optimize(cleanup_older_than=_KEEP_OLD)

    def document(self, id_: str) -> Document | None:
        """The document whose text the offsets of its passages refer to."""
        rows = self.rows(f"document = {quoted([id_])} AND ordinal = 0", ["record"])
        return document_of(rows[0]["record"]) if rows else None

    def rows(self, where: str, columns: Sequence[str]) -> list[Mapping[str, Any]]:
        """Rows of the newest version that a condition selects."""
        table = self.table()
        if table is None:
            return []
        with storage_errors(self.folder):
            return list(table.search().where(where).select([*columns]).limit(_all(table)).to_list())

    def _made(self) -> Table:
        from lancedb.index import FTS

        self.folder.mkdir(parents=True, exist_ok=True)
        table = self._connect().create_table(self._name, schema=schema(self._dimensions), exist_ok=True)
        # Made while the table is empty, so that BM25 works from the first passages on; `tidy` brings it up to date.
        if not list(table.list_indices()):
            table.create_index(_TEXT, config=FTS(with_position=False))
        return table

    def _connect(self) -> lancedb.DBConnection:
        if self._database is None:
            import lancedb

            self._database = lancedb.connect(self.folder)
        return self._database


def quoted(values: Sequence[str]) -> str:
    """String literals of the filter language, joined by commas."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def condition(filter: Filter, accesses: Iterable[str]) -> str | None:
    """The filter in the store's language, for an index with these ``access`` values; None where it excludes nothing."""
    parts = []
    accesses = list(accesses)
    allowed = [access for access in accesses if filter.admits(groups_of(access))]
    if len(allowed) < len(accesses):
        parts.append(f"access IN ({quoted(allowed)})" if allowed else "false")
    if filter.documents is not None:
        parts.append(f"document IN ({quoted(filter.documents)})" if filter.documents else "false")
    if filter.metadata:
        wanted = [label(key, value) for key, value in filter.metadata.items()]
        parts.append(f"array_has_all(labels, [{quoted(wanted)}])")
    return " AND ".join(parts) or None


def _untidy(table: Table) -> bool:
    """True when passages are not in the BM25 index yet, or an old version is past its time."""
    statistics = [table.index_stats(index.name) for index in table.list_indices()]
    if any(found is not None and found.num_unindexed_rows for found in statistics):
        return True
    written: list[datetime] = [version["timestamp"] for version in table.list_versions()]
    return len(written) > 1 and min(written) < datetime.now(min(written).tzinfo) - _KEEP_OLD


def _all(table: Table) -> int:
    return max(1, int(table.count_rows()))


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Raise what the disk or the store reports as `StorageError`."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = _SOURCE_LINE.sub("", str(error))
        raise StorageError(
            f"The index in {folder} could not be read or written: {reason}. Make room or give write access, then run "
            "`groundtune sync` again; what was stored before is kept."
        ) from error
