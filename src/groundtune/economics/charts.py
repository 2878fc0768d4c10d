"""Cost curves, the drivers of a total, and quality against cost, as inline SVG.

Importing Altair takes most of a second: import this module late.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from groundtune.drawing import ACCENT, CHARACTER, INK, PAPER, SOFT, chart_of, to_svg
from groundtune.economics.curves import Curve
from groundtune.economics.tornado import Driver

__all__ = ["Offer", "curves_chart", "drivers_chart", "offers_chart"]

DASHES: dict[str, list[int]] = {"prompt": [1, 0], "rag": [6, 3], "tuned": [2, 3], "tuned_rag": [8, 3, 2, 3]}
"""Systems differ by dash as well as by colour."""

_WIDTH, _HEIGHT = 300, 210
_ROW = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One system as a choice: what a query costs, and how good the answers are.

    Attributes:
        dollars: Of a query, above 0.
        quality: Score, 0 to 100.
        best: Whether no other system is both cheaper and better (the Pareto front).
    """

    system: str
    dollars: float
    quality: float
    best: bool
    chosen: bool = False


def curves_chart(
    curves: Sequence[Curve],
    *,
    across: str,
    up: str,
    logarithmic: bool,
    marks: Sequence[tuple[float, float]] = (),
) -> str:
    """One line for each system; the page says which is which.

    Args:
        curves: At least one, over the same places.
        across: What the horizontal axis measures.
        up: What the vertical axis measures.
        logarithmic: Both axes; amounts of nothing are then left out.
        marks: Break-even points, as (place, dollars).
    """
    rows: list[dict[str, Any]] = [
        {"system": curve.system, "x": place, "y": dollars}
        for curve in curves
        for place, dollars in zip(curve.places, curve.dollars, strict=True)
        if not logarithmic or dollars > 0
    ]
    kind: dict[str, Any] = {"type": "log", "nice": False} if logarithmic else {"zero": True}
    x_axis, y_axis = _axis(logarithmic, [row["x"] for row in rows]), _axis(logarithmic, [row["y"] for row in rows], "$")
    x = alt.X("x:Q", scale=alt.Scale(**{**kind, "nice": False}), title=across, axis=x_axis)
    y = alt.Y("y:Q", scale=alt.Scale(**kind), title=up, axis=y_axis)
    names = [curve.system for curve in curves]
    colour = alt.Color(
        "system:N", scale=alt.Scale(domain=names, range=[f"var(--{name})" for name in names]), legend=None
    )
    dash = alt.StrokeDash(
        "system:N", scale=alt.Scale(domain=names, range=[DASHES.get(name, [1, 0]) for name in names]), legend=None
    )
    layers = [chart_of(rows).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=dash)]
    if marks:
        points = chart_of([{"x": place, "y": dollars} for place, dollars in marks])
        layers.append(points.mark_point(size=60, filled=True, fill=PAPER, stroke=INK, opacity=1).encode(x=x, y=y))
    return to_svg(alt.layer(*layers), width=_WIDTH, height=_HEIGHT, left=64, right=20)


def _axis(logarithmic: bool, values: Sequence[float], sign: str = "") -> Any:
    """Few lines: powers of ten, with 2 and 5 between where the values span little, or what Altair finds round."""
    if not logarithmic:
        return alt.Axis(format=f"{sign},.0f", tickCount=5)
    low, high = min(values), max(values)
    between = (1, 2, 5) if high / low < 200 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [factor * 10.0**power for power in powers for factor in between]
    return alt.Axis(format=f"{sign}~s", values=[step for step in steps if low * 0.99 <= step <= high * 1.01])


def drivers_chart(drivers: Sequence[Driver], names: Sequence[str], *, axis: str) -> str:
    """A tornado: from the total at the low end of a number's range to that at its high end, the strongest on top.

    Args:
        drivers: At least one.
        names: What a person calls each number, in the same order.
        axis: What the horizontal axis measures.
    """
    rows = [
        {"label": name, "low": min(d.low, d.high), "high": max(d.low, d.high)}
        for d, name in zip(drivers, names, strict=True)
    ]
    scale = alt.Scale(zero=False, nice=True)
    y = alt.Y(
        "label:N",
        sort=list(names),
        axis=alt.Axis(title=None, domain=False, ticks=False, grid=False, labelPadding=10, labelLimit=400),
    )
    x = alt.X("low:Q", scale=scale, title=axis, axis=alt.Axis(format="$,.0f", tickCount=5))
    bars = chart_of(rows).mark_bar(height=16, color=ACCENT).encode(x=x, x2="high:Q", y=y)
    likely = chart_of([{"x": drivers[0].likely}]).mark_rule(color=INK).encode(x=alt.X("x:Q", scale=scale))
    left = 16 + CHARACTER * max(len(name) for name in names)
    return to_svg(alt.layer(bars, likely), width=_WIDTH, height=len(rows) * _ROW, left=left, right=20)


def offers_chart(offers: Sequence[Offer], *, up: str) -> str:
    """Quality against cost; filled: nothing else is both cheaper and better. A line joins those."""
    amounts = [offer.dollars for offer in offers]
    queries = 1_000 if max(amounts) >= 0.1 else 1_000_000
    rows = [
        {"system": o.system, "x": o.dollars * queries / 1000, "y": o.quality, "best": o.best, "chosen": o.chosen}
        for o in sorted(offers, key=lambda offer: offer.dollars)
    ]
    x, y = _offer_axes(rows, f"dollars for {queries:,} queries", up)
    colour = alt.condition("datum.chosen", alt.value(ACCENT), alt.value(INK))
    front = chart_of([row for row in rows if row["best"]])
    layers = [
        front.mark_line(color=SOFT, interpolate="step-after", strokeDash=[4, 3]).encode(x=x, y=y),
        front.mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=colour),
    ]
    if rest := [row for row in rows if not row["best"]]:
        others = chart_of(rest).mark_point(size=80, filled=True, fill=PAPER, opacity=1, strokeWidth=2)
        layers.append(others.encode(x=x, y=y, stroke=alt.condition("datum.chosen", alt.value(ACCENT), alt.value(INK))))
    # Names below and above in turn: of two systems that cost nearly the same the dearer one is often the better.
    for part, up_or_down in ((rows[::2], 18), (rows[1::2], -12)):
        if part:
            names = chart_of(part).mark_text(align="center", dy=up_or_down)
            layers.append(names.encode(x=x, y=y, text="system:N", color=colour))
    return to_svg(alt.layer(*layers), width=_WIDTH, height=_HEIGHT, left=64, right=60)


def _offer_axes(rows: Sequence[Mapping[str, Any]], across: str, up: str) -> tuple[Any, Any]:
    """Amounts from 0, or on a logarithmic axis where they lie far apart; scores with room around them."""
    amounts, scores = [row["x"] for row in rows], [row["y"] for row in rows]
    far_apart = min(amounts) > 0 and max(amounts) / min(amounts) > 30
    x_scale = alt.Scale(type="log", nice=True) if far_apart else alt.Scale(domain=[0, max(amounts) * 1.15], nice=True)
    room = max((max(scores) - min(scores)) * 0.2, 3.0)
    y_scale = alt.Scale(domain=[max(min(scores) - room, 0), min(max(scores) + room, 104)], zero=False, nice=False)
    x = alt.X("x:Q", scale=x_scale, title=across, axis=alt.Axis(format="$,.2~f", tickCount=4))
    return x, alt.Y("y:Q", scale=y_scale, title=up, axis=alt.Axis(tickCount=5))
