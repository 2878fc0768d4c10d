"""Fit a reader's probability of "not here" on dev findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from groundtune.models.embedded.calibration import Calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.read import Finding

__all__ = ["auroc", "fit_not_here", "logistic"]

_FEWEST = 10
"""Rows of either kind below which a fit would be worse than the calibration at hand."""

_RIDGE = 1e-2


def fit_not_here(start: Calibration, findings: Sequence[Finding], missing: Sequence[bool]) -> Calibration:
    """Fit P(not here) by logistic regression on the answerable logit and the span's log probability (Platt 1999).

    Args:
        start: Calibration at hand; it is kept where there are fewer than 10 rows of either kind.
        findings: What the reader found on rows that it was not trained on.
        missing: For each, whether the passage does not hold the answer.
    """
    if min(sum(missing), len(missing) - sum(missing)) < _FEWEST:
        return start
    features = np.array([[1.0, found.answer, found.span] for found in findings])
    bias, answer, span = logistic(features, np.array(missing, np.float64))
    return replace(start, bias=float(bias), answer=float(answer), span=float(span))


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Probability that a random positive scores above a random negative, ties counting half (Mann-Whitney U)."""
    values, labels = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if labels.all() or not labels.any():
        raise ValueError("auroc needs rows of both kinds")
    ordered = np.sort(values[~labels])
    below = np.searchsorted(ordered, values[labels], "left") + np.searchsorted(ordered, values[labels], "right")
    return float(below.mean() / (2 * len(ordered)))


def logistic(
    features: NDArray[np.float64], labels: NDArray[np.float64], *, ridge: float = _RIDGE
) -> NDArray[np.float64]:
    """Weights (columns,) of a logistic regression by Newton's method.

    Args:
        features: Shape (rows, columns); the first column is all ones, for the bias.
        labels: 0 or 1, shape (rows,).
        ridge: Penalty of squared weights, of all but the bias; it keeps separable data finite.
    """
    weights = np.zeros(features.shape[1])
    penalty = ridge * np.diag([0.0, *[1.0] * (len(weights) - 1)])
    for _ in range(50):
        chances = 0.5 * (1 + np.tanh(0.5 * (features @ weights)))
        gradient = features.T @ (chances - labels) + penalty @ weights
        curvature = (features.T * (chances * (1 - chances))) @ features + penalty
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return weights
