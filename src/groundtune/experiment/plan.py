"""Before anything runs: what this set of queries can show, and what it cannot."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.experiment.power import minimum_detectable_effect, minimum_detectable_sweep
from groundtune.experiment.statistics.clusters import (
    FEW_CLUSTERS,
    TOO_FEW_CLUSTERS,
    design_effect,
    number_clusters,
)

__all__ = ["DISAGREEMENT", "Plan", "plan_experiment"]

DISAGREEMENT = 0.3
"""Share of queries on which two systems disagree, assumed until it is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What can be expected of a comparison on these test queries.

    Attributes:
        queries: Test queries.
        clusters: Independent units among them.
        design_effect: How much clusters inflate the variance, at an assumed intraclass correlation of 0.2.
        minimum_detectable_effect: Smallest true difference of two systems that is found with 80 % power at a
            disagreement of 30 %, as a share; where no such difference can be, the smallest that is found when every
            disagreement goes the same way; None when not even that can be.
        warnings: Plain sentences.
    """

    queries: int
    clusters: int
    design_effect: float
    minimum_detectable_effect: float | None
    warnings: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What the set can show, in one sentence."""
        if self.minimum_detectable_effect is None:
            return f"{self.queries} test queries cannot show any difference between two systems reliably."
        points = 100 * self.minimum_detectable_effect
        return (
            f"{self.queries} test queries (in {self.clusters} independent groups) can show differences of about "
            f"{points:.0f} points or more; smaller ones will mostly stay undecided."
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values; the effect in points."""
        effect = self.minimum_detectable_effect
        return {
            "queries": self.queries,
            "clusters": self.clusters,
            "design_effect": round(self.design_effect, 3),
            "minimum_detectable_points": None if effect is None else round(100 * effect, 1),
            "sentence": self.sentence,
            "warnings": list(self.warnings),
        }


def plan_experiment(clusters: Sequence[Hashable]) -> Plan:
    """Say what a comparison on test queries with these clusters (one for each query) can show."""
    numbers = number_clusters(clusters, len(clusters))
    groups = len(set(clusters))
    effect = design_effect(numbers)
    n = len(clusters)
    detectable = None
    if n:
        moderate = minimum_detectable_effect(n, DISAGREEMENT, design_effect=effect)
        detectable = moderate or minimum_detectable_sweep(n, design_effect=effect)
    return Plan(
        queries=n,
        clusters=groups,
        design_effect=effect,
        minimum_detectable_effect=detectable,
        warnings=tuple(_warnings(n, groups)),
    )


def _warnings(n: int, groups: int) -> list[str]:
    if groups < TOO_FEW_CLUSTERS:
        return [f"{n} test queries in {groups} independent groups are too few for any statement of significance."]
    if groups < FEW_CLUSTERS:
        return [f"Few independent groups of test queries ({groups}): intervals are rough."]
    return []
