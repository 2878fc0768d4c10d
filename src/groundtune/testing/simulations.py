"""Evaluations whose truth is known, to see whether the statistics keep what they promise.

Each function replays an experiment many times and returns shares: how often an interval held the truth, how often a
test found a difference that is not there, how often a verdict was wrong. With r replications a share s has the
standard error sqrt(s (1 - s) / r).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy import stats

from groundtune.experiment.statistics import (
    Interval,
    mcnemar_midp,
    mean_interval,
    paired_difference,
    sign_flip,
    step_down_max_t,
)
from groundtune.experiment.statistics.clusters import Floats, Ints
from groundtune.experiment.statistics.difference import dirichlet_interval
from groundtune.experiment.statistics.mean import cluster_robust_mean
from groundtune.records import SYSTEM_IDS
from groundtune.settings import Constraints
from groundtune.testing.scripted import result_of
from groundtune.verdict.decide import decide

__all__ = [
    "clustered",
    "coverage_of_clusters",
    "coverage_of_pairs",
    "coverage_of_rates",
    "error_of_clusters",
    "error_of_families",
    "error_of_mcnemar",
    "four_arms",
    "power_of_effects",
    "verdicts",
]

_FLIPS = 999


def coverage_of_pairs(
    n: int, *, gap: float, disagreement: float, seed: int, replications: int, bootstrap: bool = False
) -> float:
    """Share of Dirichlet intervals (or, to compare, of percentile bootstrap ones) that hold the true gap.

    Right-or-wrong pairs without clusters: P(win) = (disagreement + gap) / 2, P(loss) = (disagreement - gap) / 2.
    """
    generator = np.random.default_rng(seed)
    shares = ((disagreement + gap) / 2, 1 - disagreement, (disagreement - gap) / 2)
    held = 0
    for wins, ties, losses in generator.multinomial(n, shares, size=replications):
        if bootstrap:
            counts = generator.multinomial(n, (wins / n, ties / n, losses / n), size=2_000)
            low, high = np.quantile((counts[:, 0] - counts[:, 2]) / n, (0.025, 0.975))
        else:
            low, high = _dirichlet(int(wins), int(ties), int(losses))
        held += int(low - 1e-9 <= gap <= high + 1e-9)
    return held / replications


def error_of_mcnemar(n: int, *, disagreement: float, seed: int, replications: int) -> float:
    """Share of mid-p values below 0.05 where the two systems are equally good."""
    draws = np.random.default_rng(seed).multinomial(
        n, (disagreement / 2, 1 - disagreement, disagreement / 2), size=replications
    )
    values = [_midp(int(wins), int(losses)) for wins, _, losses in draws]
    return sum(p is not None and p < 0.05 for p in values) / replications


def clustered(generator: np.random.Generator, clusters: int, size: int, *, icc: float, gap: float = 0.0) -> Floats:
    """Differences in clusters of equal size: gap + cluster effect + noise, total sd 0.5, shape (clusters * size,)."""
    shared = generator.normal(0, 0.5 * icc**0.5, size=clusters).repeat(size)
    own = generator.normal(0, 0.5 * (1 - icc) ** 0.5, size=clusters * size)
    values: Floats = gap + shared + own
    return values


def coverage_of_clusters(clusters: Sequence[int], *, icc: float, seed: int, replications: int) -> float:
    """Share of cluster-robust intervals that hold a true difference of 5 points; ``clusters`` are the sizes."""
    generator = np.random.default_rng(seed)
    numbers = np.arange(len(clusters)).repeat(clusters)
    held = 0
    for _ in range(replications):
        shared = generator.normal(0, 0.15 * icc**0.5, size=len(clusters)).repeat(clusters)
        values = 0.05 + shared + generator.normal(0, 0.15 * (1 - icc) ** 0.5, size=numbers.size)
        interval = _robust(values, numbers)
        held += int(interval.low <= 0.05 <= interval.high)
    return held / replications


def error_of_clusters(clusters: int, size: int, *, icc: float, method: str, seed: int, replications: int) -> float:
    """How often "no difference" is rejected at 5 % though it holds, by ``naive``, ``t`` or ``sign flip``."""
    generator = np.random.default_rng(seed)
    numbers = np.arange(clusters).repeat(size)
    rejects: dict[str, Callable[[Floats, int], bool]] = {
        "naive": lambda values, _: bool(stats.ttest_1samp(values, 0).pvalue < 0.05),
        "t": lambda values, _: not _holds_zero(_robust(values, numbers)),
        "sign flip": lambda values, turn: (sign_flip(values, numbers, seed=turn, flips=_FLIPS) or 1.0) < 0.05,
    }
    reject = rejects[method]
    found = (reject(clustered(generator, clusters, size, icc=icc), turn) for turn in range(replications))
    return sum(found) / replications


def coverage_of_rates(n: int, *, rate: float, seed: int, replications: int) -> float:
    """Share of intervals of one system's rate that hold the true one."""
    generator = np.random.default_rng(seed)
    held = 0
    for hits in generator.binomial(n, rate, size=replications):
        interval = mean_interval([1.0] * int(hits) + [0.0] * (n - int(hits)))
        held += int(interval is not None and interval.low <= rate <= interval.high)
    return held / replications


