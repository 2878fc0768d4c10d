"""Everything that the sources of a project hold: local files as they are, and copies of what lies elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from groundtune.errors import ProjectError
from groundtune.sources.archives import unpacked
from groundtune.sources.failure import Failure
from groundtune.sources.files import SourceFile
from groundtune.sources.mirror import Mirror
from groundtune.sources.rules import DEFAULT_RULES, Rules
from groundtune.sources.walking import Found, check_exist, walk

__all__ = ["Discovered", "discover"]

_SQL = "sql:"


class Discovered(NamedTuple):
    """What there is to read, and what could not be reached or unpacked."""

    files: list[SourceFile]
    failures: list[Failure]


def discover(
    sources: Sequence[str],
    root: Path,
    cache: Path,
    *,
    rules: Rules = DEFAULT_RULES,
    refresh: bool = True,
    told: Callable[[int], None] | None = None,
    changed: Collection[str] | None = None,
) -> Discovered:
    """Find the files of all sources, each once, in the order of the sources; what cannot be reached is a `Failure`.

    Two sources with the same path below them: the later file gets its whole source as its id.

    Args:
        sources: Folders, files or globs (relative ones count from ``root``), addresses, and ``sql:NAME``.
        root: The project's folder.
        cache: Where copies of what lies elsewhere are kept; safe to delete.
        rules: How sources are read.
        refresh: Ask for what is new elsewhere; False gives the copies of the last time.
        told: Called with how many files from elsewhere are at hand, each time there is one more.
        changed: Paths, with all links followed, of the local files and folders that changed since the last time: only
            these are suspect, and nothing elsewhere is asked. None: whatever there is may have changed.

    Raises:
        ProjectError: when a local source does not exist (all of them are named), or a database is not described.
        MissingExtra: when reading an address needs a part that is not installed.
    """
    check_exist([source for source in sources if not _lies_elsewhere(source)], root)
    unknown = [source for source in sources if source.startswith(_SQL) and source.removeprefix(_SQL) not in rules.sql]
    if unknown:
        described = ", ".join(f"sql:{name}" for name in rules.sql) or "none"
        raise ProjectError(
            f"No such database: {', '.join(unknown)}. Described in groundtune.toml: {described}. "
            "Add a section [knowledge.sql.NAME] with url and query, or correct `sources` under [knowledge]."
        )
    discovered = Discovered([], [])
    _each_once(sources, _Search(root, cache, rules, refresh, told, changed), discovered)
    return discovered


def _each_once(sources: Sequence[str], search: _Search, discovered: Discovered) -> None:
    seen: set[str] = set()
    ids: set[str] = set()
    for source in sources:
        for found in search.found(source):
            if isinstance(found, Failure):
                discovered.failures.append(found)
                continue
            file, real = found
            if real in seen:
                continue
            seen.add(real)
            if file.id in ids:
                file = file._replace(id=file.source)
            ids.add(file.id)
            discovered.files.append(file)


@dataclass(slots=True)
class _Search:
    """Looks through one source after the other and counts the copies."""

    root: Path
    cache: Path
    rules: Rules
    refresh: bool
    told: Callable[[int], None] | None
    changed: Collection[str] | None
    _count: int = 0

    def found(self, source: str) -> Iterator[Found | Failure]:
        if _lies_elsewhere(source):
            mirror = self._mirror(source)
            if self.refresh and self.changed is None:
                yield from _copied(source, mirror, self.rules)
                mirror.save()
            yield from self._opened(mirror.files())
            return
        closed: list[Failure] = []
        for found in walk(source, self.root, self.changed, closed):
            if found.file.format == "archive":
                yield from self._opened([found.file])
            else:
                yield found
        yield from closed

    def _opened(self, files: Iterable[SourceFile]) -> Iterator[Found | Failure]:
        """Copies as they are, and what is in an archive among them."""
        for file in files:
            if file.format == "archive":
                inside = self._mirror(file.source)
                again = self.refresh and file.suspect
                for result in unpacked(file, inside, self.rules) if again else inside.files():
                    yield result if isinstance(result, Failure) else Found(result, result.location)
            else:
                yield Found(file, file.location)

    def _mirror(self, source: str) -> Mirror:
        return Mirror(self.cache / hashlib.sha256(source.encode()).hexdigest()[:16], self._one_more)

    def _one_more(self) -> None:
        self._count += 1
        if self.told is not None:
            self.told(self._count)


def _copied(source: str, mirror: Mirror, rules: Rules) -> Iterator[Failure]:
    # Each kind of source brings libraries of its own.
    if source.startswith(_SQL):
        from groundtune.sources.sql import copy_rows

        name = source.removeprefix(_SQL)
        return copy_rows(name, rules.sql[name], mirror)
    if source.startswith(("http://", "https://")):
        from groundtune.sources.web import copy_pages

        return copy_pages(source, mirror, rules.web)
    from groundtune.sources.remote import copy_files

    return copy_files(source, mirror)


def _lies_elsewhere(source: str) -> bool:
    return "://" in source or source.startswith(_SQL)
