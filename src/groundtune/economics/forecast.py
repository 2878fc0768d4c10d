"""What the four systems would cost and how fast they would be, before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.breakeven import BreakEven, break_evens
from groundtune.economics.draws import Spread, as_json, draw_values, likely_values, spread_of
from groundtune.economics.formula import Floats, Items, cost_items, monthly_cost, total_cost
from groundtune.economics.freshness import Freshness, freshness_of
from groundtune.economics.latency import LatencyForecast, forecast_latency
from groundtune.economics.tornado import Driver, drivers_of
from groundtune.records import SYSTEM_IDS

__all__ = ["HORIZONS", "CostForecast", "LatencyForecast", "SystemCost", "forecast_costs", "forecast_latency"]

HORIZONS = (12, 36)
"""Months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCost:
    """What one system costs in US dollars; None is "not known".

    Attributes:
        items: At the likely values: what is paid once, every month and for each query, by what it is spent on.
        setup: (low, likely, high) of what is paid once.
        monthly: The same of a month at the expected volume, set-up apart.
        per_query: The same of one more query.
        totals: The same over 12 and 36 months, set-up included, by months.
        drivers: What moves the total over 12 months most, the strongest first.
    """

    system: str
    items: Mapping[str, Mapping[str, float | None]]
    setup: Spread
    monthly: Spread
    per_query: Spread
    totals: Mapping[int, Spread]
    drivers: tuple[Driver, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values, each range as [low, likely, high]."""
        return {
            "setup_usd": list(self.setup),
            "month_usd": list(self.monthly),
            "per_query_usd": list(self.per_query),
            **{f"total_{months}_months_usd": list(total) for months, total in self.totals.items()},
            "items": {kind: dict(items) for kind, items in self.items.items()},
            "drivers": [driver.to_json() for driver in self.drivers],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CostForecast:
    """What all four systems cost, and where one becomes cheaper than another.

    Attributes:
        assumptions: What it rests on.
        systems: By id, simplest first.
        break_evens: Of every pair, with the set-up spread over 12 and over 36 months.
        freshness: What tuned weights lose as knowledge changes; None where nobody knows how often it does.
    """

    assumptions: Assumptions
    systems: Mapping[str, SystemCost]
    break_evens: tuple[BreakEven, ...]
    freshness: Freshness | None

    def cheapest(self, months: int = 12) -> str | None:
        """The system with the lowest likely total; None unless all are known."""
        totals = {name: cost.totals[months][1] for name, cost in self.systems.items()}
        known = {name: total for name, total in totals.items() if total is not None}
        return min(known, key=lambda name: known[name]) if len(known) == len(totals) else None

    def to_json(self) -> dict[str, Any]:
        """As ``advise --json`` gives it under ``cost``."""
        return {
            "systems": {name: system.to_json() for name, system in self.systems.items()},
            "break_even": [pair.to_json() for pair in self.break_evens],
            "freshness": self.freshness and self.freshness.to_json(),
            "assumptions": self.assumptions.to_json(),
        }


def forecast_costs(assumptions: Assumptions | None = None) -> CostForecast:
    """What the four systems cost under these assumptions, with the uncertainty that their ranges bring.

    The ranges come from 2,000 draws with a fixed seed: the same assumptions give the same forecast.
    """
    assumed = assumptions or Assumptions()
    likely, drawn = likely_values(assumed), draw_values(assumed)
    likely_items: dict[str, Items] = {system: cost_items(likely, system) for system in SYSTEM_IDS}
    drawn_items: dict[str, Items] = {system: cost_items(drawn, system) for system in SYSTEM_IDS}
    volumes = (likely["queries_per_month"], drawn["queries_per_month"])
    return CostForecast(
        assumptions=assumed,
        systems={
            system: _system_cost(assumed, system, likely_items[system], drawn_items[system], volumes)
            for system in SYSTEM_IDS
        },
        break_evens=tuple(pair for months in HORIZONS for pair in break_evens(likely_items, drawn_items, months)),
        freshness=freshness_of(assumed),
    )


def _system_cost(
    assumed: Assumptions, system: str, likely: Items, drawn: Items, volumes: tuple[Floats, Floats]
) -> SystemCost:
    return SystemCost(
        system=system,
        items={
            "setup": as_json(likely.setup),
            "monthly": as_json(likely.monthly),
            "per_query": as_json(likely.per_query),
        },
        setup=spread_of(_sum(likely.setup), _sum(drawn.setup)),
        monthly=spread_of(monthly_cost(likely, volumes[0]), monthly_cost(drawn, volumes[1])),
        per_query=spread_of(_sum(likely.per_query), _sum(drawn.per_query)),
        totals={
            months: spread_of(total_cost(likely, volumes[0], months), total_cost(drawn, volumes[1], months))
            for months in HORIZONS
        },
        drivers=drivers_of(assumed, system, months=HORIZONS[0]),
    )


def _sum(items: Mapping[str, Floats]) -> Floats:
    return np.asarray(sum(items.values()))
