"""The best candidates read again, beside the question, and ordered by what was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from groundtune.knowledge.passages import embedded_text
from groundtune.models import Reranker
from groundtune.records import Hit

__all__ = ["mixed", "reranked"]


def reranked(question: str, hits: Sequence[Hit], reranker: Reranker, *, depth: int, weight: float) -> list[Hit]:
    """Hits in their new order, with the scores that they are ordered by.

    Args:
        question: What was asked.
        hits: The candidates, best first.
        reranker: Scores each text against the question.
        depth: How many it reads; the others follow in their old order, with scores moved below.
        weight: Share of its score in [0, 1]; below 1 both scores are scaled to [0, 1] over the candidates and mixed.

    Raises:
        ModelError: when the reranker failed.
    """
    read, rest = hits[:depth], hits[depth:]
    if not read:
        return []
    found = list(map(float, reranker.score(question, [embedded_text(hit.passage) for hit in read])))
    scores = found if weight >= 1.0 else mixed(found, [hit.score for hit in read], weight)
    best_first = sorted(zip(scores, read, strict=True), key=lambda pair: (-pair[0], pair[1].rank))
    below = min(scores)
    scored = [*best_first, *((below + hit.score - read[-1].score, hit) for hit in rest)]
    return [replace(hit, rank=rank, score=score) for rank, (score, hit) in enumerate(scored, start=1)]


def mixed(found: Sequence[float], before: Sequence[float], weight: float) -> list[float]:
    """``weight`` of one score and the rest of the other, each scaled to [0, 1]."""
    pairs = zip(_scaled(found), _scaled(before), strict=True)
    return [weight * new + (1.0 - weight) * old for new, old in pairs]


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=0.0)
    return [(value - low) / (high - low) if high > low else 1.0 for value in values]
