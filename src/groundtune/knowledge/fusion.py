"""Two rankings to one: reciprocal rank fusion without labels, a convex mix its weight learned from labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set

__all__ = ["ALPHAS", "DEFAULT_ALPHA", "RRF_K", "Scores", "best_alpha", "convex", "ndcg", "reciprocal_rank"]

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009)."""

ALPHAS = tuple(step / 10 for step in range(11))
"""Weights of the dense score that are tried."""

DEFAULT_ALPHA = 0.8
"""The weight before a project has labels of its own: what SciFact's training queries teach (bench/retrieval.py)."""

Scores = Mapping[str, float]
"""A score for each candidate; higher is better."""


def reciprocal_rank(rankings: Sequence[Sequence[str]], k: int = RRF_K) -> dict[str, float]:
    """Sum of ``1 / (k + rank)`` over the rankings that hold a candidate, rank from 1."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, candidate in enumerate(ranking, start=1):
            scores[candidate] = scores.get(candidate, 0.0) + 1.0 / (k + rank)
    return scores


def convex(dense: Scores, lexical: Scores, alpha: float) -> dict[str, float]:
    """``alpha * dense + (1 - alpha) * lexical`` after scaling each from its theoretical minimum to its maximum here.

    The minimum is -1 for cosine and 0 for BM25 (TM2C2 of Bruch, Gai, Ingber, arXiv 2210.11934). A candidate without a
    score counts with the minimum.

    Args:
        dense: Cosines in [-1, 1].
        lexical: BM25 scores, above 0.
        alpha: Weight of the dense score in [0, 1].
    """
    top_dense = max(dense.values(), default=1.0) + 1.0
    top_lexical = max(lexical.values(), default=1.0)
    return {
        candidate: alpha * _share(dense.get(candidate, -1.0) + 1.0, top_dense)
        + (1.0 - alpha) * _share(lexical.get(candidate, 0.0), top_lexical)
        for candidate in [*dense, *(name for name in lexical if name not in dense)]
    }


def _share(value: float, top: float) -> float:
    return value / top if top > 0 else 0.0


def ndcg(ranking: Sequence[str], relevant: Set[str], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of a ranking with binary relevance; 0 when nothing is relevant."""
    gain = sum(1.0 / math.log2(rank + 1) for rank, item in enumerate(ranking[:depth], start=1) if item in relevant)
    ideal = sum(1.0 / math.log2(rank + 1) for rank in range(1, min(len(relevant), depth) + 1))
    return gain / ideal if ideal else 0.0


def best_alpha(gains: Mapping[float, Sequence[float]]) -> float:
    """The weight with the highest mean gain over the queries; of equals, the one nearest to an even mix."""
    return max(gains, key=lambda alpha: (round(sum(gains[alpha]) / max(1, len(gains[alpha])), 9), -abs(alpha - 0.5)))
