"""Cluster bootstrap, for what has no formula: quantiles and ratios."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from groundtune.experiment.statistics.clusters import Floats, number_clusters
from groundtune.experiment.statistics.mean import Interval

__all__ = ["bootstrap_draws", "bootstrap_interval", "quantile"]

DRAWS = 2_000


def quantile(values: Floats, share: float) -> float:
    """The value that ``share`` of the values do not exceed: an observed one, not one between two (inverted CDF)."""
    place = max(math.ceil(share * values.size - 1e-9) - 1, 0)
    return float(np.partition(values, place)[place])


def bootstrap_draws(
    values: Sequence[float],
    statistic: Callable[[Floats], float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int,
    draws: int = DRAWS,
) -> Floats:
    """The statistic on resamples of whole clusters with replacement, shape (draws,).

    Raises:
        ValueError: without values.
    """
    array = np.array(values, dtype=np.float64)
    if not array.size:
        raise ValueError("a bootstrap needs at least one value")
    numbers = number_clusters(clusters, array.size)
    generator = np.random.default_rng(seed)
    if int(numbers.max()) + 1 == array.size:
        picks = generator.integers(0, array.size, size=(draws, array.size))
        return np.array([statistic(array[row]) for row in picks])
    order = np.argsort(numbers, kind="stable")
    members = np.split(array[order], np.cumsum(np.bincount(numbers))[:-1])
    picks = generator.integers(0, len(members), size=(draws, len(members)))
    return np.array([statistic(np.concatenate([members[pick] for pick in row])) for row in picks])


def bootstrap_interval(
    values: Sequence[float],
    statistic: Callable[[Floats], float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int,
    level: float = 0.95,
) -> Interval | None:
    """Percentile interval of a statistic over a cluster bootstrap; None for fewer than two clusters."""
    if not values or int(number_clusters(clusters, len(values)).max()) == 0:
        return None
    found = bootstrap_draws(values, statistic, clusters, seed=seed)
    low, high = np.quantile(found, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(low), float(high))
