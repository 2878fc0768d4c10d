"""Rows of JSONL files: every good row is kept, every bad one is named with its line and its reasons."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from groundtune.errors import Fault, ProjectError

__all__ = ["BadRow", "Numbered", "numbered_lines", "read_rows"]

T = TypeVar("T")


class BadRow(ValueError):
    """A row that cannot be used, with every reason why."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        super().__init__("; ".join(reasons))


class Numbered(NamedTuple, Generic[T]):
    """A parsed row and the line (1-based) where it stands."""

    line: int
    value: T


def read_rows(path: Path, parse: Callable[[Mapping[str, Any]], T]) -> tuple[list[Numbered[T]], list[Fault]]:
    """Read a JSONL file (one JSON object a line, UTF-8, optionally ``.gz``); blank lines are skipped.

    Args:
        path: The file.
        parse: Makes a record of one object, or raises `BadRow` with all that is wrong with it.

    Returns:
        The good rows in file order, and one fault for each reason of each bad row.

    Raises:
        ProjectError: when the file is missing or cannot be read at all.
    """
    rows: list[Numbered[T]] = []
    faults: list[Fault] = []
    for line, data in numbered_lines(path):
        if not data.strip():
            continue
        try:
            rows.append(Numbered(line, parse(_object(data))))
        except BadRow as bad:
            faults += [Fault(line, reason) for reason in bad.reasons]
    return rows, faults


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file as they are, each with its number (1-based); ``.gz`` is unpacked.

    Raises:
        ProjectError: when the file is missing or cannot be read.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield from enumerate(file, start=1)
    except FileNotFoundError:
        raise ProjectError(f"No file {path}. Put it there, or name another one in groundtune.toml.") from None
    except (OSError, EOFError) as error:
        raise ProjectError(f"{path} cannot be read: {error}. It must be a JSONL file that you may read.") from error


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        row = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadRow(f"not UTF-8 (byte {error.start + 1} of the line); save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadRow(f"not valid JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise BadRow("not usable JSON: nested too deeply") from None
    if not isinstance(row, dict):
        raise BadRow(f'a JSON object such as {{"id": …}} is needed; given {type(row).__name__}')
    return row
