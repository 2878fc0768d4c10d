"""Tests of "no difference" that assume nothing but that the signs could have been otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from groundtune.experiment.statistics.clusters import Floats, Ints, cluster_sums

__all__ = ["mcnemar_midp", "sign_flip", "step_down_max_t"]

FLIPS = 10_000
_BLOCK = 1_000
_ROUNDING = 1e-9


def mcnemar_midp(wins: int, losses: int) -> float | None:
    """McNemar's mid-p, two-sided: exact binomial p less half the probability of what was observed.

    The exact test is too timid on few queries; mid-p keeps its level and has more power (Fagerland, Lydersen, Laake
    2013). None when no query tells the two systems apart.

    Raises:
        ValueError: when a count is negative.
    """
    if wins < 0 or losses < 0:
        raise ValueError(f"wins and losses are counts; given {wins} and {losses}")
    if wins + losses == 0:
        return None
    binomial = stats.binom(wins + losses, 0.5)
    few = min(wins, losses)
    return float(min(1.0, 2 * binomial.cdf(few) - binomial.pmf(few)))


def sign_flip(differences: Floats, numbers: Ints, *, seed: int, flips: int = FLIPS) -> float | None:
    """Two-sided sign-flip test of a mean of zero; whole clusters are flipped together.

    p = (1 + b) / (1 + flips), b = random flips whose mean is at least as far from zero (Phipson and Smyth 2010).

    Args:
        differences: One paired difference for each query, shape (n,).
        numbers: Cluster of each, shape (n,), as of `number_clusters`.
        seed: Of the flips.
        flips: How many.

    Returns:
        None when no cluster differs from zero: then there is nothing to flip.
    """
    sums = cluster_sums(differences, numbers)[:, None]
    if not sums.any():
        return None
    observed = abs(sums.sum())
    beyond = sum(
        int((np.abs(flipped[:, 0]) >= observed * (1 - _ROUNDING)).sum()) for flipped in _flipped(sums, seed, flips)
    )
    return (1 + beyond) / (1 + flips)


def step_down_max_t(differences: Floats, numbers: Ints, *, seed: int, flips: int = FLIPS) -> list[float | None]:
    """p-values adjusted for testing several contrasts at once: step-down maxT (Westfall and Young 1993).

    All contrasts share each flip, so their correlation is used rather than paid for, as Holm's correction would.

    Args:
        differences: One paired difference for each query and contrast, shape (n, k).
        numbers: Cluster of each query, shape (n,).
        seed: Of the flips.
        flips: How many.

    Returns:
        k adjusted p-values; None for a contrast without any difference.
    """
    sums = cluster_sums(differences, numbers)
    # The root of the sum of squares does not change with the signs, so it serves every flip.
    scale = np.sqrt((sums**2).sum(axis=0))
    alive = np.flatnonzero(scale > 0)
    adjusted: list[float | None] = [None] * differences.shape[1]
    if not alive.size:
        return adjusted
    scaled = sums[:, alive] / scale[alive]
    observed = np.abs(scaled.sum(axis=0))
    order = np.argsort(-observed)
    beyond = np.zeros(alive.size)
    for flipped in _flipped(scaled[:, order], seed, flips):
        # Each contrast competes with the largest of those not more extreme than itself.
        largest = np.maximum.accumulate(np.abs(flipped)[:, ::-1], axis=1)[:, ::-1]
        beyond += (largest >= observed[order] * (1 - _ROUNDING)).sum(axis=0)
    stepped = np.maximum.accumulate((1 + beyond) / (1 + flips))
    for place, p in zip(order, stepped, strict=True):
        adjusted[alive[place]] = float(p)
    return adjusted


def _flipped(sums: Floats, seed: int, flips: int) -> Iterator[Floats]:
    """Totals under random signs, shape (block, k) each, ``flips`` rows in all."""
    generator = np.random.default_rng(seed)
    for start in range(0, flips, _BLOCK):
        rows = min(_BLOCK, flips - start)
        signs = generator.integers(0, 2, size=(rows, sums.shape[0]), dtype=np.int8) * 2.0 - 1.0
        yield signs @ sums
