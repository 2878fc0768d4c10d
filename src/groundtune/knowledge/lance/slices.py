"""Work on the rows of large arrays in slices, one on each core: numpy lets other threads run while it computes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

from groundtune.cores import cores

__all__ = ["in_slices"]


def in_slices(rows: int, least: int, work: Callable[[slice], None]) -> None:
    """Call ``work`` with slices that together cover ``rows``, and return when all are done.

    Args:
        rows: How many there are.
        least: Of a slice, so that it is worth its thread; fewer than twice as many are one slice, in this thread.
        work: Must not call this function: it would wait for threads that wait for it.
    """
    parts = max(1, min(cores(), rows // least))
    edges = [rows * part // parts for part in range(parts + 1)]
    *others, own = (slice(low, high) for low, high in pairwise(edges))
    futures = [_helpers().submit(work, other) for other in others]
    work(own)
    for future in futures:
        future.result()


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, cores() - 1), thread_name_prefix="groundtune-rows")
