"""Following the documents: a sync after each change of a file, until somebody stops it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from groundtune.errors import Busy, ProjectError
from groundtune.knowledge import SyncReport
from groundtune.settings import FOLDER_NAME
from groundtune.sources import fixed_part

__all__ = ["follow"]

_STEP_MS = 10
"""A sync waits until no further file changed for so long."""
_LONGEST_MS = 800
"""But never longer than this, so that a change is searchable within two seconds."""
_TICK_MS = 500
_SETTLED_TICKS = 4
"""Ticks without a change until everything is looked at again: the system drops events when there are too many."""
_TICKS = 1200
"""Ticks until everything is looked at again in any case: not every file system tells what other machines do."""


class _Place(NamedTuple):
    """A file or folder to watch; another one under the same name, which the system does not follow, is not equal."""

    path: str
    device: int
    inode: int


@dataclass(slots=True)
class _Due:
    """What the next sync has to look at.

    Attributes:
        everything: At whatever there is, not only at what changed.
        changed: Paths that changed since the last sync.
        unsure: True when the last sync looked only at what changed.
        quiet: Ticks since the last change.
        ticks: Ticks since everything was looked at.
    """

    everything: bool = True
    changed: set[str] = field(default_factory=set)
    unsure: bool = False
    quiet: int = 0
    ticks: int = 0

    def hear(self, paths: Collection[str]) -> bool:
        """Take note of changes, or of a tick without any; True when a sync is due."""
        self.changed.update(paths)
        self.quiet = 0 if paths else self.quiet + 1
        self.ticks += not paths
        if self.ticks >= _TICKS or (self.unsure and self.quiet >= _SETTLED_TICKS):
            self.everything = True
        return self.everything or bool(self.changed)

    def done(self) -> None:
        """A sync has looked at what was due."""
        self.unsure = not self.everything
        self.ticks = self.ticks if self.unsure else 0
        self.everything = False
        self.changed = set()


def follow(
    sources: Sequence[str],
    root: Path,
    sync: Callable[[Collection[str] | None], SyncReport],
    waiting: Callable[[str], None],
    stop: threading.Event | None = None,
) -> Iterator[SyncReport]:
    """Sync now and after each change below the sources; a report for each sync that found something to do.

    A sync looks only at what the system says has changed. As that can be incomplete, a sync that looks at everything
    follows once it is quiet. Files that change while a sync runs are part of the next. Sources that are not on this
    machine are asked with each sync that looks at everything, but their changes start none.

    Args:
        sources: Folders, files or globs, relative to ``root``.
        root: The project's folder.
        sync: Makes the knowledge base equal to the sources, when only these paths have changed; None: whatever has.
        waiting: Told why a sync has to wait.
        stop: Ends it; without one, only an exception does.

    Raises:
        ProjectError: when none of the sources is a file or folder of this machine.
        GroundtuneError: as of ``sync``, but for `Busy`: then it waits for its turn.
    """
    due, first = _Due(), True
    while places := _places(sources, root):
        for changed in _changes(places, root, stop):
            if due.hear(changed):
                try:
                    report = sync(None if due.everything else due.changed)
                except Busy as busy:
                    waiting(str(busy))
                    continue
                due.done()
                if first or report.added or report.changed or report.removed or report.failed:
                    yield report
                first = False
            if _places(sources, root) != places:
                due.everything = True
                break
        else:
            return
    raise ProjectError(f"There is nothing to watch: none of {', '.join(sources) or 'no sources'} is a local path.")


def _changes(places: Sequence[_Place], root: Path, stop: threading.Event | None) -> Iterator[set[str]]:
    """The paths that changed, each time some did, and nothing twice a second; the first time comes once it sees
    everything, so that no change falls between."""
    from watchfiles import watch

    own = str((root / FOLDER_NAME).resolve()) + os.sep
    changes = watch(
        *[place.path for place in places],
        watch_filter=lambda _, path: not path.startswith(own),
        debounce=_LONGEST_MS,
        step=_STEP_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=True,
        ignore_permission_denied=True,
    )
    for changed in changes:
        yield {path for _, path in changed}


def _places(sources: Sequence[str], root: Path) -> list[_Place]:
    places = []
    for source in sources:
        path = fixed_part(source, root)
        if path.exists():
            stat = path.stat()
            places.append(_Place(str(path.resolve()), stat.st_dev, stat.st_ino))
    return places
