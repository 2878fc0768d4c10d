"""Rows of a database as documents, through SQLAlchemy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from groundtune.sources.failure import Failure
from groundtune.sources.mirror import Mirror
from groundtune.sources.rules import Database

__all__ = ["copy_rows"]

_KEY = "rows"
_MOST = 2**30


def copy_rows(name: str, database: Database, mirror: Mirror) -> Iterator[Failure]:
    """Copy the rows of a query as one file of document rows; the same rows give the same file.

    A database that cannot be asked is a passing failure: the rows of the last time stay.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    source = f"sql:{name}"
    lines: list[bytes] = []
    try:
        engine = create_engine(database.url)
        with engine.connect() as connection:
            rows = connection.execution_options(stream_results=True).execute(text(database.query)).mappings()
            missing = {database.id, database.text, database.title} - {"", *rows.keys()}
            if missing:
                mirror.keep_all()
                yield Failure(source, f"its query gives no column {', '.join(sorted(missing))}", _columns(rows.keys()))
                return
            lines = [_line(name, database, {str(key): value for key, value in row.items()}) for row in rows]
        engine.dispose()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The message of an ArgumentError repeats the address, and so perhaps a password.
        told = str(error) if not isinstance(error, ArgumentError) else "its address is no address of SQLAlchemy's form"
        mirror.keep_all()
        yield Failure(source, f"it cannot be asked: {told}", _URL, "unreachable", transient=True)
        return
    except SQLAlchemyError as error:
        told = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        mirror.keep_all()
        yield Failure(source, f"it cannot be asked: {told}", _ASK, "unreachable", transient=True)
        return
    data = b"".join(lines)
    if len(data) > _MOST:
        mirror.keep_all()
        yield Failure(source, "its rows take more than 1 GiB", "Narrow the query, or split it into several.", "hostile")
        return
    mirror.put(_KEY, data, name="rows.jsonl", id_=source, source=source, stamp={})


_URL = (
    "The variable that url names must hold an address such as postgresql+pg8000://user:password@host/db or "
    "sqlite:///file.db, and its driver must be installed."
)
_ASK = "Check the database and the query; the rows of the last time are kept."


def _columns(names: Any) -> str:
    return f"It gives {', '.join(names)}: correct id, text or title in its section, or the query."


def _line(name: str, database: Database, row: Mapping[str, Any]) -> bytes:
    """One row as `groundtune.sources.document_rows` reads it."""
    roles = {database.id, database.text, database.title}
    spoken = {key: str(value) for key, value in row.items() if value is not None}
    id_ = spoken.get(database.id, "")
    fields = {
        "id": f"{name}/{id_}" if id_ else "",
        "title": spoken.get(database.title, ""),
        "text": spoken.get(database.text, ""),
        "metadata": {key: value for key, value in spoken.items() if key not in roles},
        "source": database.source.format_map(_Filled(spoken)) if database.source else f"sql:{name}#{id_}",
    }
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class _Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
