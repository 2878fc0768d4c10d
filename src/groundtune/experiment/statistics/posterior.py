"""What a person wants to know: how probable is it that one system is better, and what is lost by choosing it."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from groundtune.experiment.statistics.clusters import Floats, cluster_sums, number_clusters

__all__ = ["Comparison", "compare", "expected_regret", "posterior_means"]

DRAWS = 10_000
_PRIOR_WEIGHT = 1.5
_BLOCK = 500


class Comparison(NamedTuple):
    """Probabilities that sum to 1: better by more than the zone, practically equal, worse by more than the zone."""

    better: float
    equal: float
    worse: float


def posterior_means(
    scores: Floats, clusters: Sequence[Hashable] | None = None, *, seed: int, draws: int = DRAWS
) -> Floats:
    """Joint posterior draws of the systems' mean scores, shape (draws, k).

    A Dirichlet process over clusters (Ferguson 1973): the Bayesian bootstrap (Rubin 1981) with a weak prior, 1.5
    clusters' worth of weight spread evenly over all patterns of right and wrong. For right-or-wrong scores of
    independent queries this is the Dirichlet posterior over outcome patterns; two systems get the prior of
    `dirichlet_interval` (3/2 in all). Without a prior, a handful of queries that agree would pass for certainty.

    Args:
        scores: In [0, 1], one row for each query, one column for each system, shape (n, k), n >= 1.
        clusters: One for each query; None where the queries are independent.
        seed: Of the draws.
        draws: How many.
    """
    n, k = scores.shape
    numbers = number_clusters(clusters, n)
    sizes = np.bincount(numbers).astype(np.float64)
    patterns = np.array(list(itertools.product((0.0, 1.0), repeat=k)))
    size = n / sizes.size
    totals = np.vstack([cluster_sums(scores, numbers), patterns * size])
    sizes = np.concatenate([sizes, np.full(len(patterns), size)])
    shapes = np.concatenate(
        [np.ones(sizes.size - len(patterns)), np.full(len(patterns), _PRIOR_WEIGHT / len(patterns))]
    )
    generator = np.random.default_rng(seed)
    blocks = []
    for start in range(0, draws, _BLOCK):
        weights = generator.standard_gamma(shapes, size=(min(_BLOCK, draws - start), shapes.size))
        blocks.append(weights @ totals / (weights @ sizes)[:, None])
    return np.concatenate(blocks)


def compare(better: Floats, worse: Floats, *, zone: float) -> Comparison:
    """Where the difference of two columns of posterior draws lies, for a zone of practical equality of +-``zone``."""
    difference = better - worse
    above, below = float((difference > zone).mean()), float((difference < -zone).mean())
    return Comparison(better=above, equal=1 - above - below, worse=below)


def expected_regret(draws: Floats) -> Floats:
    """What choosing each system is expected to lose against the best one: E[max_j u_j - u_s], shape (k,).

    Args:
        draws: Joint posterior draws of the systems' values, shape (draws, k).
    """
    regret: Floats = (draws.max(axis=1, keepdims=True) - draws).mean(axis=0)
    return regret
