"""The connection to PostgreSQL, the tables of one store, and what the server says when something fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtune.errors import MissingExtra, ProjectError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Database"]

_SOCKET = ".s.PGSQL.5432"
_TABLES = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS {name}_versions (
    number bigint PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL, documents bigint NOT NULL,
    passages bigint NOT NULL, kept boolean NOT NULL DEFAULT false);
CREATE TABLE IF NOT EXISTS {name}_passages (
    row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL, document text NOT NULL, ordinal int NOT NULL,
    key text NOT NULL, content text NOT NULL, access text NOT NULL, labels text[] NOT NULL, passage text NOT NULL,
    record text, words tsvector NOT NULL, vector vector({dimensions}) NOT NULL, born bigint NOT NULL, died bigint);
CREATE INDEX IF NOT EXISTS {name}_ids ON {name}_passages (id);
CREATE INDEX IF NOT EXISTS {name}_documents ON {name}_passages (document);
CREATE INDEX IF NOT EXISTS {name}_keys ON {name}_passages (key);
CREATE INDEX IF NOT EXISTS {name}_died ON {name}_passages (died);
CREATE INDEX IF NOT EXISTS {name}_words ON {name}_passages USING gin (words)
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database, and the prefix of the tables in it.

    Attributes:
        name: Of the store; its tables begin with it.
        dimensions: Of the vectors.
    """

    engine: Engine
    name: str
    dimensions: int

    @classmethod
    def at(cls, url: str, name: str, dimensions: int) -> Database:
        """Name a database; nothing is connected before it is needed.

        Args:
            url: ``postgresql://user:password@host/database``; ``?host=/folder`` for the socket of this machine.
            name: Of the store.
            dimensions: Of the vectors.

        Raises:
            MissingExtra: when the driver is not installed.
            ProjectError: when the address is none.
        """
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError

        try:
            given = make_url(url)
        except ArgumentError:  # its text has the address, and so perhaps a password
            raise ProjectError("The address of PostgreSQL cannot be read; write postgresql://user@host/name.") from None
        place = given.query.get("host")
        options = {"unix_sock": f"{place}/{_SOCKET}"} if isinstance(place, str) and place.startswith("/") else {}
        plain = given.set(drivername="postgresql+pg8000").difference_update_query(["host"])
        try:
            engine = create_engine(plain, connect_args=options, pool_pre_ping=True)
        except ModuleNotFoundError as missing:
            raise MissingExtra("The store in PostgreSQL", "postgres") from missing
        return cls(engine, re.sub(r"[^a-z0-9_]", "_", name.lower()), dimensions)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose statements count together or not at all.

        Raises:
            StorageError: when the server cannot be reached, or refuses.
        """
        with self.failing_clearly(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def failing_clearly(self) -> Iterator[None]:
        """Raise what the server reports as `StorageError`, without the statement: that holds texts of documents."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(
                f"PostgreSQL at {self.engine.url.host or 'its socket'} failed: {_reason(error)}. Put it right and run "
                "`groundtune sync` again; what was published before is kept."
            ) from error

    def make_tables(self) -> None:
        """Make what is not there yet.

        Raises:
            StorageError: also where the server has no pgvector, or the user may not make tables.
        """
        with self.transaction() as connection:
            for statement in _TABLES.format(name=self.name, dimensions=self.dimensions).split(";"):
                connection.exec_driver_sql(statement)

    def exists(self, connection: Connection) -> bool:
        """Whether the tables were made."""
        found = connection.exec_driver_sql("SELECT to_regclass(%s)", (f"{self.name}_passages",)).scalar()
        return found is not None


def _reason(error: BaseException) -> str:
    """What the server said, in one line."""
    original = getattr(error, "orig", None) or error
    said = original.args[0] if original.args else original
    return str(said.get("M", said) if isinstance(said, dict) else said).splitlines()[0]
