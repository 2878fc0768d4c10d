"""One SQLite file: opened, brought up to date by numbered steps, and used in transactions.

Every transaction is committed on its own, so a killed process loses at most the one in flight. Threads of a process
take turns, and so do writing processes; readers of other processes do not wait.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from groundtune.errors import ProjectError, StorageError

__all__ = ["Database", "Migrations", "Stored", "put"]

_WAIT_SECONDS = 30
_PAUSE_SECONDS = 0.01

Migrations = Sequence[Sequence[str]]
"""Step n (1-based) is a list of statements that brings a file from version n - 1 to n."""


def put(table: Table) -> Insert:
    """Insert a row, or replace the one with the same key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


class Database:
    """An open file; make it with `Database.open`."""

    def __init__(self, engine: Engine, path: Path, what: str) -> None:
        self._engine = engine
        self._path = path
        self._what = what
        self._connection: Connection | None = None
        # One connection serves all threads of a process (SQLite has one writer anyway), one at a time.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, what: str, migrations: Migrations) -> Database:
        """Open the file at ``path``, made or brought up to date where needed.

        Args:
            path: Its folder is made too.
            what: What the file is, in messages, for example ``ledger``.
            migrations: Every step there ever was, in order.

        Raises:
            ProjectError: when a newer Groundtune wrote it.
            StorageError: when it cannot be opened, or is no such file.
        """
        database = cls(_engine(path), path, what)
        try:
            with database._failing_clearly():
                path.parent.mkdir(parents=True, exist_ok=True)
                database._connection = database._engine.connect()
                database._migrate(database._connection, migrations)
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close the file, once a transaction under way is through; closing twice is harmless."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose statements are committed together at the end of the block, or not at all.

        Raises:
            StorageError: when the file is closed, or the disk or SQLite refuses.
        """
        with self._lock:
            if self._connection is None:
                raise StorageError(f"The {self._what} {self._path} is closed; open it again.")
            with self._failing_clearly(), self._connection.begin():
                yield self._connection

    @contextmanager
    def _failing_clearly(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StorageError(
                f"The {self._what} {self._path} failed: {reason}. Everything recorded before is kept; make room or "
                "give write access, then run the same command again and it goes on where it stopped."
            ) from error

    def _migrate(self, connection: Connection, migrations: Migrations) -> None:
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise StorageError(f"The {self._what} {self._path} needs SQLite, got {type(driver).__name__}.")
        # The lock is taken before the version is read, so that two processes do not apply the same step.
        driver.execute("BEGIN IMMEDIATE")
        try:
            for statement in self._outstanding(driver, migrations):
                driver.execute(statement)
            driver.execute(f"PRAGMA user_version = {len(migrations)}")
        except BaseException:
            driver.execute("ROLLBACK")
            raise
        driver.execute("COMMIT")

    def _outstanding(self, driver: sqlite3.Connection, migrations: Migrations) -> list[str]:
        (version,) = driver.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise ProjectError(
                f"{self._path} was written by a newer Groundtune (version {version} of the {self._what}; this program "
                f"knows {len(migrations)}). Upgrade with: pip install --upgrade groundtune"
            )
        return [statement for statements in migrations[version:] for statement in statements]


class Stored:
    """What lasts in a database; use it as a context manager, or `close` it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
    _write_ahead(connection)
    # In WAL mode NORMAL survives a killed process whole; only a power cut may lose the last commits, never the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # SQLite's own wait does not cover this switch: of two processes that open a new file, one may be refused at once.
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
