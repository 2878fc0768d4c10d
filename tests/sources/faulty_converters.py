"""Converters that do to their process what hostile files do; the first word of a file says which."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from groundtune.sources.converted import Converted, Reader

served = 0


def convert(data: bytes, reader: Reader) -> Converted:  # noqa: C901 - a list of misdeeds
    global served
    served += 1
    word, _, rest = data.decode().partition(" ")
    if word == "loop":
        while True:
            pass
    if word == "segfault":
        ctypes.string_at(0)
    if word == "abort":
        os.abort()
    if word == "hog":
        return Converted(title="", text=str([bytearray(2**24) for _ in range(1000)]))
    if word == "leak" and served > 1:
        os.abort()
    if word == "print":
        sys.stdout.write("not a reply")
        sys.stdout.flush()
        os.write(1, b"\0\0\0\0\0\0\0\1x")
    if word == "forge":
        reply = rest.encode()
        for descriptor in range(3, 20):
            with suppress(OSError):
                os.write(descriptor, len(reply).to_bytes(8, "big") + reply)
    if word == "write":
        Path(rest).write_text("taken over", encoding="utf-8")
    if word == "raise":
        raise ZeroDivisionError("in a library")
    if word == "environment":
        return Converted(title="", text=json.dumps(dict(os.environ)))
    return Converted(title="", text=rest or "read")


CONVERTERS = {"pdf": convert}
