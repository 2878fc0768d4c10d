"""The 2x2 as a factorial experiment: what retrieval does, what tuning does, and what they do to each other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from groundtune.experiment.statistics import Difference, paired_difference, step_down_max_t
from groundtune.experiment.statistics.clusters import TOO_FEW_CLUSTERS, Floats, number_clusters
from groundtune.records import SystemId

__all__ = ["CONTRASTS", "Effect", "Effects", "estimate_effects"]

EffectName = Literal["retrieval", "tuning", "interaction"]

CONTRASTS: Mapping[EffectName, Mapping[SystemId, float]] = {
    "retrieval": {"prompt": -0.5, "rag": 0.5, "tuned": -0.5, "tuned_rag": 0.5},
    "tuning": {"prompt": -0.5, "rag": -0.5, "tuned": 0.5, "tuned_rag": 0.5},
    "interaction": {"prompt": 1.0, "rag": -1.0, "tuned": -1.0, "tuned_rag": 1.0},
}
"""Weight of each system's score in each effect (Yates 1937): the main effects average over the other switch, the
interaction is how much more retrieval brings with tuned weights than with base weights."""

Effect = Difference
"""An effect is a mean paired difference; its p is adjusted for the three effects together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The three effects of the factorial, as shares of the score (0.05 = 5 points)."""

    retrieval: Effect
    tuning: Effect
    interaction: Effect

    def to_json(self) -> dict[str, Any]:
        """Points (100 times the share) with their interval, None where undefined."""
        return {name: _points(getattr(self, name)) for name in CONTRASTS}


def estimate_effects(
    scores: Mapping[SystemId, Sequence[float]], clusters: Sequence[Hashable] | None, *, seed: int
) -> Effects:
    """Estimate the effects from per-query numbers, so that everything stays paired.

    Args:
        scores: All four systems, each with one score in [0, 1] for each query, in the same order.
        clusters: One for each query; None where the queries are independent.
        seed: Of the sign flips and posterior draws.

    Returns:
        Effects whose p-values are corrected for testing three at once (step-down maxT).
    """
    columns = np.column_stack(
        [sum(weight * np.array(scores[system]) for system, weight in row.items()) for row in CONTRASTS.values()]
    ).astype(np.float64)
    adjusted = _adjusted(columns, clusters, seed=seed)
    found = {
        name: replace(_effect(columns[:, place], clusters, seed=seed), p=adjusted[place])
        for place, name in enumerate(CONTRASTS)
    }
    return Effects(retrieval=found["retrieval"], tuning=found["tuning"], interaction=found["interaction"])


def _effect(values: Floats, clusters: Sequence[Hashable] | None, *, seed: int) -> Difference:
    # The interaction lies in [-2, 2]; halved, it is a difference like any other.
    scale = 2.0 if np.abs(values).max(initial=0.0) > 1 else 1.0
    found = paired_difference([float(value) for value in values / scale], clusters, seed=seed, test=False)
    if scale == 1.0 or found.mean is None:
        return found
    interval = found.interval and type(found.interval)(found.interval.low * scale, found.interval.high * scale)
    return replace(found, mean=found.mean * scale, interval=interval)


def _adjusted(columns: Floats, clusters: Sequence[Hashable] | None, *, seed: int) -> list[float | None]:
    numbers = number_clusters(clusters, len(columns))
    if not numbers.size or int(numbers.max()) + 1 < TOO_FEW_CLUSTERS:
        return [None] * columns.shape[1]
    return step_down_max_t(columns, numbers, seed=seed)


def _points(effect: Effect) -> dict[str, Any]:
    return {
        "points": None if effect.mean is None else round(100 * effect.mean, 2),
        "interval": effect.interval and [round(100 * bound, 2) for bound in effect.interval],
        "p": effect.p,
        "note": effect.note,
    }
