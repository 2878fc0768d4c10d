"""A process that converts files for another one, so that no file can harm more than this process.

It reads requests from its standard input and writes replies to its standard output, both as JSON after eight bytes of
length: what a hostile file makes of this process, it can only send text. It limits its own memory, and cannot write
files. Run by `groundtune.sources.workers`, never by hand.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from groundtune.sources.converted import Converter, Reader
from groundtune.sources.failure import Unusable

__all__ = ["LENGTH", "main"]

_THREADS = 4
LENGTH = struct.Struct(">Q")
"""How long the message is that follows."""


def main(registry: str, megabytes: int) -> None:
    """Answer requests until the input ends.

    Args:
        registry: ``module:name`` of a mapping from format to converter.
        megabytes: Most memory that this process may map.
    """
    # What a library prints must not get between the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, megabytes * 2**20)
    module, _, name = registry.partition(":")
    converters: Mapping[str, Converter] = getattr(import_module(module), name)
    # Ready: how long a process takes to start is not the fault of its first file.
    _send(replies, {})
    while request := _received(sys.stdin.buffer):
        _limit_processor(request["seconds"])
        _send(replies, _reply(converters, request))


def _limit(kind: int, value: int) -> None:
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, OSError):  # macOS knows the limit on memory but does not let it be set
        return


def _send(stream: IO[bytes], message: Mapping[str, Any]) -> None:
    data = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def _limit_processor(seconds: float) -> None:
    """An endless loop ends by itself when whoever asked for it was killed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + _THREADS * seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _received(stream: IO[bytes]) -> dict[str, Any] | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    request: dict[str, Any] = json.loads(stream.read(LENGTH.unpack(head)[0]))
    return request


def _reply(converters: Mapping[str, Converter], request: Mapping[str, Any]) -> dict[str, Any]:
    reader = Reader(
        passwords=tuple(request["passwords"]), ocr_language=request["ocr_language"], seconds=request["seconds"]
    )
    try:
        data = Path(request["path"]).read_bytes()
    except OSError as error:
        return {"closed": error.strerror or str(error)}
    try:
        return {"converted": asdict(converters[request["format"]](data, reader))}
    except Unusable as error:
        return {"unusable": [error.reason, error.hint, error.kind]}
    except ImportError as error:
        return {"missing": error.name or str(error)}
    except MemoryError:
        return {"memory": True}
    except Exception as error:  # noqa: BLE001 - whatever a library raises on a bad file is the file's failure
        return {"unusable": [f"it cannot be read: {type(error).__name__}: {error}"[:300], _AGAIN, "unusable"]}


_AGAIN = "Save it again with the program that made it, or give its text as .md."

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
