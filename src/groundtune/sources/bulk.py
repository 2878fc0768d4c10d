"""Many small objects made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["in_bulk"]


@contextmanager
def in_bulk() -> Iterator[None]:
    """Make many objects of which none is garbage: to look for some among all objects of the process, again and again,
    takes longer than to make them. What is not collected meanwhile is collected afterwards."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
