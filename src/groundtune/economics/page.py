"""The cost model as a part of a page: curves, totals and break-evens that follow the numbers a reader changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from groundtune.economics.assumptions import Quantity
from groundtune.economics.breakeven import BreakEven
from groundtune.economics.curves import over_time, over_volume, volume_range
from groundtune.economics.draws import DRAWS, Spread, likely_values
from groundtune.economics.forecast import HORIZONS, CostForecast, SystemCost
from groundtune.economics.formula import cost_items, total_cost
from groundtune.records import SYSTEM_IDS
from groundtune.templating import page_templates

__all__ = ["SCRIPT_FILES", "asset", "cost_section", "dollars"]

SCRIPT_FILES = ("formula.js", "cost.js")
"""Names for `asset`: what a page with a cost section must run, in this order."""

_TEMPLATES = Path(__file__).with_name("templates")
_NOT_COSTS = ("Freshness", "Time")
_DASHES = {"prompt": "none", "rag": "6 3", "tuned": "2 3", "tuned_rag": "8 3 2 3"}


@cache
def asset(name: str) -> str:
    """The text of ``cost.css``, ``formula.js`` or ``cost.js``."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def cost_section(forecast: CostForecast, *, prefix: str, chosen: str | None = None) -> Markup:
    """What the systems cost, as a piece of HTML without a heading.

    The page around it brings ``cost.css`` and the two scripts, and the colours of ``verdict``'s report.css. Without
    JavaScript everything can be read, but not changed.

    Args:
        forecast: Of any assumptions, measured ones included.
        prefix: Distinguishes the ids of several sections on one page.
        chosen: The system to stress; its drivers are shown, else the cheapest system's.
    """
    costs = list(forecast.systems.values())
    driven = chosen if chosen is not None and chosen in forecast.systems else forecast.cheapest() or SYSTEM_IDS[0]
    pairs = {months: [pair for pair in forecast.break_evens if pair.months == months] for months in HORIZONS}
    volume_svg, time_svg = _curves(forecast, pairs[HORIZONS[0]])
    return Markup(
        _environment()
        .get_template("costs.html")
        .render(
            systems=SYSTEM_IDS,
            costs=costs,
            chosen=chosen,
            pairs=pairs[HORIZONS[0]],
            later=pairs[HORIZONS[1]],
            horizons=HORIZONS,
            draws=DRAWS,
            has_ranges=any(_has_range(cost) for cost in costs),
            volume=forecast.assumptions["queries_per_month"],
            volume_svg=volume_svg,
            time_svg=time_svg,
            drivers_svg=_drivers(forecast, driven),
            driven=driven,
            groups=_groups(forecast),
            prefix=prefix,
            freshness=forecast.freshness,
            unknown=_unknown(forecast),
        )
    )


def _unknown(forecast: CostForecast) -> list[str]:
    """Numbers that nobody knows and that concern more than one system."""
    quantities = forecast.assumptions.quantities
    return [name for name, quantity in quantities.items() if quantity.likely is None and "." not in name]


def _curves(forecast: CostForecast, pairs: Sequence[BreakEven]) -> tuple[Markup | None, Markup | None]:
    from groundtune.economics.charts import curves_chart

    values = likely_values(forecast.assumptions)
    volume = forecast.assumptions.likely("queries_per_month")
    crossings = [pair for pair in pairs if pair.volume]
    bounds = volume_range([*(pair.volume or 0 for pair in crossings), volume or 0])
    by_volume, by_time = over_volume(values, SYSTEM_IDS, bounds), over_time(values, SYSTEM_IDS)
    marks = [(pair.volume or 0, _monthly(forecast, pair.above, pair.volume or 0)) for pair in crossings]
    if not by_volume or not by_time:
        return None, None
    return (
        Markup(curves_chart(by_volume, across="queries a month", up="dollars a month", logarithmic=True, marks=marks)),
        Markup(curves_chart(by_time, across="months", up="dollars in all", logarithmic=False)),
    )


def _monthly(forecast: CostForecast, system: str, volume: float) -> float:
    """Dollars a month with the set-up spread over a year."""
    values = likely_values(forecast.assumptions)
    return float(total_cost(cost_items(values, system), values["queries_per_month"] * 0 + volume, 12) / 12)


def _drivers(forecast: CostForecast, system: str) -> Markup | None:
    from groundtune.economics.charts import drivers_chart

    drivers = forecast.systems[system].drivers
    if not drivers:
        return None
    names = [driver.name.replace("_", " ") for driver in drivers]
    return Markup(drivers_chart(drivers, names, axis=f"dollars in the first {HORIZONS[0]} months"))


def _groups(forecast: CostForecast) -> list[tuple[str, list[tuple[str, Quantity]]]]:
    """The numbers that the cost depends on, under their headings, in the order of defaults.toml."""
    groups: dict[str, list[tuple[str, Quantity]]] = {}
    for name, quantity in forecast.assumptions.quantities.items():
        if quantity.group not in _NOT_COSTS:
            groups.setdefault(quantity.group, []).append((name, quantity))
    return list(groups.items())


def _has_range(cost: SystemCost) -> bool:
    low, _, high = cost.totals[HORIZONS[0]]
    return low != high


def _amount(system: str, kind: str | int, spread: Spread) -> Markup:
    low, likely, high = spread
    between = Markup("<small>{} to {}</small>").format(dollars(low), dollars(high)) if low != high else ""
    return Markup('<td class="number" data-system="{}" data-amount="{}">{}{}</td>').format(
        system, kind, dollars(likely), between
    )


def _thousand(spread: Spread) -> Spread:
    low, likely, high = (None if value is None else 1000 * value for value in spread)
    return (low, likely, high)


def _breaks(pair: BreakEven) -> str:
    if pair.never is None:
        return "is not known"
    if pair.volume is None:
        return "never"
    return "at any volume" if pair.volume == 0 else f"from {pair.volume:,.0f}"


def dollars(value: float | None) -> str:
    """An amount: whole dollars from 100 on, else three significant digits and at least cents; a dash for unknown."""
    if not value:
        return "–" if value is None else "$0"
    digits = 0 if abs(value) >= 100 else max(2, 2 - math.floor(math.log10(abs(value))))
    return f"${value:,.{digits}f}"


def _count(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _interval_days(days: float) -> str:
    """Days between two trainings, rounded down, so that what is promised holds."""
    return "day" if days < 2 else f"{math.floor(days):,} days"


def _plain(value: float | None) -> str:
    """A number as a field of a form takes it; empty where it is not known."""
    return "" if value is None else f"{value:.0f}" if float(value).is_integer() else repr(float(value))


@cache
def _environment() -> Environment:
    environment = page_templates(_TEMPLATES)
    environment.filters.update(count=_count, plain=_plain, breaks=_breaks, interval_days=_interval_days)
    environment.globals.update(amount=_amount, thousand=_thousand, dash=_DASHES.__getitem__)
    return environment
