"""Intervals of one system's mean score or rate."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from groundtune.experiment.statistics.clusters import Floats, Ints, cluster_sums, number_clusters

__all__ = ["ClusterMean", "Interval", "cluster_robust_mean", "mean_interval", "rate_interval", "wilson"]


class Interval(NamedTuple):
    """A closed interval, by default of 95 %."""

    low: float
    high: float


class ClusterMean(NamedTuple):
    """A mean with its cluster-robust standard error and degrees of freedom."""

    mean: float
    standard_error: float
    degrees: float


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval | None:
    """Wilson score interval of a rate (Wilson 1927); None for no trials.

    Raises:
        ValueError: when not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be between 0 and n = {n}; given {successes}")
    if n == 0:
        return None
    return _wilson(successes / n, n, level)


def rate_interval(
    hits: Sequence[bool], clusters: Sequence[Hashable] | None = None, *, level: float = 0.95
) -> Interval | None:
    """Wilson interval of a rate, with n divided by the design effect that the clusters show (Kish); None for none."""
    n = len(hits)
    if n == 0:
        return None
    values, numbers = np.array(hits, dtype=np.float64), number_clusters(clusters, n)
    return _wilson(float(values.mean()), _effective_size(values, numbers), level)


def _effective_size(values: Floats, numbers: Ints) -> float:
    """How many independent right-or-wrong outcomes say as much as these clustered ones do."""
    n, groups = values.size, int(numbers.max()) + 1
    binomial = float(values.var()) / n
    if groups == n:
        return float(n)
    robust = cluster_robust_mean(values, numbers)
    if robust is None or binomial == 0:
        # Equal outcomes show no design effect; then the clusters, not the queries, are what was sampled.
        return float(groups)
    return n / max(robust.standard_error**2 / binomial, 1.0)


def mean_interval(
    values: Sequence[float], clusters: Sequence[Hashable] | None = None, *, level: float = 0.95
) -> Interval | None:
    """Interval of a mean score in [0, 1]: Wilson for right-or-wrong scores, else cluster-robust t, cut to [0, 1].

    Args:
        values: Scores in [0, 1].
        clusters: One for each value; None where the queries are independent.
        level: Confidence in (0, 1).

    Returns:
        None for fewer than two independent graded values, where no interval is defined.
    """
    array = np.array(values, dtype=np.float64)
    if array.size and bool(np.isin(array, (0.0, 1.0)).all()):
        return rate_interval([bool(value) for value in values], clusters, level=level)
    found = cluster_robust_mean(array, number_clusters(clusters, array.size))
    if found is None:
        return None
    half = float(stats.t.ppf((1 + level) / 2, found.degrees)) * found.standard_error
    return Interval(max(0.0, found.mean - half), min(1.0, found.mean + half))


def cluster_robust_mean(values: Floats, numbers: Ints) -> ClusterMean | None:
    """Mean, CR2 standard error and Satterthwaite degrees of freedom (Bell and McCaffrey 2002), for an intercept alone.

    With n_g values and residual sum s_g in cluster g, N in all:

        V  = sum_g s_g^2 / (1 - n_g / N) / N^2
        df = tr(W)^2 / tr(W^2),  W_gh = a_g a_h (n_g [g = h] - n_g n_h / N) / N^2,  a_g = (1 - n_g / N)^(-1/2)

    which for clusters of one value each is the ordinary t with n - 1 degrees, for equal sizes t on the cluster means.

    Args:
        values: Shape (N,).
        numbers: Cluster of each value, shape (N,), as of `number_clusters`.

    Returns:
        None for fewer than two clusters.
    """
    n = values.size
    if n == 0 or int(numbers.max()) == 0:
        return None
    mean = float(values.mean())
    sizes = np.bincount(numbers).astype(np.float64)
    leverage = 1 - sizes / n
    sums = cluster_sums(values - mean, numbers)
    variance = float((sums**2 / leverage).sum()) / n**2
    # tr(W) = 1/N; the diagonal of W is n_g / N^2.
    inflated = sizes**2 / leverage
    off_diagonal = (inflated.sum() ** 2 - (inflated**2).sum()) / n**2
    degrees = n**2 / float((sizes**2).sum() + off_diagonal)
    return ClusterMean(mean, math.sqrt(variance), degrees)


def _wilson(rate: float, n: float, level: float) -> Interval:
    z = float(stats.norm.ppf((1 + level) / 2))
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
