"""What is said to LanceDB, and what it says when something fails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from groundtune.errors import StorageError
from groundtune.knowledge.filters import Filter
from groundtune.knowledge.schema import groups_of, label

__all__ = ["condition", "quoted", "storage_errors"]

# The store names the line of its own source code behind its reason.
_SOURCE_LINE = re.compile(r", \S+\.rs:\d+:\d+")


def quoted(values: Sequence[str]) -> str:
    """String literals of the filter language, joined by commas."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def condition(filter: Filter, accesses: Iterable[str]) -> str | None:
    """The filter in the store's language, for a table with these ``access`` values; None where it excludes nothing."""
    parts = []
    accesses = list(accesses)
    allowed = [access for access in accesses if filter.admits(groups_of(access))]
    if len(allowed) < len(accesses):
        parts.append(f"access IN ({quoted(allowed)})" if allowed else "false")
    if filter.documents is not None:
        parts.append(f"document IN ({quoted(filter.documents)})" if filter.documents else "false")
    if filter.without:
        parts.append(f"document NOT IN ({quoted(filter.without)})")
    if filter.metadata:
        wanted = [label(key, value) for key, value in filter.metadata.items()]
        parts.append(f"array_has_all(labels, [{quoted(wanted)}])")
    return " AND ".join(parts) or None


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
