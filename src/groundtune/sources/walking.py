"""The files of a folder, a file or a glob, in a fixed order, by one look at each folder."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import translate
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from groundtune.errors import ProjectError
from groundtune.sources.bulk import in_bulk
from groundtune.sources.failure import Failure
from groundtune.sources.files import Format, SourceFile, format_of

__all__ = ["Found", "check_exist", "fixed_part", "walk"]

_SIGNS = frozenset("*?[")
_ALL_BELOW = ("**", "*")
_SETTLED_NS = 2_000_000_000
"""Age from which on the time of a folder tells whether something came or went."""
_MOST_LISTINGS = 20_000
"""Folders of which is remembered what is in them."""


class Found(NamedTuple):
    """A file, and its path with all links followed: two names with one such path are one file."""

    file: SourceFile
    real: str


class _Folder(NamedTuple):
    """A folder to look into; all paths but `path` end in ``/``, or are empty.

    Attributes:
        inner: Its path below the source.
        shown: Its path as shown to people.
        real: Its path with all links followed.
        places: Where in the pattern its entries are, see `_Pattern`.
        suspect: As of all files below it.
    """

    path: str
    inner: str
    shown: str
    real: str
    places: frozenset[int]
    suspect: bool


class _Inside(NamedTuple):
    """What a walk finds in a folder.

    Attributes:
        files: Those of the pattern.
        folders: Those that it enters.
        links: True when there are links.
        closed: Why it cannot be opened; empty when it can, or is gone.
    """

    files: list[Found]
    folders: list[_Folder]
    links: bool
    closed: list[Failure]


class _Pattern:
    """The parts of a glob, such as ``**`` and ``*.md``, followed from folder to folder.

    A place is the number of the part that a name is held against next. There can be several, as ``**`` stands for any
    number of folders, none too. It does not go through links, which may lead in circles; the other parts do.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = (*parts, "*") if parts[-1] == "**" else tuple(parts)
        self._parts = [None if part == "**" else re.compile(translate(part)).match for part in self.parts]
        self.start = self._with_none(0)

    def _with_none(self, place: int) -> frozenset[int]:
        """A place, and those after it when the ``**`` there stand for no folder."""
        end = place
        while self._parts[end] is None:
            end += 1
        return frozenset(range(place, end + 1))

    def below(self, places: frozenset[int], name: str, *, link: bool) -> frozenset[int]:
        """The places in a folder of this name; none when nothing below it can match."""
        found: frozenset[int] = frozenset()
        for place in places:
            matches = self._parts[place]
            if matches is None:
                found |= frozenset() if link else self._with_none(place)
            elif place + 1 < len(self._parts) and matches(name):
                found |= self._with_none(place + 1)
        return found

    def files(self, places: frozenset[int]) -> Callable[[str], object] | None:
        """What says whether a file of a name in this folder is one of the glob; None where none can be."""
        return self._parts[-1] if len(self._parts) - 1 in places else None


def check_exist(sources: Sequence[str], root: Path) -> None:
    """Refuse sources that are not there.

    Raises:
        ProjectError: names all of them.
    """
    missing = [source for source in sources if not _is_glob(source) and not (root / source).exists()]
    if missing:
        raise ProjectError(
            f"No such file or folder: {', '.join(missing)} (looked in {root}). Allowed are folders, files, globs such "
            "as docs/**/*.md, addresses such as https://example.org/sitemap.xml or s3://bucket/prefix, and sql:NAME. "
            "Make the folder, or correct `sources` under [knowledge] in groundtune.toml."
        )


def fixed_part(source: str, root: Path) -> Path:
    """The file or folder that a source is; of a glob, the folder before its first wild card."""
    parts = Path(source).parts
    return root.joinpath(*parts[: _fixed(parts)])


def walk(
    source: str, root: Path, changed: Collection[str] | None = None, closed: list[Failure] | None = None
) -> Iterator[Found]:
    """The files of one folder, file or glob: those of a folder by name, then those of the folders in it.

    Hidden files and folders are passed over, and so are pictures, styles, fonts and the scripts of web pages. A file of
    another format is given out as ``unsupported``, so that it can be reported.

    Args:
        source: The folder, file or glob.
        root: What a relative one counts from.
        changed: Paths, with all links followed, of the files and folders that changed; all other files that are no
            links are above suspicion. None: any may have changed.
        closed: Takes in the folders that are there and cannot be opened.
    """
    base = fixed_part(source, root)
    wild = Path(source).parts[_fixed(Path(source).parts) :]
    real = os.path.realpath(base)
    suspect = changed is None or real in changed or any(str(above) in changed for above in Path(real).parents)
    if not wild and base.is_file():
        form = format_of(base.name)
        if form is not None:
            yield Found(SourceFile(base.name, str(base), _shown(base, root), form, suspect or base.is_symlink()), real)
        return
    pattern = _Pattern(wild or _ALL_BELOW)
    shown = "" if base == root else os.path.join(_shown(base, root), "")
    start = _Folder(str(base), "", shown, os.path.join(real, ""), pattern.start, suspect)
    yield from _below(start, pattern, changed, [] if closed is None else closed)


