"""How many candidates must be compared so that the nearest are among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from groundtune.knowledge.lance.compact import numbers_of, signs_of, vectors_of
from groundtune.knowledge.lance.compressed import WIDER, Signs
from groundtune.knowledge.lance.published import Tuning
from groundtune.knowledge.lance.sampling import NEAREST, RECALL, like_questions

if TYPE_CHECKING:
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["candidates_needed", "narrow"]

_SAMPLES = 128
_FEWEST = 3000
"""Candidates that cost less than a millisecond."""


def narrow(table: Table) -> Tuning:
    """Choose how many candidates hold `RECALL` of the exact ten nearest of vectors that are like questions."""
    needed = candidates_needed(table, like_questions(table, _SAMPLES))
    candidates = max(_FEWEST, int(np.quantile(needed, RECALL, method="higher")))
    recall = float(np.mean(needed <= candidates))
    return Tuning(rows=int(table.count_rows()), probes=0, candidates=candidates, recall=recall)


def candidates_needed(table: Table, asked: NDArray[np.float32]) -> NDArray[np.int64]:
    """With how many candidates each of the exact ten nearest of unit vectors (n, dimensions) is one, shape (10 n,).

    One pass over the table: it counts how many passages are at each distance in bits from each vector, and so at which
    place among the candidates each of the exact nearest comes.
    """
    signs = signs_of(table, numbers_of(table))
    samples = [_Sample(code, signs) for code in signs.of(asked).T]
    for _, vectors in vectors_of(table):
        codes = signs.of(vectors)
        for sample, cosines in zip(samples, asked @ vectors.T, strict=True):
            sample.see(cosines, codes)
    return np.concatenate([sample.places() for sample in samples])


class _Sample:
    """What is asked with: its exact nearest, and how many passages are at each distance in bits from its code."""

    def __init__(self, code: NDArray[np.uint64], signs: Signs) -> None:
        self._code = code
        self._half = signs.half
        most = signs.words * 64 + 1
        self._by_half, self._by_all = np.zeros(most, np.int64), np.zeros(most, np.int64)
        self._best, self._worst = np.empty((3, 0)), -np.inf

    def see(self, cosines: NDArray[np.float32], codes: NDArray[np.uint64]) -> None:
        """Take in passages with these cosines (rows,) and codes (words, rows)."""
        half = Signs.distances(codes[: self._half], self._code[: self._half])
        whole = half + Signs.distances(codes[self._half :], self._code[self._half :])
        self._by_half += np.bincount(half, minlength=len(self._by_half))
        self._by_all += np.bincount(whole, minlength=len(self._by_all))
        near = np.flatnonzero(cosines > self._worst)
        seen = np.hstack([self._best, np.stack([cosines[near], half[near], whole[near]])])
        self._best = seen[:, np.argsort(-seen[0])[:NEAREST]]
        self._worst = self._best[0, -1] if self._best.shape[1] == NEAREST else -np.inf

    def places(self) -> NDArray[np.int64]:
        """With how many candidates each of the exact nearest is one of them."""
        _, half, whole = self._best.astype(np.int64)
        by_half, by_all = np.cumsum(self._by_half)[half], np.cumsum(self._by_all)[whole]
        places: NDArray[np.int64] = np.maximum(-(-by_half // WIDER), by_all)
        return places
