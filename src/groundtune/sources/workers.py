"""Worker processes as seen from here: asked one file at a time, killed when they take too long, and replaced."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtune.sources.converted import Converted, Loss, Reader
from groundtune.sources.failure import Unusable, kind_of
from groundtune.sources.worker import LENGTH

__all__ = ["ISOLATED", "Limits", "Workers"]

ISOLATED = "groundtune.sources.isolated:CONVERTERS"
"""Where a worker finds its converters."""

_LONGEST_REPLY = 256 * 2**20
_START_SECONDS = 60
# Nothing else of the environment: a worker that is taken over finds no keys.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TESSDATA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may take: seconds on the clock, and megabytes of memory of its process."""

    seconds: float = 120
    megabytes: int = 2048


class Workers:
    """Converts files in processes of their own; safe to use from many threads.

    Args:
        count: Most processes at a time; each is started when it is first needed.
        registry: ``module:name`` of the mapping from format to converter that the workers use.
    """

    def __init__(self, limits: Limits, reader: Reader, *, count: int, registry: str = ISOLATED) -> None:
        self._limits = limits
        self._reader = reader
        self._registry = registry
        self._closed = False
        self._lock = threading.Lock()
        self._running: set[_Worker] = set()
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def convert(self, path: Path, form: str) -> Converted:
        """Convert one file.

        Raises:
            Unusable: when it cannot be converted within the limits.
            OSError: when it cannot be opened.
        """
        request = {
            "path": str(path),
            "format": form,
            "passwords": self._reader.passwords,
            "ocr_language": self._reader.ocr_language,
            "seconds": self._limits.seconds,
        }
        worker = self._idle.get()
        try:
            while True:
                worker = worker or self._started()
                try:
                    return worker.ask(request, self._limits.seconds)
                except _Died as died:
                    veteran = worker.asked > 1
                    self._stop(worker)
                    worker = None
                    # Only a fresh process proves that it was this file: others before it may have used up the memory.
                    if veteran and not died.late:
                        continue
                    raise Unusable(died.reason(self._limits), _HOSTILE, "hostile") from None
        finally:
            self._idle.put(worker)

    def interrupt(self) -> None:
        """End all processes, also those that are at work: their files come out as failures."""
        with self._lock:
            self._closed = True
            for worker in self._running:
                worker.kill()

    def close(self) -> None:
        """End all processes when none is at work any more."""
        for worker in list(self._running):
            self._stop(worker)

    def _started(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise Unusable("reading was stopped before its turn", "Sync again.")
            worker = _Worker(self._registry, self._limits.megabytes)
            self._running.add(worker)
            return worker

    def _stop(self, worker: _Worker) -> None:
        worker.stop()
        with self._lock:
            self._running.discard(worker)


_HOSTILE = (
    "If it is a real document, split it, or raise convert_seconds or convert_megabytes under [knowledge]; else remove "
    "it."
)


class _Died(Exception):
    """The process ended before it answered, or did not answer in time."""

    def __init__(self, status: int | None, *, late: bool = False, memory: bool = False) -> None:
        self.status = status
        self.late = late
        self.memory = memory
        super().__init__(status)

    def reason(self, limits: Limits) -> str:
        if self.late:
            return f"it was not read within {limits.seconds:g} seconds"
        if self.memory:
            return f"reading it takes more than {limits.megabytes} MB of memory"
        if self.status is None:
            return "its process gave no answer that makes sense, as one taken over by a hostile file may"
        how = f"signal {-self.status}" if self.status < 0 else f"status {self.status}"
        return f"reading it ended its process ({how}), as a broken or hostile file or a lack of memory can do"


class _Worker:
    """One process."""

    def __init__(self, registry: str, megabytes: int) -> None:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "groundtune.sources.worker", registry, str(megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
            start_new_session=True,
        )
        self.asked = 0

    def ask(self, request: Mapping[str, Any], seconds: float) -> Converted:
        """What the process makes of one file.

        Raises:
            _Died: when it ends, is late, or answers nonsense; then it is of no more use.
            Unusable: when the file cannot be converted.
            OSError: when it cannot be opened.
        """
        assert self._process.stdin is not None
        self.asked += 1
        data = json.dumps(request).encode()
        try:
            if self.asked == 1:
                self._received(time.monotonic() + _START_SECONDS)
            deadline = time.monotonic() + seconds
            self._process.stdin.write(LENGTH.pack(len(data)) + data)
            reply = self._received(deadline)
            if reply.get("memory"):
                raise _Died(None, memory=True)
            return _converted(reply)
        except BrokenPipeError:
            raise _Died(self._status()) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _Died(None) from None

    def _received(self, deadline: float) -> dict[str, Any]:
        length = LENGTH.unpack(self._read(LENGTH.size, deadline))[0]
        if length > _LONGEST_REPLY:
            raise _Died(None, memory=True)
        message: dict[str, Any] = json.loads(self._read(length, deadline))
        return message

    def _status(self) -> int | None:
        """How the process ended; None when it only closed its side."""
        try:
            return self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return None

    def _read(self, length: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        pieces: list[bytes] = []
        missing = length
        while missing:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise _Died(None, late=True)
            piece = os.read(self._process.stdout.fileno(), min(missing, 2**20))
            if not piece:
                raise _Died(self._status())
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def kill(self) -> None:
        """End the process and all that it started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process and forget it."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process.wait()


def _converted(reply: Mapping[str, Any]) -> Converted:
    """The reply as a record, field by field: whatever wrote it, only text and numbers come of it."""
    if "closed" in reply:
        raise OSError(0, str(reply["closed"]))
    if "missing" in reply:
        raise Unusable(
            f"reading it needs a part of Groundtune that is not installed ({reply['missing']})",
            "Install it with: pip install 'groundtune[formats]'",
            "unsupported",
        )
    if "unusable" in reply:
        reason, hint, kind = map(str, reply["unusable"])
        raise Unusable(reason, hint, kind_of(kind))
    made = reply["converted"]
    return Converted(
        title=str(made["title"]),
        text=str(made["text"]),
        metadata={str(key): str(value) for key, value in made["metadata"].items()},
        pages=tuple(int(page) for page in made["pages"]),
        losses=tuple(Loss(str(row["reason"]), str(row["hint"]), kind_of(str(row["kind"]))) for row in made["losses"]),
    )
