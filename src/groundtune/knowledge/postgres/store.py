"""Writing to PostgreSQL: rows are born and die with a version, so that readers of another one do not notice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from groundtune.errors import Busy
from groundtune.knowledge.postgres.database import Database
from groundtune.knowledge.postgres.snapshot import PostgresSnapshot, parse_vectors
from groundtune.knowledge.store import EMPTY, Version

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from sqlalchemy import Connection

__all__ = ["PostgresStore"]

_BATCH = 500
EXACT_ROWS = 20_000
"""Rows up to which the server scans all vectors; beyond, it keeps an HNSW index."""
_MOST_INDEXED = 2000
"""Dimensions of the longest vectors that pgvector's index takes; longer ones are scanned."""
_GRACE = "10 minutes"
"""How long rows of a version that is not kept stay: a reader may be using it."""


class PostgresStore:
    """See `groundtune.knowledge.store.Store`.

    A row is visible in version n when it was born in or before n and did not die until after n. What is written gets
    the number of the version to come; publishing inserts that number, so one statement shows all of it. Writers on
    different machines exclude each other by an advisory lock of the server.
    """

    def __init__(self, database: Database) -> None:
        """Use a database; tables are made with the first write."""
        self._database = database
        self._name = database.name
        self._lock: Connection | None = None
        self._latest: PostgresSnapshot | None = None

    # -- writing

    def begin(self) -> str:
        """See `Store`.

        Raises:
            Busy: when a writer of another process is at work.
        """
        self._database.make_tables()
        self._exclude_others()
        with self._database.transaction() as connection:
            number = self._published(connection)
            self._run(connection, "DELETE FROM {name}_passages WHERE born > :number", number=number)
            self._run(connection, "UPDATE {name}_passages SET died = NULL WHERE died > :number", number=number)
            name = self._run(connection, "SELECT name FROM {name}_versions WHERE number = :number", number=number)
            return name.scalar_one_or_none() or EMPTY

    def contents(self) -> dict[str, str]:
        """See `Store`."""
        query = "SELECT document, content FROM {name}_passages WHERE ordinal = 0 AND died IS NULL"
        with self._database.transaction() as connection:
            return {row.document: row.content for row in self._run(connection, query)}

    def vectors(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Store`."""
        found: dict[str, NDArray[np.float32]] = {}
        with self._database.transaction() as connection:
            if not self._database.exists(connection):
                return found
            for start in range(0, len(keys), _BATCH):
                query = (
                    "SELECT DISTINCT ON (key) key, vector::text FROM {name}_passages "
                    "WHERE key = ANY(CAST(:keys AS text[]))"
                )
                rows = list(self._run(connection, query, keys=list(keys[start : start + _BATCH])))
                vectors = parse_vectors([vector for _, vector in rows], self._database.dimensions)
                found.update(zip([key for key, _ in rows], vectors, strict=True))
        return found

    def write(self, rows: pa.Table, replaced: Sequence[str]) -> None:
        """See `Store`."""
        with self._database.transaction() as connection:
            coming = self._published(connection) + 1
            self._bury(connection, replaced, coming)
            for start in range(0, rows.num_rows, _BATCH):
                batch = [_as_json(row) for row in rows.slice(start, _BATCH).to_pylist()]
                insert = (
                    "INSERT INTO {name}_passages "
                    "(id, document, ordinal, key, content, access, labels, passage, record, words, vector, born) "
                    "SELECT r->>'id', r->>'document', (r->>'ordinal')::int, r->>'key', r->>'content', r->>'access', "
                    "ARRAY(SELECT json_array_elements_text(r->'labels')), r->>'passage', r->>'record', "
                    "to_tsvector('english', r->>'indexed'), (r->>'vector')::vector, :born "
                    "FROM json_array_elements(CAST(:rows AS json)) AS r"
                )
                self._run(connection, insert, rows=json.dumps(batch, ensure_ascii=False), born=coming)

    def remove(self, documents: Sequence[str]) -> None:
        """See `Store`."""
        with self._database.transaction() as connection:
            self._bury(connection, documents, self._published(connection) + 1)

    def publish(self, name: str, documents: int) -> None:
        """See `Store`."""
        insert = (
            "INSERT INTO {name}_versions (number, name, at, documents, passages) "
            "SELECT :number, :called, now(), :documents, count(*) FROM {name}_passages WHERE died IS NULL"
        )
        with self._database.transaction() as connection:
            number = self._published(connection) + 1
            self._run(connection, insert, number=number, called=name, documents=documents)

    def finish(self, keep: int) -> None:
        """See `Store`."""
        with self._database.transaction() as connection:
            number = self._published(connection)
            keeping = (
                "UPDATE {name}_versions SET kept = true WHERE number = :number",
                "UPDATE {name}_versions AS older SET kept = false FROM {name}_versions AS newest "
                "WHERE newest.number = :number AND older.name = newest.name AND older.number < :number",
                "UPDATE {name}_versions SET kept = false WHERE number IN "
                "(SELECT number FROM {name}_versions WHERE kept ORDER BY number DESC OFFSET :keep)",
                "DELETE FROM {name}_versions WHERE NOT kept AND number < :number "
                f"AND at < now() - interval '{_GRACE}'",
                "DELETE FROM {name}_passages AS p WHERE died IS NOT NULL AND NOT EXISTS "
                "(SELECT 1 FROM {name}_versions AS v WHERE v.number >= p.born AND v.number < p.died)",
            )
            for statement in keeping:
                self._run(connection, statement, number=number, keep=keep)
            rows = self._run(connection, "SELECT count(*) FROM {name}_passages").scalar_one()
            if rows > EXACT_ROWS and self._database.dimensions <= _MOST_INDEXED:
                self._run(
                    connection,
                    "CREATE INDEX IF NOT EXISTS {name}_nearest ON {name}_passages USING hnsw (vector vector_ip_ops)",
                )

    def end(self) -> None:
        """See `Store`."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with self._database.failing_clearly(), lock:
                lock.execute(text("SELECT pg_advisory_unlock_all()"))

    def _bury(self, connection: Connection, documents: Sequence[str], coming: int) -> None:
        bury = (
            "UPDATE {name}_passages SET died = :coming "
            "WHERE died IS NULL AND document = ANY(CAST(:documents AS text[]))"
        )
        for start in range(0, len(documents), _BATCH):
            self._run(connection, bury, coming=coming, documents=list(documents[start : start + _BATCH]))

    def _exclude_others(self) -> None:
        if self._lock is not None:
            return
        with self._database.failing_clearly():
            connection = self._database.engine.connect()
            key = int.from_bytes(hashlib.sha256(self._name.encode()).digest()[:7], "big")
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
                connection.close()
                raise Busy("Another sync is writing to this store in PostgreSQL. Wait until it is done.")
            connection.commit()
            self._lock = connection

    # -- reading

    def versions(self) -> list[Version]:
        """See `Store`."""
        query = "SELECT name, at, documents, passages FROM {name}_versions WHERE kept ORDER BY number DESC"
        with self._database.transaction() as connection:
            if not self._database.exists(connection):
                return []
            return [
                Version(name=name, at=at.isoformat(timespec="seconds"), documents=documents, passages=passages)
                for name, at, documents, passages in self._run(connection, query)
            ]

    def snapshot(self, at: str | None = None) -> PostgresSnapshot | None:
        """See `Store`; asking for the newest costs one short query."""
        query = "SELECT number, name, passages FROM {name}_versions WHERE "
        query += "number = (SELECT max(number) FROM {name}_versions)" if at is None else "kept AND name = :at"
        with self._database.transaction() as connection:
            if not self._database.exists(connection):
                return None
            found = self._run(connection, query, **({} if at is None else {"at": at})).first()
        if found is None:
            return None
        if self._latest is None or self._latest.number != found.number:
            snapshot = PostgresSnapshot(self._database, found.number, found.name, found.passages)
            if at is not None:
                return snapshot
            self._latest = snapshot
        return self._latest

    def _published(self, connection: Connection) -> int:
        """Number of the newest version, 0 before the first."""
        return int(self._run(connection, "SELECT coalesce(max(number), 0) FROM {name}_versions").scalar_one())

    def _run(self, connection: Connection, statement: str, **values: Any) -> Any:
        return connection.execute(text(statement.replace("{name}", self._name)), values)


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    """One row as JSON that PostgreSQL reads; U+0000, which no text of it can hold, stays inside of inner JSON."""
    kept = ("id", "document", "ordinal", "key", "content", "access", "labels", "passage", "record")
    return {
        **{name: row[name] for name in kept},
        "indexed": row["indexed"].replace("\x00", " "),
        "vector": json.dumps(row["vector"]),
    }
