"""The ledger: every run, raw answer, token count, timing and score, in one SQLite file.

Each answer is committed on its own, so a killed process loses at most the answer in flight. Two processes may use
the same ledger: writers wait for each other, readers do not wait.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, RowMapping, Table, create_engine, event, select, update
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from groundtune.errors import ProjectError, StorageError
from groundtune.records import Answer
from groundtune.storage import schema
from groundtune.storage.answers import answer_from_row, answer_to_row

__all__ = ["Ledger", "RunRecord", "ScoreRecord"]

_WAIT_SECONDS = 30


def _put(table: Table) -> Insert:
    """Insert a row, or replace the one with the same key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


_PUT_ANSWER = _put(schema.answers)
_PUT_SCORE = _put(schema.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as stored.

    Attributes:
        kind: What was run, for example ``experiment``.
        started_at: UTC time in ISO 8601.
        finished_at: None while it runs, or when it was interrupted.
        record: What is needed to rebuild it: settings, data hashes, versions.
        result: What came out, None until it is finished.
    """

    id: str
    kind: str
    started_at: str
    finished_at: str | None
    record: Mapping[str, Any]
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """What one version of one scorer made of one answer; ``value`` None with a ``note`` is "could not be scored"."""

    system: str
    query: str
    scorer: str
    version: str
    value: float | None
    note: str | None = None


class Ledger:
    """The ledger of one project; open it with `Ledger.open`, use it as a context manager or `close` it."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._connection: Connection | None = None
        # One connection serves all threads of a process (SQLite has one writer anyway), one at a time.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open the ledger at ``path``, made or brought up to date where needed.

        Raises:
            ProjectError: when a newer Groundtune wrote it.
            StorageError: when it cannot be opened, or is no ledger.
        """
        ledger = cls(_engine(path), path)
        try:
            with ledger._failing_clearly():
                path.parent.mkdir(parents=True, exist_ok=True)
                ledger._connection = ledger._engine.connect()
                _migrate(ledger._connection, path)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_run(self, run: str, *, kind: str, record: Mapping[str, Any]) -> RunRecord:
        """Begin a run, or take up the one with this id where it was interrupted.

        Raises:
            StorageError: when another run, with a different kind or record, has this id already.
        """
        row = {"id": run, "kind": kind, "started_at": _now(), "record": _dump(record)}
        with self._transaction() as connection:
            connection.execute(insert(schema.runs).values(row).on_conflict_do_nothing())
        stored = self.run(run)
        if stored is None or stored.kind != kind or _dump(stored.record) != row["record"]:
            raise StorageError(
                f"Run {run!r} exists already and was made from other settings or data. "
                "Give the new run another id; a run's id should be derived from its record."
            )
        return stored

    def finish_run(self, run: str, result: Mapping[str, Any]) -> None:
        """Store what came out; finishing again replaces it."""
        change = update(schema.runs).where(schema.runs.c.id == run)
        with self._transaction() as connection:
            connection.execute(change.values(finished_at=_now(), result=_dump(result)))

    def run(self, run: str) -> RunRecord | None:
        """The run with this id, None when there is none."""
        with self._transaction() as connection:
            row = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).mappings().first()
        return None if row is None else _run(row)

    def runs(self, kind: str | None = None) -> list[RunRecord]:
        """All runs (of one kind), the newest first."""
        query = select(schema.runs).order_by(schema.runs.c.started_at.desc(), schema.runs.c.id)
        if kind is not None:
            query = query.where(schema.runs.c.kind == kind)
        with self._transaction() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def record_answer(self, run: str, answer: Answer) -> None:
        """Store one answer at once; a second answer of the same system to the same query replaces the first.

        Raises:
            StorageError: when the run was not started, or the disk refuses.
        """
        row = {"run": run, "answered_at": _now(), **answer_to_row(answer)}
        with self._transaction() as connection:
            connection.execute(_PUT_ANSWER, row)

    def answers(self, run: str) -> dict[tuple[str, str], Answer]:
        """All answers of a run, by (system, query id)."""
        query = select(schema.answers).where(schema.answers.c.run == run)
        with self._transaction() as connection:
            rows = connection.execute(query).mappings().all()
        return {(row["system"], row["query"]): answer_from_row(dict(row)) for row in rows}

    def record_scores(self, run: str, scores: Iterable[ScoreRecord]) -> None:
        """Store scores in one transaction; the same scorer and version again replaces its value."""
        columns = ("system", "query", "scorer", "version", "value", "note")
        rows = [{"run": run, **{name: getattr(score, name) for name in columns}} for score in scores]
        if not rows:
            return
        with self._transaction() as connection:
            connection.execute(_PUT_SCORE, rows)

    def scores(self, run: str) -> list[ScoreRecord]:
        """All scores of a run, in the order of system, query and scorer."""
        table = schema.scores.c
        query = select(table.system, table.query, table.scorer, table.version, table.value, table.note)
        ordered = query.where(table.run == run).order_by(table.system, table.query, table.scorer, table.version)
        with self._transaction() as connection:
            return [ScoreRecord(**row._asdict()) for row in connection.execute(ordered)]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._connection is None:
            raise StorageError(f"The ledger {self._path} is closed; open it again with Ledger.open.")
        with self._lock, self._failing_clearly(), self._connection.begin():
            yield self._connection

    @contextmanager
    def _failing_clearly(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StorageError(
                f"The ledger {self._path} failed: {reason}. Everything recorded before is kept; make room or give "
                "write access, then run the same command again and it goes on where it stopped."
            ) from error


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        connect_args={"timeout": _WAIT_SECONDS, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _configure)
    # The driver's own transaction handling is off (isolation_level None): it would commit before each DDL statement.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _configure(connection: sqlite3.Connection, _: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_WAIT_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL survives a killed process whole; only a power cut may lose the last commits, never the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(connection: Connection, path: Path) -> None:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise StorageError(f"The ledger {path} needs SQLite, and was opened with {type(driver).__name__}.")
    # The lock is taken before the version is read, so that two processes do not apply the same step.
    driver.execute("BEGIN IMMEDIATE")
    try:
        for statement in _outstanding(driver, path):
            driver.execute(statement)
        driver.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")
    except BaseException:
        driver.execute("ROLLBACK")
        raise
    driver.execute("COMMIT")


def _outstanding(driver: sqlite3.Connection, path: Path) -> list[str]:
    (version,) = driver.execute("PRAGMA user_version").fetchone()
    if version > len(schema.MIGRATIONS):
        raise ProjectError(
            f"{path} was written by a newer Groundtune (version {version} of the ledger; this program knows "
            f"{len(schema.MIGRATIONS)}). Upgrade with: pip install --upgrade groundtune"
        )
    return [statement for statements in schema.MIGRATIONS[version:] for statement in statements]


def _run(row: RowMapping) -> RunRecord:
    record, result = json.loads(row["record"]), row["result"]
    return RunRecord(
        id=row["id"],
        kind=row["kind"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        record=record,
        result=None if result is None else json.loads(result),
    )


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
