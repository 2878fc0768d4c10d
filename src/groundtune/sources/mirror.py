"""Local copies of what lies elsewhere: in an archive, behind an address, in a database.

A copy is only written when its content is new, so that what did not change keeps its time and costs a look at it.
Names from elsewhere never become paths: a copy is named after the hash of its name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from groundtune.sources.files import SourceFile, format_of

__all__ = ["Copy", "Mirror"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy.

    Attributes:
        id: Of the document.
        source: The address that it can be opened at.
        file: Its file in the mirror's folder.
        sha256: Of its content.
        stamp: What the other side says of its version, to be compared or sent back the next time.
    """

    id: str
    source: str
    file: str
    sha256: str
    stamp: Mapping[str, str]


class Mirror:
    """The copies of one source, in one folder; what is neither put nor kept is forgotten on `save`.

    Attributes:
        mark: What the source as a whole looked like when it was copied; saved with the copies.
    """

    def __init__(self, folder: Path, told: Callable[[], None] | None = None) -> None:
        """Open the copies in ``folder``; ``told`` is called with each one that is put or kept."""
        self._folder = folder
        self._told = told or _silent
        self._index = folder / "copies.json"
        self.mark, self._old = _load(self._index)
        self._new: dict[str, Copy] = {}

    def known(self, key: str) -> Copy | None:
        """The copy of the last time whose file is still there."""
        copy = self._old.get(key)
        return copy if copy is not None and (self._folder / copy.file).is_file() else None

    def keep(self, key: str) -> None:
        """Go on with the copy of the last time."""
        self._new[key] = self._old[key]
        self._told()

    def keep_all(self) -> None:
        """Go on with everything of the last time that was not put anew: the other side cannot be asked."""
        self._new = {**self._old, **self._new}

    def put(self, key: str, data: bytes, *, name: str, id_: str, source: str, stamp: Mapping[str, str]) -> None:
        """Copy one file.

        Args:
            key: Its name on the other side.
            data: Its content.
            name: A file name whose end says the format.
            id_: Of the document.
            source: The address that it can be opened at.
            stamp: What the other side says of its version.
        """
        suffix = "".join(PurePosixPath(name.lower()).suffixes[-2:])
        file = hashlib.sha256(key.encode()).hexdigest()[:24] + (suffix if suffix.isascii() and len(suffix) < 16 else "")
        sha256 = hashlib.sha256(data).hexdigest()
        known = self.known(key)
        if known is None or known.sha256 != sha256 or known.file != file:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f"{file}.part"
            part.write_bytes(data)
            part.replace(self._folder / file)
        self._new[key] = Copy(id=id_, source=source, file=file, sha256=sha256, stamp=dict(stamp))
        self._told()

    def save(self) -> None:
        """Make what was put and kept the state of the next time, and remove the other copies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._index.with_suffix(".part")
        copies = {key: asdict(copy) for key, copy in self._new.items()}
        part.write_text(json.dumps({"mark": self.mark, "copies": copies}), encoding="utf-8")
        part.replace(self._index)
        kept = {copy.file for copy in self._new.values()} | {self._index.name}
        for entry in os.scandir(self._folder):
            if entry.name not in kept and entry.is_file():
                os.unlink(entry.path)
        self._old = dict(self._new)

    def files(self) -> Iterator[SourceFile]:
        """The copies of the last `save` as files to read, in the order of their names on the other side."""
        for _, copy in sorted(self._old.items()):
            form = format_of(copy.file)
            if form is not None:
                yield SourceFile(copy.id, str(self._folder / copy.file), copy.source, form)


def _silent() -> None:
    """Nobody asked."""


def _load(path: Path) -> tuple[dict[str, str], dict[str, Copy]]:
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))
        return dict(stored["mark"]), {key: Copy(**copy) for key, copy in stored["copies"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, {}
