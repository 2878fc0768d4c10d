"""The approximate index of a large table: built, asked, and tuned until it finds what an exact search finds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from groundtune.knowledge.lance.published import Tuning

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["EXACT_NUMBERS", "build", "is_large", "nearest", "tune"]

EXACT_NUMBERS = 12_000_000
"""Numbers in all vectors of a table up to which an exact scan is fast: about 5 ms on one core (31,000 x 384)."""
RECALL = 0.98
"""Share of the exact ten nearest that an approximate search must find."""
_SAMPLE = 64
_NEAREST = 10
_DEPTH = 100
"""A search for ten is measured as it is done: the ten best of what a fusion asks for."""


def is_large(table: Table, dimensions: int) -> bool:
    """True when an exact scan is slow, so that an approximate index pays."""
    return int(table.count_rows()) * dimensions > EXACT_NUMBERS


def build(table: Table) -> None:
    """Build the index anew: partitions of vectors in one bit a dimension (IVF with RaBitQ, Gao and Long, SIGMOD 2024).

    The candidates that it finds are compared by their exact vectors afterwards. Of the kinds that the store has it is
    built fastest by far and the smallest, see docs/decisions/0024-index-by-size.md.
    """
    from lancedb.index import IvfRq

    table.create_index("vector", config=IvfRq(distance_type="dot", num_partitions=partitions(table)), replace=True)


def partitions(table: Table) -> int:
    """The square root of the rows: as much work to choose partitions as to look into one."""
    return max(1, math.isqrt(int(table.count_rows())))


def nearest(
    table: Table, vector: NDArray[np.float32], depth: int, *, where: str | None = None, tuning: Tuning | None
) -> pa.Table:
    """``id``, ``_rowid`` and ``_distance`` (1 - cosine) of the ``depth`` nearest rows, new and unindexed ones too.

    Args:
        table: With vectors of length one.
        vector: Of length one, shape (dimensions,).
        depth: How many.
        where: Only rows of this condition.
        tuning: How the index is asked; None for an exact scan.
    """
    query: Any = table.search(vector)
    query = query.distance_type("dot").select(["id", "_distance"]).with_row_id(True)
    query = query.bypass_vector_index() if tuning is None else query.nprobes(tuning.probes).refine_factor(tuning.refine)
    if where is not None:
        query = query.where(where, prefilter=True)
    found: pa.Table = query.limit(depth).to_arrow()
    return found


def tune(table: Table) -> Tuning:
    """Choose the least work with which the index finds `RECALL` of the exact ten nearest of sampled passages.

    Where even the most work does not reach it, that is chosen, and its recall says so.
    """
    rows = int(table.count_rows())
    sample = _sampled(table, rows)
    exact = [set(_neighbours(table, vector, None)) for vector in sample]
    whole = partitions(table)
    tuning = Tuning(rows=rows, probes=whole, refine=1, recall=0.0)
    for share in (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2):
        for refine in (2, 4, 8):
            tuning = Tuning(rows=rows, probes=max(1, math.ceil(whole * share)), refine=refine, recall=0.0)
            found = sum(
                len(known & set(_neighbours(table, vector, tuning)))
                for vector, known in zip(sample, exact, strict=True)
            )
            tuning = Tuning(rows=rows, probes=tuning.probes, refine=refine, recall=found / sum(map(len, exact)))
            if tuning.recall >= RECALL:
                return tuning
    return tuning


def _sampled(table: Table, rows: int) -> NDArray[np.float32]:
    """Vectors (at most `_SAMPLE`, dimensions), evenly spread over the table."""
    places = [place * rows // _SAMPLE for place in range(_SAMPLE)] if rows > _SAMPLE else list(range(rows))
    column = table.take_offsets(places).select(["vector"]).to_arrow()["vector"].combine_chunks()
    sample: NDArray[np.float32] = column.values.to_numpy().reshape(len(column), -1)
    return sample


def _neighbours(table: Table, vector: NDArray[np.float32], tuning: Tuning | None) -> list[int]:
    """Row numbers of the nearest, without the first: the sampled passage itself."""
    depth = _NEAREST + 1 if tuning is None else _DEPTH
    numbers: list[int] = nearest(table, vector, depth, tuning=tuning)["_rowid"].to_pylist()
    return numbers[1 : _NEAREST + 1]
