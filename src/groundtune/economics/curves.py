"""Costs as curves: over the volume, and over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groundtune.economics.formula import Floats, Items, cost_items, monthly_cost, total_cost

__all__ = ["MONTHS", "Curve", "over_time", "over_volume", "volume_range"]

MONTHS = 36
"""How far costs over time are drawn; set-up is spread over the first 12 in costs over volume."""

SPREAD_MONTHS = 12
_POINTS = 61


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """US dollars of one system at rising places: queries a month, or months."""

    system: str
    places: tuple[float, ...]
    dollars: tuple[float, ...]


def volume_range(volumes: Sequence[float]) -> tuple[float, float]:
    """Whole powers of ten around the volumes worth seeing, at least three apart, between 10 and 10 billion."""
    shown = [math.log10(volume) for volume in volumes if volume > 0]
    first = min(max(math.floor(min(shown, default=3) - 0.5), 1), 7)
    last = max(min(math.ceil(max(shown, default=5) + 0.5), 10), first + 3)
    return 10.0**first, 10.0**last


def over_volume(values: Mapping[str, Floats], systems: Sequence[str], bounds: tuple[float, float]) -> list[Curve]:
    """Dollars a month, set-up spread over a year, at volumes between the bounds; systems of unknown cost are left out.

    Args:
        values: Every quantity, shape ().
        systems: Ids.
        bounds: Queries a month, both above 0.
    """
    places = np.geomspace(*bounds, _POINTS)
    return _curves(values, systems, places, lambda items: total_cost(items, places, SPREAD_MONTHS) / SPREAD_MONTHS)


def over_time(values: Mapping[str, Floats], systems: Sequence[str]) -> list[Curve]:
    """Dollars spent in all after each month, from the set-up (month 0) on, at the volume among the values."""
    months = np.arange(MONTHS + 1, dtype=np.float64)

    def spent(items: Items) -> Floats:
        return np.asarray(sum(items.setup.values()) + months * monthly_cost(items, values["queries_per_month"]))

    return _curves(values, systems, months, spent)


def _curves(
    values: Mapping[str, Floats], systems: Sequence[str], places: Floats, dollars: Callable[[Items], Floats]
) -> list[Curve]:
    found = {system: dollars(cost_items(values, system)) for system in systems}
    return [
        Curve(system=system, places=tuple(map(float, places)), dollars=tuple(map(float, amounts)))
        for system, amounts in found.items()
        if not np.isnan(amounts).any()
    ]
