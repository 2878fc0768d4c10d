"""How much a set of queries can show, before anything is spent."""

from __future__ import annotations

import math

from scipy import optimize, stats

__all__ = [
    "disagreement_estimate",
    "minimum_detectable_effect",
    "minimum_detectable_sweep",
    "queries_needed",
    "queries_needed_for_spread",
    "queries_needed_non_inferiority",
]

_PRIOR_DISAGREE, _PRIOR_AGREE = 2.0, 8.0


def queries_needed(
    gap: float, disagreement: float, *, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1.0
) -> int:
    """Queries needed to detect a true gap of two right-or-wrong systems on the same queries (Connor 1987).

        n = [z(1 - alpha/2) sqrt(psi) + z(power) sqrt(psi - gap^2)]^2 / gap^2 * design effect

    Args:
        gap: True difference of the two rates, in (0, disagreement].
        disagreement: psi, the share of queries on which exactly one of the two is right, in (0, 1].
        alpha: Two-sided error of the first kind; divide it by the number of contrasts.
        power: Probability of detecting the gap, in (0, 1).
        design_effect: Of clusters, at least 1.

    Raises:
        ValueError: when the gap is not in (0, disagreement]: systems cannot differ by more than they disagree.
    """
    if not 0 < gap <= disagreement <= 1:
        raise ValueError(f"0 < gap <= disagreement <= 1 is needed; given gap {gap}, disagreement {disagreement}")
    return math.ceil(_connor(gap, disagreement, alpha, power) * design_effect)


def queries_needed_for_spread(
    gap: float, spread: float, *, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1.0
) -> int:
    """Queries needed for graded scores whose paired differences have the standard deviation ``spread``.

    Raises:
        ValueError: when gap or spread is not positive.
    """
    if gap <= 0 or spread <= 0:
        raise ValueError(f"gap and spread must be positive; given {gap} and {spread}")
    return math.ceil(((_z(1 - alpha / 2) + _z(power)) * spread / gap) ** 2 * design_effect)


def queries_needed_non_inferiority(
    margin: float, disagreement: float, *, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1.0
) -> int:
    """Queries needed to show "at most ``margin`` worse" (one-sided) when the two are truly equal.

    Raises:
        ValueError: when margin or disagreement is not in (0, 1].
    """
    if not (0 < margin <= 1 and 0 < disagreement <= 1):
        raise ValueError(f"margin and disagreement must be in (0, 1]; given {margin} and {disagreement}")
    return math.ceil((_z(1 - alpha) + _z(power)) ** 2 * disagreement / margin**2 * design_effect)


def minimum_detectable_effect(
    n: int, disagreement: float, *, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1.0
) -> float | None:
    """The smallest true gap that ``n`` queries detect with this power; None when not even the largest possible gap is.

    Args:
        n: Queries, at least 1.
        disagreement: As in `queries_needed`; no gap can be larger.
        alpha: As in `queries_needed`.
        power: As in `queries_needed`.
        design_effect: As in `queries_needed`.

    Raises:
        ValueError: when ``n`` < 1 or the disagreement is not in (0, 1].
    """
    if n < 1 or not 0 < disagreement <= 1:
        raise ValueError(f"n >= 1 and 0 < disagreement <= 1 are needed; given {n} and {disagreement}")
    effective = n / design_effect

    def missing(gap: float) -> float:
        return _connor(gap, disagreement, alpha, power) - effective

    if missing(disagreement) > 0:
        return None
    return float(optimize.brentq(missing, 1e-6, disagreement))


def minimum_detectable_sweep(
    n: int, *, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1.0
) -> float | None:
    """The smallest true gap that ``n`` queries detect when every disagreement goes the same way.

    Few queries show no gap at a moderate disagreement, but they do show that one system is right where the other is
    wrong again and again: then gap and disagreement are the same share.

    Args:
        n: Queries, at least 1.
        alpha: As in `queries_needed`.
        power: As in `queries_needed`.
        design_effect: As in `queries_needed`.

    Returns:
        The gap in (0, 1]; None when not even a gap of 1 is detected.
    """
    effective = n / design_effect

    def missing(gap: float) -> float:
        return _connor(gap, gap, alpha, power) - effective

    return None if missing(1.0) > 0 else float(optimize.brentq(missing, 1e-6, 1.0))


def disagreement_estimate(disagreeing: int, n: int) -> float:
    """Share of queries on which two systems disagree, from a pilot of ``n`` with the prior Beta(2, 8); n may be 0."""
    return (disagreeing + _PRIOR_DISAGREE) / (n + _PRIOR_DISAGREE + _PRIOR_AGREE)


def _connor(gap: float, disagreement: float, alpha: float, power: float) -> float:
    spread = math.sqrt(max(disagreement - gap**2, 0.0))
    return float((_z(1 - alpha / 2) * math.sqrt(disagreement) + _z(power) * spread) ** 2 / gap**2)


def _z(share: float) -> float:
    return float(stats.norm.ppf(share))
