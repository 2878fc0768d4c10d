"""The completion cache: what chat models wrote, by the hash of everything that determined it, in one SQLite file.

It is a file of its own beside the ledger: deleting it costs money and time, never a result. It holds no conversation,
only its hash.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import REAL, Column, Integer, LargeBinary, MetaData, RowMapping, Table, Text, select

from groundtune.records import Completion, Usage
from groundtune.storage.database import Database, Stored, put

__all__ = ["CompletionStore"]

_completions = Table(
    "completions",
    MetaData(),
    Column("key", Text, primary_key=True),
    Column("stored_at", Text, nullable=False),
    # Bytes and not text: what a model writes may hold lone surrogates, which SQLite's text cannot.
    Column("text", LargeBinary, nullable=False),
    Column("finished", Text, nullable=False),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("first_token_ms", REAL),
    Column("total_ms", REAL, nullable=False),
)

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE completions (
            key TEXT PRIMARY KEY, stored_at TEXT NOT NULL, text BLOB NOT NULL, finished TEXT NOT NULL,
            input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER, reasoning_tokens INTEGER,
            first_token_ms REAL, total_ms REAL NOT NULL) WITHOUT ROWID""",
    ),
)

_PUT = put(_completions)


class CompletionStore(Stored):
    """The cache of one project; open it with `CompletionStore.open`, use it as a context manager or `close` it.

    It is the `groundtune.models.cached.CompletionCache` that lasts. Threads and processes may share it.
    """

    @classmethod
    def open(cls, path: Path) -> CompletionStore:
        """Open the cache at ``path``, made where there is none.

        Raises:
            ProjectError: when a newer Groundtune wrote it.
            StorageError: when it cannot be opened, or is no cache.
        """
        return cls(Database.open(path, "cache of completions", _MIGRATIONS))

    def get(self, key: str) -> Completion | None:
        """What was stored under this key, ``from_cache`` set; None where nothing was."""
        query = select(_completions).where(_completions.c.key == key)
        with self._database.transaction() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _completion(row)

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion; one that is stored under the key already is replaced.

        Raises:
            StorageError: when the disk refuses.
        """
        usage = completion.usage
        row = {
            "key": key,
            "stored_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "text": completion.text.encode("utf-8", "surrogatepass"),
            "finished": completion.finished,
            "input_tokens": usage and usage.input_tokens,
            "output_tokens": usage and usage.output_tokens,
            "cached_tokens": usage and usage.cached_tokens,
            "reasoning_tokens": usage and usage.reasoning_tokens,
            "first_token_ms": completion.first_token_ms,
            "total_ms": completion.total_ms,
        }
        with self._database.transaction() as connection:
            connection.execute(_PUT, row)


def _completion(row: RowMapping) -> Completion:
    counted = row["input_tokens"] is not None
    return Completion(
        text=row["text"].decode("utf-8", "surrogatepass"),
        usage=Usage(
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cached_tokens=row["cached_tokens"],
            reasoning_tokens=row["reasoning_tokens"],
        )
        if counted
        else None,
        finished=row["finished"],
        first_token_ms=row["first_token_ms"],
        total_ms=row["total_ms"],
        from_cache=True,
    )
