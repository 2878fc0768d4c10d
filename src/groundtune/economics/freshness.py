"""What answers lose when facts stay in weights between two trainings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from groundtune.economics.assumptions import Assumptions

__all__ = ["Freshness", "freshness_of", "longest_interval", "stale_loss"]

INTERVALS = (1, 7, 30, 91, 365)
"""Days between two trainings that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How much of the score goes to answers from old weights.

    Attributes:
        changing_per_day: Share of the facts behind answers that change in a day.
        loss: Mean loss of score, in [0, 1], by days between two trainings.
        days: The longest interval that loses no more than ``allowed``; infinite where facts never change.
        allowed: The loss that counts as none.
    """

    changing_per_day: float
    loss: dict[int, float]
    days: float
    allowed: float

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "changing_per_day": self.changing_per_day,
            "loss_by_days": {str(days): loss for days, loss in self.loss.items()},
            "days_for_loss": {"allowed": self.allowed, "days": None if math.isinf(self.days) else self.days},
        }


def freshness_of(assumptions: Assumptions, *, allowed: float = 0.03) -> Freshness | None:
    """The loss by interval; None where it is not known how often knowledge changes, or when it changes all the time.

    Args:
        assumptions: ``changed_share`` of the facts change at each of ``knowledge_refreshes_per_year``.
        allowed: Loss of score that counts as none, in (0, 1).
    """
    share, times = assumptions.likely("changed_share"), assumptions.likely("knowledge_refreshes_per_year")
    worst = assumptions.likely("stale_loss")
    if share is None or times is None or worst is None:
        return None
    rate = share * times / 365
    return Freshness(
        changing_per_day=rate,
        loss={days: stale_loss(rate, days, worst) for days in INTERVALS},
        days=longest_interval(rate, allowed, worst),
        allowed=allowed,
    )


def stale_loss(rate: float, days: float, worst: float = 1.0) -> float:
    """Mean loss over an interval in which facts change at a rate: worst * (1 - (1 - exp(-rate*days)) / (rate*days)).

    Args:
        rate: Share of facts that change in a day, at least 0.
        days: Between two trainings, above 0.
        worst: Loss of a query whose fact has changed, in [0, 1].
    """
    exposure = rate * days
    # The second form of the same limit: the first loses its digits where hardly anything changes.
    return worst * (1 + math.expm1(-exposure) / exposure) if exposure > 1e-6 else worst * exposure / 2


def longest_interval(rate: float, allowed: float, worst: float = 1.0) -> float:
    """Days between two trainings that lose exactly ``allowed``; infinite where they never lose as much."""
    if rate == 0 or worst <= allowed:
        return math.inf
    from scipy.optimize import brentq  # takes most of a second, and few forecasts come here

    return float(brentq(lambda days: stale_loss(rate, days, worst) - allowed, 1e-9, 1 / (rate * (1 - allowed / worst))))
