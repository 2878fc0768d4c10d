"""Maximal marginal relevance: passages that answer the question and do not say the same as one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["diversified"]


def diversified(scores: Sequence[float], vectors: NDArray[np.float32], k: int, weight: float) -> list[int]:
    """Choose ``k`` of n candidates (Carbonell and Goldstein, SIGIR 1998).

    One by one, each time the candidate with the highest

        weight * relevance - (1 - weight) * (highest cosine to one that is chosen already)

    Relevance is the score scaled to [0, 1] over the candidates, so that scores of every kind weigh the same.

    Args:
        scores: Of the candidates, best first.
        vectors: Their unit vectors, shape (n, dimensions).
        k: How many to choose; fewer are chosen where there are no more.
        weight: λ in [0, 1]; 1 keeps the order.

    Returns:
        Places of the chosen, in the order of their choice; the first is always the best candidate.
    """
    import numpy as np

    relevance = np.asarray(scores, np.float64)
    spread = float(relevance.max() - relevance.min()) if relevance.size else 0.0
    relevance = (relevance - relevance.min()) / spread if spread else np.ones_like(relevance)
    nearest = np.zeros_like(relevance)
    chosen: list[int] = []
    for turn in range(min(k, relevance.size)):
        gain = weight * relevance - (1.0 - weight) * nearest
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()) if turn else 0)
        cosines = vectors @ vectors[chosen[-1]]
        nearest = cosines if turn == 0 else np.maximum(nearest, cosines)
    return chosen