def _below(
    start: _Folder, pattern: _Pattern, changed: Collection[str] | None, closed: list[Failure]
) -> Iterator[Found]:
    parents = {os.path.join(os.path.dirname(path), "") for path in changed or ()}
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if changed is None or folder.suspect:
            inside = _look(folder, pattern)
        else:
            inside = _LISTINGS.of(folder, pattern)
            if folder.real in parents:
                inside = _suspected(inside, changed)
        yield from inside.files
        closed.extend(inside.closed)
        waiting.extend(reversed(inside.folders))


@in_bulk()
def _look(folder: _Folder, pattern: _Pattern) -> _Inside:
    matches = pattern.files(folder.places)
    try:
        entries = _entries(folder.path)
    except OSError as error:
        return _Inside([], [], False, _closed(folder, error))
    inside = _Inside([], [], any(entry.is_symlink() for entry in entries), [])
    for entry in entries:
        if _is_folder(entry):
            places = pattern.below(folder.places, entry.name, link=entry.is_symlink())
            if places:
                inside.folders.append(_entered(folder, entry, places))
        elif matches is not None and matches(entry.name):
            form = format_of(folder.inner + entry.name)
            if form is not None and _can_be_read(entry):
                inside.files.append(_found(folder, entry, form))
    return inside


def _suspected(inside: _Inside, changed: Collection[str]) -> _Inside:
    """The same, with what changed among it under suspicion."""
    files = [
        found._replace(file=found.file._replace(suspect=True)) if found.real in changed else found
        for found in inside.files
    ]
    folders = [folder._replace(suspect=True) if folder.real[:-1] in changed else folder for folder in inside.folders]
    return inside._replace(files=files, folders=folders)


class _Listings:
    """What was found in folders, for as long as their times say that it still is there.

    The time of a folder changes whenever a name in it comes or goes. A young time proves nothing: two changes within
    the clock tick of a file system have one time. Nothing is kept of a folder with links: where they lead changes
    unseen.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[_Folder, tuple[str, ...]], tuple[tuple[int, ...], _Inside]] = {}

    def of(self, folder: _Folder, pattern: _Pattern) -> _Inside:
        """What a walk finds in a folder that is above suspicion."""
        key, stamp = (folder, pattern.parts), _stamp(folder.path)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        inside = _look(folder, pattern)
        self._kept.pop(key, None)
        if stamp is not None and not inside.links and not inside.closed:
            if len(self._kept) >= _MOST_LISTINGS:
                self._kept.clear()
            self._kept[key] = stamp, inside
        return inside


_LISTINGS = _Listings()


def _stamp(path: str) -> tuple[int, ...] | None:
    """Changes with the names in a folder and the right to read them; None where nothing can be said of that."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    trusted = max(stat.st_mtime_ns, stat.st_ctime_ns) < time.time_ns() - _SETTLED_NS
    return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns) if trusted else None


def _entries(path: str) -> list[os.DirEntry[str]]:
    """What is in a folder, by name and without what is hidden."""
    with os.scandir(path) as entries:
        return sorted((entry for entry in entries if entry.name[0] != "."), key=attrgetter("name"))


def _closed(folder: _Folder, error: OSError) -> list[Failure]:
    """What is told of a folder that cannot be opened; nothing of one that is gone."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return []
    reason = f"the folder cannot be opened: {error.strerror or error}"
    hint = "Give read access to it; what was read of it before is kept."
    return [Failure(folder.shown or "./", reason, hint, "unreachable", transient=True)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead in a circle
        return False


def _can_be_read(entry: os.DirEntry[str]) -> bool:
    """False for pipes and devices, whose end may never come; what a link that leads nowhere is, its reader says."""
    try:
        return entry.is_file() or not os.path.exists(entry.path)
    except OSError:
        return True


def _entered(above: _Folder, entry: os.DirEntry[str], places: frozenset[int]) -> _Folder:
    name = f"{entry.name}/"
    link = entry.is_symlink()
    real = os.path.join(os.path.realpath(entry.path), "") if link else above.real + name
    return _Folder(entry.path, above.inner + name, above.shown + name, real, places, above.suspect or link)


def _found(folder: _Folder, entry: os.DirEntry[str], form: Format) -> Found:
    link = entry.is_symlink()
    real = os.path.realpath(entry.path) if link else folder.real + entry.name
    suspect = folder.suspect or link
    return Found(SourceFile(folder.inner + entry.name, entry.path, folder.shown + entry.name, form, suspect), real)


def _is_glob(source: str) -> bool:
    return not _SIGNS.isdisjoint(source)


def _fixed(parts: Sequence[str]) -> int:
    """How many parts come before the first wild card."""
    return next((number for number, part in enumerate(parts) if _is_glob(part)), len(parts))


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
