"""What readers may see: the published version and those that are kept, in one small file that is replaced at once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Publications", "Published", "Tuning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How an approximate search is done, chosen so that it finds what an exact one finds.

    Attributes:
        rows: Passages when the index was built.
        probes: Partitions of the table's index that a search looks into; 0 where all vectors are in memory.
        candidates: How many of what it finds there are compared exactly, at least.
        recall: Share of the exact ten nearest that it found for samples.
    """

    rows: int
    probes: int
    candidates: int
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One version for readers.

    Attributes:
        table: Number of the table's version.
        accesses: Every value that the ``access`` column may have.
        tuning: Of the search; None where it is exact.
        lineage: Of the table; another one when it was made anew.
    """

    name: str
    table: int
    at: str
    documents: int
    passages: int
    accesses: tuple[str, ...]
    tuning: Tuning | None = None
    lineage: str = ""


class Publications:
    """The file; reading costs a look at its inode as long as it was not replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._state: tuple[Published | None, tuple[Published, ...]] = (None, ())

    @property
    def current(self) -> Published | None:
        """What readers see now; None before the first publication."""
        return self._read()[0]

    @property
    def kept(self) -> tuple[Published, ...]:
        """What can be searched again, oldest first."""
        return self._read()[1]

    def write(self, current: Published, kept: Sequence[Published]) -> None:
        """Replace the file: after a crash there is the old one or the new one.

        Raises:
            OSError: when the disk refuses.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".part")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"current": asdict(current), "kept": [asdict(version) for version in kept]}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def _read(self) -> tuple[Published | None, tuple[Published, ...]]:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen, self._state = None, (None, ())
            return self._state
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._state = _published(stored["current"]), tuple(map(_published, stored["kept"]))
            self._seen = seen
        return self._state


def _published(fields: dict[str, Any]) -> Published:
    tuning = Tuning(**fields["tuning"]) if fields["tuning"] else None
    return Published(**{**fields, "accesses": tuple(fields["accesses"]), "tuning": tuning})
