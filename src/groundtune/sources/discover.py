"""Everything that the sources of a project hold: local files as they are, and copies of what lies elsewhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
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
    sources: Sequence[str], root: Path, cache: Path, *, rules: Rules = DEFAULT_RULES, refresh: bool = True
) -> Discovered:
    """Find the files of all sources, each once, in the order of the sources; what cannot be reached is a `Failure`.

    Two sources with the same path below them: the later file gets its whole source as its id.

    Args:
        sources: Folders, files or globs (relative ones count from ``root``), addresses, and ``sql:NAME``.
        root: The project's folder.
        cache: Where copies of what lies elsewhere are kept; safe to delete.
        rules: How sources are read.
        refresh: Ask for what is new elsewhere; False gives the copies of the last time.

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
    found = list(_each_once(sources, root, cache, rules, refresh))
    files = [file for file in found if isinstance(file, SourceFile)]
    return Discovered(files, [failure for failure in found if isinstance(failure, Failure)])


def _each_once(sources: Sequence[str], root: Path, cache: Path, rules: Rules, refresh: bool) -> Iterator[Found]:
    seen: set[str] = set()
    ids: set[str] = set()
    folder = lru_cache(maxsize=None)(os.path.realpath)
    for source in sources:
        for found in _found(source, root, cache, rules, refresh):
            if isinstance(found, Failure):
                yield found
                continue
            # Of thousands of files few are links: the folder is looked up once.
            linked = os.path.islink(found.path)
            place = os.path.realpath(found.path) if linked else f"{folder(found.path.parent)}/{found.path.name}"
            if place in seen:
                continue
            seen.add(place)
            file = replace(found, id=found.source) if found.id in ids else found
            ids.add(file.id)
            yield file


def _found(source: str, root: Path, cache: Path, rules: Rules, refresh: bool) -> Iterator[Found]:
    files = walk(source, root)
    if _lies_elsewhere(source):
        mirror = Mirror(_folder(cache, source))
        if refresh:
            yield from _copied(source, mirror, rules)
            mirror.save()
        files = mirror.files()
    for file in files:
        if file.format == "archive":
            inside = Mirror(_folder(cache, file.source))
            yield from unpacked(file, inside, rules) if refresh else inside.files()
        else:
            yield file


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


def _folder(cache: Path, source: str) -> Path:
    return cache / hashlib.sha256(source.encode()).hexdigest()[:16]
