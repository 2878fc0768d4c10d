"""The difference of two systems on the same queries: interval, test, and what can be said at all."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from groundtune.experiment.statistics.clusters import (
    FEW_CLUSTERS,
    TOO_FEW_CLUSTERS,
    Floats,
    Ints,
    number_clusters,
)
from groundtune.experiment.statistics.mean import Interval, cluster_robust_mean
from groundtune.experiment.statistics.permutation import mcnemar_midp, sign_flip

__all__ = ["Difference", "dirichlet_interval", "paired_difference"]

Method = Literal["dirichlet", "t", "cluster t"]

DRAWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A mean paired difference.

    Attributes:
        mean: Mean difference; None without queries.
        interval: None where fewer than two independent units leave it undefined.
        p: Two-sided p-value of "no difference"; None where there is nothing to test or too little to test it with.
        n: Queries.
        clusters: Independent units among them.
        method: How the interval was made.
        note: What the reader must know, None when nothing.
    """

    mean: float | None
    interval: Interval | None
    p: float | None
    n: int
    clusters: int
    method: Method | None
    note: str | None = None


def paired_difference(
    differences: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int,
    level: float = 0.95,
    test: bool = True,
) -> Difference:
    """Compare two systems by their per-query differences.

    The interval and the test follow from the data: differences of -1, 0 and 1 without clusters take the Dirichlet
    posterior and McNemar's mid-p, graded ones Student's t and sign flips, clustered ones the cluster-robust t (CR2,
    Satterthwaite) and sign flips of whole clusters.

    Args:
        differences: score of one system less score of the other, one for each query.
        clusters: One for each query; None where the queries are independent.
        seed: Of the posterior draws and sign flips.
        level: Confidence in (0, 1).
        test: False leaves out the p-value, which takes most of the time.
    """
    values = np.array(differences, dtype=np.float64)
    numbers = number_clusters(clusters, values.size)
    groups = int(numbers.max()) + 1 if values.size else 0
    if not values.size:
        return Difference(mean=None, interval=None, p=None, n=0, clusters=0, method=None, note="no queries")
    binary = bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    clustered = groups < values.size
    tested = test and groups >= TOO_FEW_CLUSTERS
    interval, method = _interval(values, numbers, binary=binary and not clustered, seed=seed, level=level)
    return Difference(
        mean=float(values.mean()),
        interval=interval,
        p=_p(values, numbers, binary=binary and not clustered, seed=seed) if tested else None,
        n=values.size,
        clusters=groups,
        method=method if interval else None,
        note=_note(groups, clustered=clustered),
    )


def dirichlet_interval(
    wins: int, ties: int, losses: int, *, seed: int, level: float = 0.95, draws: int = DRAWS
) -> Interval:
    """Interval of P(win) - P(loss) under a Dirichlet posterior with 1/2 added to each count.

    Keeps its coverage on few queries, where the bootstrap and the normal approximation are too short (Bowyer,
    Aitchison, Ivanova 2025).
    """
    shares = np.random.default_rng(seed).dirichlet((wins + 0.5, ties + 0.5, losses + 0.5), size=draws)
    low, high = np.quantile(shares[:, 0] - shares[:, 2], ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(low), float(high))


def _interval(
    values: Floats, numbers: Ints, *, binary: bool, seed: int, level: float
) -> tuple[Interval | None, Method]:
    groups = int(numbers.max()) + 1
    if groups < 2:
        return None, "t"
    robust = cluster_robust_mean(values, numbers)
    if binary or robust is None or robust.standard_error == 0:
        # Equal differences have no variance to make a t of; each cluster then counts as one outcome.
        signs = np.sign(values) if groups == values.size else np.sign(values[np.unique(numbers, return_index=True)[1]])
        counts = (int((signs > 0).sum()), int((signs == 0).sum()), int((signs < 0).sum()))
        return dirichlet_interval(*counts, seed=seed, level=level), "dirichlet"
    half = float(stats.t.ppf((1 + level) / 2, robust.degrees)) * robust.standard_error
    found = Interval(max(-1.0, robust.mean - half), min(1.0, robust.mean + half))
    return found, "t" if groups == values.size else "cluster t"


def _p(values: Floats, numbers: Ints, *, binary: bool, seed: int) -> float | None:
    if binary:
        return mcnemar_midp(int((values > 0).sum()), int((values < 0).sum()))
    return sign_flip(values, numbers, seed=seed)


def _note(groups: int, *, clustered: bool) -> str | None:
    unit = "clusters of related queries" if clustered else "queries"
    if groups < TOO_FEW_CLUSTERS:
        return f"only {groups} independent {unit}: too few for a statement of significance (10 are needed)"
    if groups < FEW_CLUSTERS:
        return f"few independent {unit} ({groups}): the interval is rough"
    return None
