"""Following the documents: a sync after each change of a file, until somebody stops it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath

from groundtune.errors import Busy, ProjectError
from groundtune.knowledge import SyncReport
from groundtune.settings import FOLDER_NAME

__all__ = ["follow"]

_QUIET_MS = 100
"""A file that is being written changes many times: the sync waits until it was quiet for so long."""
_LONGEST_MS = 800
"""But never longer than this, so that a change is searchable within two seconds."""
_TICK_MS = 500
_GLOB = frozenset("*?[")


def follow(
    sources: Sequence[str],
    root: Path,
    sync: Callable[[], SyncReport],
    waiting: Callable[[str], None],
    stop: threading.Event | None = None,
) -> Iterator[SyncReport]:
    """Sync now and after each change below the sources; a report for each sync that found something to do.

    Files that change while a sync runs are part of the next. Sources that are not on this machine are asked again with
    each sync, but their changes start none.

    Args:
        sources: Folders, files or globs, relative to ``root``.
        root: The project's folder.
        sync: Makes the knowledge base equal to the sources.
        waiting: Told why a sync has to wait.
        stop: Ends it; without one, only an exception does.

    Raises:
        ProjectError: when none of the sources is a file or folder of this machine.
        GroundtuneError: as of ``sync``, but for `Busy`: then it waits for its turn.
    """
    from watchfiles import watch

    places = _places(sources, root)
    if not places:
        raise ProjectError(f"There is nothing to watch: none of {', '.join(sources) or 'no sources'} is a local path.")
    own = str((root / FOLDER_NAME).resolve()) + os.sep
    changes = watch(
        *places,
        watch_filter=lambda _, path: not path.startswith(own),
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,  # the first turn comes once the watcher sees everything: no change falls between
        stop_event=stop,
        raise_interrupt=True,
        ignore_permission_denied=True,
    )
    due, first = True, True
    for changed in changes:
        if not (due or changed):
            continue
        try:
            report = sync()
        except Busy as busy:
            waiting(str(busy))
            due = True
            continue
        if first or report.added or report.changed or report.removed or report.failed:
            yield report
        due = first = False


def _places(sources: Sequence[str], root: Path) -> list[Path]:
    """Files and folders to watch: of a glob, the folder before its first wild card."""
    places = []
    for source in sources:
        parts = PurePath(source).parts
        literal = next((n for n, part in enumerate(parts) if _GLOB & set(part)), len(parts))
        place = root.joinpath(*parts[:literal])
        if place.exists():
            places.append(place.resolve())
    return places
