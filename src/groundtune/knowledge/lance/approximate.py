"""The approximate index of a large table: built, asked, and tuned until it finds what an exact search finds."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from groundtune.knowledge.lance.published import Tuning
from groundtune.knowledge.lance.vectors import matrix_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["EXACT_NUMBERS", "build", "is_large", "nearest", "tune"]

EXACT_NUMBERS = 12_000_000
"""Numbers in all vectors of a table up to which an exact scan is fast: about 5 ms on one core (31,000 x 384)."""
RECALL = 0.985
"""Share of the exact ten nearest that a search must find of what was sampled, so that it is 0.98 of others."""
_PARTITION = 4096
"""Vectors of one partition; the store joins and splits partitions that grow far from it."""
_BYTE = 8
_SPARE = 2
"""Measured on 100,000 passages: what gave the samples 0.9875 gave real questions 0.91, and twice of it 0.98."""
_SAMPLE = 32
_NEAREST = 10
_SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
"""Shares of the partitions that a search may look into."""
_CANDIDATES = (200, 400, 800, 1600)
"""How many of what it finds may be compared exactly."""


def is_large(table: Table, dimensions: int) -> bool:
    """True when an exact scan is slow, so that an approximate index pays."""
    return int(table.count_rows()) * dimensions > EXACT_NUMBERS


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
    """Choose the least work with which the index finds `RECALL` of the exact ten nearest.

    It is asked with sampled passages, and with what lies half way between two of them: a question is seldom as near to
    any passage as a passage to its neighbours, and is harder. The worse of the two recalls counts. Where no setting
    reaches it, the one that comes nearest is chosen. Real questions are harder still, so `_SPARE` times the effort is
    taken; the recall that is kept is that of the samples with it.
    """
    rows = int(table.count_rows())
    whole = math.ceil(rows / _PARTITION)
    passages = _sampled(table, rows)
    kinds = [_Sample(table, passages, own=1), _Sample(table, _between(passages), own=0)]
    best = Tuning(rows=rows, probes=1, candidates=_CANDIDATES[0], recall=0.0)
    for share, candidates in product(_SHARES, _CANDIDATES):
        tried = Tuning(rows=rows, probes=max(1, math.ceil(whole * share)), candidates=candidates, recall=0.0)
        tried = replace(tried, recall=min(kind.recall(tried) for kind in kinds))
        if tried.recall > best.recall:
            best = tried
        if best.recall >= RECALL:
            break
    sure = replace(best, probes=min(whole, _SPARE * best.probes), candidates=_SPARE * best.candidates)
    return replace(sure, recall=min(kind.recall(sure) for kind in kinds))


class _Sample:
    """Vectors to ask with, and their exact nearest; the first ``own`` of them are the sampled passage itself."""

    def __init__(self, table: Table, vectors: NDArray[np.float32], own: int) -> None:
        self._table = table
        self._vectors = vectors
        self._own = own
        self._exact = [set(self._neighbours(vector, None)) for vector in vectors]

    def recall(self, tuning: Tuning) -> float:
        """Share of the exact nearest that the index finds."""
        pairs = zip(self._vectors, self._exact, strict=True)
        found = sum(len(exact & set(self._neighbours(vector, tuning))) for vector, exact in pairs)
        return found / max(1, sum(map(len, self._exact)))

    def _neighbours(self, vector: NDArray[np.float32], tuning: Tuning | None) -> list[int]:
        found = nearest(self._table, vector, _NEAREST + self._own, tuning=tuning)
        numbers: list[int] = found["_rowid"].to_pylist()
        return numbers[self._own :]


def _sampled(table: Table, rows: int) -> NDArray[np.float32]:
    """Vectors (at most `_SAMPLE`, dimensions), evenly spread over the table."""
    places = [place * rows // _SAMPLE for place in range(_SAMPLE)] if rows > _SAMPLE else list(range(rows))
    return matrix_of(table.take_offsets(places).select(["vector"]).to_arrow())


def _between(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors half way between each vector and the one half the sample further on."""
    import numpy as np

    middle = vectors + np.roll(vectors, len(vectors) // 2, axis=0)
    lengths = np.linalg.norm(middle, axis=1, keepdims=True)
    between: NDArray[np.float32] = np.divide(middle, lengths, out=vectors.copy(), where=lengths > 0)
    return between
