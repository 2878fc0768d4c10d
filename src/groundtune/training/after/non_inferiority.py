"""Is the tuned model no worse than its base, by more than a margin? Paired, on few items, without an experiment.

The two are compared on the same items. The interval is two-sided 90 %, so each of its ends is a one-sided bound of
95 %: the lower one shows non-inferiority when it lies above minus the margin (METHODS section 5.3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from groundtune.training.card import GateResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["MARGIN", "Change", "change_of", "compare_pairs", "not_worse"]

MARGIN = 0.03
"""Three points: the loss that is taken as none."""

FAILURES = 0.1
"""A tuned model that fails on more than this share of what its base replies to cannot be used."""

_TAIL = 0.05
_DRAWS = 20_000
_SEED = 7
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Mean of paired differences, tuned less base.

    Attributes:
        mean: In [-1, 1].
        interval: 90 %; None where one independent item or none leaves it undefined.
        items: How many items were compared.
    """

    mean: float
    interval: tuple[float, float] | None
    items: int


def change_of(differences: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Change | None:
    """Mean difference and its interval.

    Differences of -1, 0 and 1 without clusters take the Dirichlet posterior of (win, tie, loss) with 1/2 added to each
    count, which keeps its coverage on few items (METHODS section 1.1); others Student's t on the sums of the clusters.

    Args:
        differences: One for each item, in [-1, 1].
        clusters: One for each item; items of one cluster are not independent. None: all are.

    Returns:
        None without items.
    """
    if not differences:
        return None
    values: Floats = np.array(differences, dtype=np.float64)
    sums = _sums(values, clusters)
    binary = bool(np.isin(values, (-1.0, 0.0, 1.0)).all()) and sums.size == values.size
    interval = _dirichlet(values) if binary else _student(values, sums)
    return Change(mean=float(values.mean()), interval=interval, items=values.size)


def not_worse(name: str, change: Change | None, *, margin: float = MARGIN, strict: bool = False) -> GateResult:
    """Pass when the loss is shown to be less than the margin, fail when it is shown to be more, else neither.

    Args:
        name: Of the gate.
        change: As of `change_of`.
        margin: In (0, 1).
        strict: Fail already when the loss that was seen is more than the margin, shown or not: for safety.
    """
    if change is None:
        return GateResult(name=name, passed=None, margin=-margin, note="nothing could be compared")
    seen = f"{100 * change.mean:+.1f} points on {change.items} items"
    result = GateResult(name=name, passed=None, value=change.mean, margin=-margin, interval=change.interval, note=seen)
    if strict and change.mean < -margin:
        return replace(result, passed=False, note=f"{seen}: a loss of more than {100 * margin:.0f} points")
    if change.interval is None:
        return replace(result, passed=None, note=f"{seen}: too few to show anything")
    low, high = change.interval
    between = f"{seen} ({100 * low:+.1f} to {100 * high:+.1f})"
    if low > -margin:
        return replace(result, passed=True, note=f"{between}: a loss of {100 * margin:.0f} points or more is ruled out")
    if high < -margin:
        return replace(result, passed=False, note=f"{between}: a loss of more than {100 * margin:.0f} points")
    return replace(
        result, passed=None, note=f"{between}: too few items to rule out a loss of {100 * margin:.0f} points or more"
    )


def compare_pairs(
    name: str,
    pairs: Sequence[tuple[float | None, float | None]],
    *,
    margin: float = MARGIN,
    strict: bool = False,
    clusters: Sequence[Hashable] | None = None,
) -> GateResult:
    """`not_worse` on scores of the base and the tuned model; a failed reply is None, and is not taken for a 0.

    Where the tuned model failed and its base did not, the gate cannot pass; with more than a tenth of such items it
    fails.

    Args:
        name: Of the gate.
        pairs: (base, tuned) for each item, scores in [0, 1].
        margin: Loss that is taken as none.
        strict: See `not_worse`.
        clusters: One for each item; None: all are independent.
    """
    scored = [place for place, (base, _) in enumerate(pairs) if base is not None]
    both = [
        (place, (pairs[place][1] or 0.0) - (pairs[place][0] or 0.0)) for place in scored if pairs[place][1] is not None
    ]
    groups = None if clusters is None else [clusters[place] for place, _ in both]
    result = not_worse(name, change_of([change for _, change in both], groups), margin=margin, strict=strict)
    failed = len(scored) - len(both)
    if not failed:
        return result
    certain = result.passed is False or failed > FAILURES * len(scored)
    note = f"{result.note}; the tuned model failed on {failed} of {len(scored)} items"
    return replace(result, passed=False if certain else None, note=note)


def _sums(values: Floats, clusters: Sequence[Hashable] | None) -> Floats:
    """Sum of the deviations from the mean for each cluster; without clusters, each deviation."""
    deviations: Floats = values - values.mean()
    if clusters is None:
        return deviations
    numbers: dict[Hashable, int] = {}
    places = np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters])
    sums: Floats = np.bincount(places, weights=deviations).astype(np.float64)
    return sums


def _dirichlet(values: Floats) -> tuple[float, float]:
    counts = Counter(values.tolist())
    shares = np.random.default_rng(_SEED).dirichlet(
        (counts[1.0] + 0.5, counts[0.0] + 0.5, counts[-1.0] + 0.5), size=_DRAWS
    )
    low, high = np.quantile(shares[:, 0] - shares[:, 2], (_TAIL, 1 - _TAIL))
    return float(low), float(high)


def _student(values: Floats, sums: Floats) -> tuple[float, float] | None:
    """Cluster-robust t with as many degrees of freedom as there are clusters, less one (Liang and Zeger 1986)."""
    from scipy import stats

    groups = sums.size
    if groups < 2:
        return None
    error = float(np.sqrt(groups / (groups - 1) * (sums**2).sum())) / values.size
    mean = float(values.mean())
    if error < _ROUNDING:
        # Equal differences have no variance to make a t of; each cluster then counts as one outcome of this size.
        low, high = _dirichlet(np.full(groups, np.sign(mean) if abs(mean) > _ROUNDING else 0.0))
        largest = float(np.abs(values).max())
        return low * largest, high * largest
    half = float(stats.t.ppf(1 - _TAIL, groups - 1)) * error
    return max(-1.0, mean - half), min(1.0, mean + half)
