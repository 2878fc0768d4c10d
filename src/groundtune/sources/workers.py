"""Worker processes as seen from here: asked one file at a time, killed when they take too long, and replaced."""

from __future__ import annotations

import json
import os
import queue
import select
import subprocess
import sys
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
                worker = worker or _Worker(self._registry, self._limits.megabytes)
                try:
                    reply = worker.ask(request, self._limits.seconds)
                except _Died as died:
                    veteran = worker.served > 0
                    worker.stop()
                    worker = None
                    # Only a fresh process proves that it was this file: others before it may have used up the memory.
                    if veteran and not died.late:
                        continue
                    raise Unusable(died.reason(self._limits), _HOSTILE, "hostile") from None
                return _converted(reply)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End all processes."""
        while True:
            try:
                worker = self._idle.get_nowait()
            except queue.Empty:
                return
            if worker is not None:
                worker.stop()


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
        how = f"signal {-self.status}" if self.status is not None and self.status < 0 else f"status {self.status}"
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
        self.served = 0

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        data = json.dumps(request).encode()
        deadline = time.monotonic() + seconds
        try:
            self._process.stdin.write(LENGTH.pack(len(data)) + data)
            length = LENGTH.unpack(self._read(LENGTH.size, deadline))[0]
            if length > _LONGEST_REPLY:
                raise _Died(None, memory=True)
            reply: dict[str, Any] = json.loads(self._read(length, deadline))
        except (BrokenPipeError, ValueError):
            raise _Died(self._process.wait()) from None
        if reply.get("memory"):
            raise _Died(None, memory=True)
        self.served += 1
        return reply

    def _read(self, length: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        pieces: list[bytes] = []
        missing = length
        while missing:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _Died(None, late=True)
            piece = os.read(self._process.stdout.fileno(), min(missing, 2**20))
            if not piece:
                raise _Died(self._process.wait())
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def stop(self) -> None:
        """Kill the process and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, 9)
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
