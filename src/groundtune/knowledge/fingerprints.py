"""What a file looked like when it was last read, so that an unchanged one costs a look at its size and time."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from groundtune.sources import Failure, SourceFile
from groundtune.sources.bulk import in_bulk

__all__ = ["Fingerprint", "Fingerprints"]

# A file written twice within the clock tick of its file system has one time and two contents: do not trust a young one.
_SETTLED_NS = 2_000_000_000


class Fingerprint(NamedTuple):
    """A file and what came of it. Every sync reads all of them, so it is a tuple.

    Attributes:
        settled: False when its time proves nothing: the file was very young, or could not be read when it was due.
        documents: Id and content hash of each document of the file.
        failures: Each row or file that gave none.
        refused: Ids that it would have given, with the source of the file that has them.
    """

    size: int
    mtime_ns: int
    sha256: str
    settled: bool
    documents: Mapping[str, str]
    failures: Sequence[Failure]
    refused: Mapping[str, str]


class Fingerprints:
    """The fingerprints of one index: a cache, never the truth; losing it costs reading time only.

    Args:
        path: The JSON file.
        recipe: Version of everything that turns bytes into rows; a cache of another recipe counts for nothing.
        means: What there is to read with: when it changes, files that failed are read again.
    """

    def __init__(self, path: Path, recipe: str, means: str = "") -> None:
        self.recipe = recipe
        self.means = means
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._same_means = False
        self._saved = False
        self._old: dict[str, Fingerprint] = {}
        self._new: dict[str, Fingerprint] = {}
        self.begin()

    def begin(self) -> None:
        """Start anew with what was kept last; it is only read where another object saved it."""
        self._new = {}
        seen = self._stamp()
        if seen is None or seen != self._seen:
            known_means, self._old = _load(self._path, self.recipe)
            self._same_means = self._saved = known_means == self.means
            self._seen = seen

    def unchanged(self, file: SourceFile) -> Fingerprint | None:
        """The fingerprint of a file that still is what it was, else None.

        Raises:
            OSError: when the file cannot be read.
        """
        old = self._old.get(file.source)
        if old is None or (old.failures and not self._same_means):
            return None
        if old.settled and not file.suspect:
            return old
        stat = os.stat(file.location)
        if old.size != stat.st_size:
            return None
        if old.mtime_ns == stat.st_mtime_ns and old.settled:
            return old
        return _at(old, stat) if _sha256(file.location) == old.sha256 else None

    def take(self, file: SourceFile) -> Fingerprint:
        """The fingerprint of a file that is about to be read.

        Raises:
            OSError: when the file cannot be read.
        """
        stat = os.stat(file.location)
        return _at(Fingerprint(0, 0, _sha256(file.location), False, {}, [], {}), stat)

    def known(self, source: str) -> Fingerprint | None:
        """The last fingerprint of a source, whatever it is now."""
        return self._old.get(source)

    def missing_below(self, folder: str) -> list[str]:
        """Sources below a folder, which ends in ``/``, that were known and have not been kept this time."""
        above = folder.removeprefix("./")
        return [source for source in self._old if source not in self._new and source.startswith(above)]

    def keep(self, source: str, fingerprint: Fingerprint) -> None:
        """Remember a source for the next time."""
        self._new[source] = fingerprint

    def renamed(self) -> int:
        """How many of the sources that brought documents hold byte for byte what one held that is gone."""
        come = [self._new[source] for source in self._new.keys() - self._old.keys()]
        if not come:
            return 0
        were = {id_ for fingerprint in self._old.values() for id_ in fingerprint.documents}
        brought = Counter(fingerprint.sha256 for fingerprint in come if fingerprint.documents.keys() - were)
        gone = Counter(self._old[source].sha256 for source in self._old.keys() - self._new.keys())
        return (gone & brought).total()

    def remember(self) -> None:
        """Make what was kept the state of the next time, for this object and not yet on the disk: that costs time."""
        self._saved = self._saved and self._new == self._old
        self._old, self._same_means = self._new, True

    def save(self) -> None:
        """Make what was kept the state of the next time, on the disk; sources that were not kept are forgotten.

        Raises:
            OSError: when the disk refuses.
        """
        self.remember()
        if self._saved:
            return
        rows = {source: _row(fingerprint) for source, fingerprint in self._new.items()}
        stored = {"recipe": self.recipe, "means": self.means, "sources": rows}
        temporary = self._path.with_suffix(".part")
        temporary.write_text(json.dumps(stored, separators=(",", ":")), encoding="utf-8")
        temporary.replace(self._path)
        self._saved, self._seen = True, self._stamp()

    def _stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the file is replaced; None where there is none."""
        try:
            stat = os.stat(self._path)
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _at(fingerprint: Fingerprint, stat: os.stat_result) -> Fingerprint:
    settled = stat.st_mtime_ns < time.time_ns() - _SETTLED_NS
    return fingerprint._replace(size=stat.st_size, mtime_ns=stat.st_mtime_ns, settled=settled)


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(path: Path, recipe: str) -> tuple[str, dict[str, Fingerprint]]:
    try:
        with in_bulk():
            stored: Any = json.loads(path.read_bytes())
            if stored["recipe"] != recipe:
                return "", {}
            return stored["means"], {source: _read(row) for source, row in stored["sources"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", {}


def _row(fingerprint: Fingerprint) -> list[Any]:
    *looks, failures, refused = fingerprint
    return [*looks, [asdict(failure) for failure in failures], refused]


def _read(row: list[Any]) -> Fingerprint:
    size, mtime_ns, sha256, settled, documents, failures, refused = row
    known = [Failure(**failure) for failure in failures]
    return Fingerprint(size, mtime_ns, sha256, settled, documents, known, refused)
