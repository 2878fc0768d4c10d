"""What a file looked like when it was last read, so that an unchanged one costs a look at its size and time."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from groundtune.sources import Failure

__all__ = ["Fingerprint", "Fingerprints"]

# A file written twice within the clock tick of its file system has one time and two contents: do not trust a young one.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file and what came of it.

    Attributes:
        documents: Id and content hash of each document of the file.
        failures: Each row or file that gave none.
        settled: False when the file was so young that its time proves nothing.
    """

    size: int
    mtime_ns: int
    sha256: str
    settled: bool
    documents: Mapping[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


class Fingerprints:
    """The fingerprints of one index: a cache, never the truth; losing it costs reading time only.

    Args:
        path: The JSON file.
        recipe: Version of everything that turns bytes into rows; a cache of another recipe counts for nothing.
        means: What there is to read with: when it changes, files that failed are read again.
    """

    def __init__(self, path: Path, recipe: str, means: str = "") -> None:
        self._path = path
        self._recipe = recipe
        self._means = means
        known_means, self._old = _load(path, recipe)
        self._same_means = known_means == means
        self._new: dict[str, Fingerprint] = {}

    def unchanged(self, source: str, path: Path) -> Fingerprint | None:
        """The fingerprint of a file that still is what it was, else None.

        Raises:
            OSError: when the file cannot be read.
        """
        old = self._old.get(source)
        stat = path.stat()
        if old is None or old.size != stat.st_size or (old.failures and not self._same_means):
            return None
        if old.mtime_ns == stat.st_mtime_ns and old.settled:
            return old
        return _at(old, stat) if _sha256(path) == old.sha256 else None

    def take(self, path: Path) -> Fingerprint:
        """The fingerprint of a file that is about to be read.

        Raises:
            OSError: when the file cannot be read.
        """
        stat = path.stat()
        return _at(Fingerprint(0, 0, _sha256(path), settled=False), stat)

    def known(self, source: str) -> Fingerprint | None:
        """The last fingerprint of a source, whatever it is now."""
        return self._old.get(source)

    def keep(self, source: str, fingerprint: Fingerprint) -> None:
        """Remember a source for the next time."""
        self._new[source] = fingerprint

    def renamed(self) -> int:
        """How many of the sources that are new hold byte for byte what one held that is gone."""
        gone = Counter(old.sha256 for source, old in self._old.items() if source not in self._new)
        come = Counter(new.sha256 for source, new in self._new.items() if source not in self._old)
        return (gone & come).total()

    def save(self) -> None:
        """Write what was kept, where it is not what was read; sources that were not kept are forgotten.

        Raises:
            OSError: when the disk refuses.
        """
        if self._new == self._old and self._same_means and self._path.exists():
            return
        rows = {source: asdict(fingerprint) for source, fingerprint in self._new.items()}
        temporary = self._path.with_suffix(".part")
        temporary.write_text(
            json.dumps({"recipe": self._recipe, "means": self._means, "sources": rows}), encoding="utf-8"
        )
        temporary.replace(self._path)


def _at(fingerprint: Fingerprint, stat: os.stat_result) -> Fingerprint:
    settled = stat.st_mtime_ns < time.time_ns() - _SETTLED_NS
    return Fingerprint(
        stat.st_size, stat.st_mtime_ns, fingerprint.sha256, settled, fingerprint.documents, fingerprint.failures
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(path: Path, recipe: str) -> tuple[str, dict[str, Fingerprint]]:
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))
        if stored["recipe"] != recipe:
            return "", {}
        return stored["means"], {source: _read(row) for source, row in stored["sources"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", {}


def _read(row: dict[str, Any]) -> Fingerprint:
    return Fingerprint(**{**row, "failures": [Failure(**failure) for failure in row["failures"]]})
