"""Which numbers move a total most: each goes from one end of its range to the other while all others stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.draws import likely_values
from groundtune.economics.formula import cost_items, total_cost

__all__ = ["Driver", "drivers_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One number and what it does to a total, in US dollars.

    Attributes:
        name: Of the quantity.
        low: The total with the number at the low end of its range.
        high: The total with the number at the high end.
        likely: The total with every number at its likely value.
    """

    name: str
    low: float
    high: float
    likely: float

    @property
    def swing(self) -> float:
        """Dollars between the two ends."""
        return abs(self.high - self.low)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"name": self.name, "low_usd": self.low, "high_usd": self.high, "likely_usd": self.likely}


def drivers_of(assumptions: Assumptions, system: str, *, months: int, most: int = 5) -> tuple[Driver, ...]:
    """The numbers with the largest swing of a system's total over so many months, the strongest first.

    Empty where the total is not known, or no number has a range.
    """
    values = likely_values(assumptions)

    def total(name: str, value: float) -> float:
        changed = {**values, name: np.asarray(value)}
        return float(total_cost(cost_items(changed, system), changed["queries_per_month"], months))

    likely = float(total_cost(cost_items(values, system), values["queries_per_month"], months))
    drivers = [
        Driver(name=name, low=total(name, low), high=total(name, high), likely=likely)
        for name, (low, _, high) in ((name, quantity.range) for name, quantity in assumptions.quantities.items())
        if low < high
    ]
    moving = [driver for driver in drivers if driver.swing > 0]
    return tuple(sorted(moving, key=lambda driver: -driver.swing)[:most])
