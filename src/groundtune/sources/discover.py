"""Everything that the sources of a project hold: local files as they are, and copies of what lies elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from groundtune.errors import ProjectError
from groundtune.sources.archives import unpacked
from groundtune.sources.failure import Failure
from groundtune.sources.files import SourceFile, check_exist, walk
from groundtune.sources.mirror import Mirror
from groundtune.sources.rules import DEFAULT_RULES, Rules

__all__ = ["Discovered", "discover"]

_SQL = "sql:"
Found = SourceFile | Failure


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
    found = list(_each_once(sources, _Search(root, cache, rules, refresh, told)))
    files = [file for file in found if isinstance(file, SourceFile)]
    return Discovered(files, [failure for failure in found if isinstance(failure, Failure)])


def _each_once(sources: Sequence[str], search: _Search) -> Iterator[Found]:
    seen: set[Path] = set()
    ids: set[str] = set()
    for source in sources:
        for found in search.found(source):
            if isinstance(found, Failure):
                yield found
                continue
            if found.path.resolve() in seen:
                continue
            seen.add(found.path.resolve())
            file = replace(found, id=found.source) if found.id in ids else found
            ids.add(file.id)
            yield file


class _Search:
    """Looks through one source after the other and counts the copies."""

    def __init__(
        self, root: Path, cache: Path, rules: Rules, refresh: bool, told: Callable[[int], None] | None
    ) -> None:
        self._root = root
        self._cache = cache
        self._rules = rules
        self._refresh = refresh
        self._told = told
        self._count = 0

    def found(self, source: str) -> Iterator[Found]:
        files = walk(source, self._root)
        if _lies_elsewhere(source):
            mirror = self._mirror(source)
            if self._refresh:
                yield from _copied(source, mirror, self._rules)
                mirror.save()
            files = mirror.files()
        for file in files:
            if file.format == "archive":
                inside = self._mirror(file.source)
                yield from unpacked(file, inside, self._rules) if self._refresh else inside.files()
            else:
                yield file

    def _mirror(self, source: str) -> Mirror:
        return Mirror(self._cache / hashlib.sha256(source.encode()).hexdigest()[:16], self._one_more)

    def _one_more(self) -> None:
        self._count += 1
        if self._told is not None:
            self._told(self._count)


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
