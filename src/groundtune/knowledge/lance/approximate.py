"""The approximate index of a very large table: built, asked, and tuned until it finds what an exact search finds."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from groundtune.knowledge.lance.published import Tuning
from groundtune.knowledge.lance.sampling import NEAREST, RECALL, like_questions

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["build", "nearest", "tune"]

_PARTITION = 4096
"""Vectors of one partition; the store joins and splits partitions that grow far from it."""
_BYTE = 8
_SAMPLE = 32
_SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
"""Shares of the partitions that a search may look into."""
_CANDIDATES = (200, 400, 800, 1600, 3200)
"""How many of what it finds may be compared exactly."""


def build(table: Table) -> None:
    """Build the index anew: partitions of vectors in one bit a dimension (IVF with RaBitQ, Gao and Long, SIGMOD 2024).

    The candidates that it finds are compared by their exact vectors afterwards. Of the kinds that the store has it is
    built fastest by far and the smallest, see docs/decisions/0024-index-by-size.md. It takes whole bytes of dimensions;
    vectors of other lengths are kept in one byte a dimension.
    """
    from lancedb.index import IvfRq, IvfSq

    kind = IvfSq if table.schema.field("vector").type.list_size % _BYTE else IvfRq
    table.create_index("vector", config=kind(distance_type="dot", target_partition_size=_PARTITION), replace=True)


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
    query = query.bypass_vector_index() if tuning is None else _tuned(query, depth, tuning)
    if where is not None:
        query = query.where(where, prefilter=True)
    found: pa.Table = query.limit(depth).to_arrow()
    return found


def _tuned(query: Any, depth: int, tuning: Tuning) -> Any:
    """However few are wanted, as many candidates are compared exactly."""
    return query.nprobes(tuning.probes).refine_factor(max(1, math.ceil(tuning.candidates / depth)))


def tune(table: Table) -> Tuning:
    """Choose the least work with which the index finds `RECALL` of the exact ten nearest of vectors like questions.

    Where no setting reaches it, the one that comes nearest is chosen.
    """
    rows = int(table.count_rows())
    whole = math.ceil(rows / _PARTITION)
    sample = _Sample(table, like_questions(table, _SAMPLE))
    best = Tuning(rows=rows, probes=1, candidates=_CANDIDATES[0], recall=0.0)
    for share, candidates in product(_SHARES, _CANDIDATES):
        tried = Tuning(rows=rows, probes=max(1, math.ceil(whole * share)), candidates=candidates, recall=0.0)
        tried = replace(tried, recall=sample.recall(tried))
        if tried.recall > best.recall:
            best = tried
        if best.recall >= RECALL:
            break
    return best


class _Sample:
    """Vectors to ask with, and their exact nearest."""

    def __init__(self, table: Table, vectors: NDArray[np.float32]) -> None:
        self._table = table
        self._vectors = vectors
        self._exact = [self._neighbours(vector, None) for vector in vectors]

    def recall(self, tuning: Tuning) -> float:
        """Share of the exact nearest that the index finds."""
        pairs = zip(self._vectors, self._exact, strict=True)
        found = sum(len(exact & self._neighbours(vector, tuning)) for vector, exact in pairs)
        return found / max(1, sum(map(len, self._exact)))

    def _neighbours(self, vector: NDArray[np.float32], tuning: Tuning | None) -> set[int]:
        return set(nearest(self._table, vector, NEAREST, tuning=tuning)["_rowid"].to_pylist())
