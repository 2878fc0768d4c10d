"""A bar with rate and remaining time on a terminal, plain lines when piped; always on stderr."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from groundtune.project.measuring import Progress

PLAIN_EVERY = 10.0
"""Seconds between two lines of the same stage in piped output."""


def terminal_progress(*, quiet: bool) -> Progress:
    """The progress display that fits where stderr goes; ``quiet`` still shows a bar on a terminal."""
    if sys.stderr.isatty():
        return _Bar()
    return _Silent() if quiet else _Plain()


class _Silent:
    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show nothing."""


class _Plain:
    def __init__(self) -> None:
        self._last: tuple[str, float] = ("", 0.0)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """One line when a stage begins or every few seconds."""
        now = monotonic()
        if stage != self._last[0] or now - self._last[1] > PLAIN_EVERY:
            self._last = (stage, now)
            sys.stderr.write(f"{stage}: {done} of {total}\n" if total else f"{stage}\n")
            sys.stderr.flush()


class _Bar:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rate="")
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move the bar; a finished stage clears it."""
        if stage != self._stage:
            self._stage = stage
            self._bar.reset(self._task, description=stage, total=total or None)
            self._bar.start()
        speed = self._bar.tasks[0].speed
        rate = f"{speed:.1f}/s" if speed else ""
        self._bar.update(self._task, completed=done, total=total or None, rate=rate)
        if total and done >= total:
            self._stage = ""
            self._bar.stop()
