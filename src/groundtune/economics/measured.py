"""What the measured answers would cost at the expected volume, and what a right one costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from groundtune.experiment.results import ExperimentResult, SystemResult

__all__ = ["MeasuredCost", "measured_costs", "monthly_cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCost:
    """What one system costs in US dollars; None where nothing is known, which for the user's own hardware is usual.

    Attributes:
        per_query: Mean price of an answer, right or not.
        per_right_answer: The same shared among the right ones; None when none was right.
        per_month: At the expected volume; None without one.
    """

    system: str
    per_query: float | None
    per_right_answer: float | None
    per_month: float | None

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "per_query_usd": self.per_query,
            "per_right_answer_usd": self.per_right_answer,
            "per_month_usd": self.per_month,
        }


def measured_costs(result: ExperimentResult, *, queries_per_month: int | None) -> dict[str, MeasuredCost]:
    """The cost of every system, by id."""
    return {
        name: MeasuredCost(
            system=name,
            per_query=system.cost_per_query_usd,
            per_right_answer=_per_right(result, system),
            per_month=monthly_cost(system.cost_per_query_usd, queries_per_month),
        )
        for name, system in result.systems.items()
    }


def monthly_cost(per_query: float | None, queries_per_month: int | None) -> float | None:
    """US dollars a month for answers alone; None unless both the price and the volume are known."""
    if per_query is None or queries_per_month is None:
        return None
    return per_query * queries_per_month


def _per_right(result: ExperimentResult, system: SystemResult) -> float | None:
    right = sum(row.right[system.id] is True for row in result.counted)
    if system.cost_per_query_usd is None or right == 0:
        return None
    return system.cost_per_query_usd * system.n / right