def error_of_families(n: int, *, seed: int, replications: int) -> float:
    """How often any of three contrasts against one incumbent is called significant though all systems are equal."""
    generator = np.random.default_rng(seed)
    numbers = np.arange(n)
    found = 0
    for turn in range(replications):
        scores = four_arms(generator, n, (0.7, 0.7, 0.7, 0.7))
        adjusted = step_down_max_t(scores[:, 1:] - scores[:, :1], numbers, seed=turn, flips=_FLIPS)
        found += int(any(p is not None and p < 0.05 for p in adjusted))
    return found / replications


def four_arms(generator: np.random.Generator, n: int, rates: Sequence[float], *, rho: float = 0.4) -> Floats:
    """Right-or-wrong scores of systems that share the difficulty of queries, shape (n, systems).

    Latent normal: a query's difficulty is common to all systems, with correlation ``rho``.
    """
    common = generator.normal(size=(n, 1)) * rho**0.5
    latent = common + generator.normal(size=(n, len(rates))) * (1 - rho) ** 0.5
    right: Floats = (latent < stats.norm.ppf(rates)).astype(np.float64)
    return right


def power_of_effects(n: int, *, seed: int, replications: int) -> tuple[float, float]:
    """How often a 10-point effect of retrieval is found: by the main effect of the 2x2, and by one pair alone."""
    generator = np.random.default_rng(seed)
    effect = pair = 0
    for turn in range(replications):
        prompt, rag, tuned, both = four_arms(generator, n, (0.6, 0.7, 0.6, 0.7)).T
        main = paired_difference(((rag - prompt + both - tuned) / 2).tolist(), seed=turn, test=False)
        effect += int(main.interval is not None and not _holds_zero(main.interval))
        pair += int((_midp(int((rag > prompt).sum()), int((rag < prompt).sum())) or 1.0) < 0.05)
    return effect / replications, pair / replications


def verdicts(rates: Sequence[float], n: int, *, seed: int, replications: int) -> tuple[float, float]:
    """How often the verdict on four systems with these true rates settles, and settles on one that is too bad.

    Settled is "choose" or "equivalent"; too bad is a true rate more than 3 points below the best.
    """
    generator = np.random.default_rng(seed)
    truth: dict[str, float] = dict(zip(SYSTEM_IDS, rates, strict=True))
    settled = wrong = 0
    for _ in range(replications):
        scores = four_arms(generator, n, rates)
        result = result_of({name: _right(column) for name, column in zip(SYSTEM_IDS, scores.T, strict=True)}, n)
        verdict = decide(result, Constraints.model_validate({}))
        if verdict.system is not None and verdict.kind != "leaning":
            settled += 1
            wrong += int(truth[verdict.system] < max(rates) - 0.03 - 1e-9)
    return settled / replications, wrong / replications


def _right(column: Floats) -> Callable[[int], bool]:
    return lambda n: bool(column[n])


@cache
def _dirichlet(wins: int, ties: int, losses: int) -> Interval:
    return dirichlet_interval(wins, ties, losses, seed=0)


@cache
def _midp(wins: int, losses: int) -> float | None:
    return mcnemar_midp(wins, losses)


def _robust(values: Floats, numbers: Ints) -> Interval:
    """The interval of `paired_difference` for clusters, without the test, which would take most of the time."""
    found = cluster_robust_mean(values, numbers)
    if found is None:
        raise ValueError("one cluster has no interval; at least two are needed")
    half = float(stats.t.ppf(0.975, found.degrees)) * found.standard_error
    return Interval(found.mean - half, found.mean + half)


def _holds_zero(interval: Interval) -> bool:
    return interval.low <= 0 <= interval.high
