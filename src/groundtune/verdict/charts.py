"""The report's charts as inline SVG, drawn with Altair and rendered without a browser or a network.

Colours are CSS variables of the page around them, so one drawing serves light, dark and print. Every chart repeats
numbers that also stand in a table beside it. Importing Altair takes most of a second: import this module late.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from groundtune.drawing import ACCENT, CHARACTER, INK, PAPER, SOFT, ZONE, chart_of, to_svg
from groundtune.verdict.report import Outcome

_WIDTH = 230
_BAR = 300
_ROW = 34
_LEAST_LEFT = 84
_OUTCOME_FILL = {
    "right": "var(--right)",
    "abstained": "var(--abstained)",
    "wrong": "var(--wrong)",
    "failed": "var(--failed)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measured value with its interval, all on the chart's own scale; None where it could not be estimated."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How the answers of one system divide: outcome to share in [0, 1], together 1."""

    label: str
    parts: Mapping[Outcome, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A median and a 95th percentile."""

    label: str
    p50: float
    p95: float
    chosen: bool = False


def interval_chart(
    estimates: Sequence[Estimate], *, axis: str, zone: tuple[float, float] | None = None, zero: bool = False
) -> str:
    """Points with intervals, one row each, in the order given.

    Args:
        estimates: The rows.
        axis: What the horizontal axis measures, with its unit.
        zone: A band to shade: the values that count as equal.
        zero: Whether to draw a line at zero, for differences.

    Returns:
        An ``<svg>`` element.
    """
    rows = [_estimate_row(estimate, signed=zero) for estimate in estimates]
    bounds = [bound for e in estimates for bound in (e.value, e.low, e.high, *(zone or ())) if bound is not None]
    scale = _padded([*bounds, 0.0], -100.0, 100.0) if zero else _padded(bounds, 0.0, 100.0)
    colour = _when_chosen(ACCENT, INK)
    base = chart_of(rows)
    y = _labels(estimates)
    layers = [_band(zone, scale)] if zone else []
    if zero:
        layers.append(chart_of([{"x": 0}]).mark_rule(color=SOFT).encode(x=alt.X("x:Q", scale=scale)))
    layers += [
        base.mark_rule(strokeWidth=2.5).encode(
            x=alt.X("low:Q", scale=scale, title=axis, axis=alt.Axis(tickCount=5)), x2="high:Q", y=y, color=colour
        ),
        base.mark_point(size=90, filled=True, opacity=1).encode(x=alt.X("value:Q", scale=scale), y=y, color=colour),
        base.mark_text(align="left", dx=10).encode(x=alt.value(_WIDTH), y=y, text="text:N", color=colour),
    ]
    return _rows_svg(alt.layer(*layers), [row.label for row in estimates])


def shares_chart(shares: Sequence[Shares]) -> str:
    """Bars of right, abstained, wrong and failed answers, each part labelled in words where it has room."""
    rows = []
    for share in shares:
        start = 0.0
        for outcome, part in share.parts.items():
            end = start + part
            text = _fitting(part, f"{outcome} {part:.0%}", f"{part:.0%}")
            rows.append(_row(share.label, outcome=outcome, start=start, end=end, middle=(start + end) / 2, text=text))
            start = end
    base = chart_of(rows)
    scale = alt.Scale(domain=[0, 1], nice=False)
    fill = alt.Color(
        "outcome:N",
        scale=alt.Scale(domain=list(_OUTCOME_FILL), range=list(_OUTCOME_FILL.values())),
        legend=None,
    )
    y = _labels(shares)
    bars = base.mark_bar(height=22, stroke=PAPER, strokeWidth=1.5).encode(
        x=alt.X("start:Q", scale=scale, title="share of queries", axis=alt.Axis(format="%", tickCount=5)),
        x2="end:Q",
        y=y,
        color=fill,
    )
    words = base.mark_text(color=INK).encode(x=alt.X("middle:Q", scale=scale), y=y, text="text:N")
    return _rows_svg(alt.layer(bars, words), [row.label for row in shares], width=_BAR, right=14)


def latency_chart(spans: Sequence[Span], *, limit_ms: float | None = None) -> str:
    """Median (filled) to 95th percentile (hollow) per system, on a logarithmic axis where the systems lie far apart.

    Args:
        spans: The rows, in milliseconds.
        limit_ms: The project's limit for the 95th percentile, drawn as a line.
    """
    rows = [_row(s.label, p50=s.p50, p95=s.p95, chosen=s.chosen, text=f"{_ms(s.p50)} to {_ms(s.p95)}") for s in spans]
    values = [value for s in spans for value in (s.p50, s.p95)] + ([limit_ms] if limit_ms else [])
    far_apart = min(values) > 0 and max(values) / min(values) > 30
    scale = alt.Scale(type="log", nice=True) if far_apart else alt.Scale(domain=[0, max(values) * 1.05], nice=True)
    axis = alt.Axis(values=_decades(values), labelFlush=False) if far_apart else alt.Axis(tickCount=5)
    base = chart_of(rows)
    y, colour = _labels(spans), _when_chosen(ACCENT, INK)
    p50 = alt.X("p50:Q", scale=scale, title="milliseconds per query", axis=axis)
    layers = [
        base.mark_rule(strokeWidth=2.5).encode(x=p50, x2="p95:Q", y=y, color=colour),
        base.mark_point(size=90, filled=True, opacity=1).encode(x=p50, y=y, color=colour),
        base.mark_point(size=80, filled=True, strokeWidth=2, opacity=1, fill=PAPER).encode(
            x=alt.X("p95:Q", scale=scale), y=y, stroke=_when_chosen(ACCENT, INK, channel="stroke")
        ),
        base.mark_text(align="left", dx=10).encode(x=alt.value(_WIDTH), y=y, text="text:N", color=colour),
    ]
    if limit_ms:
        limit = chart_of([{"x": limit_ms}])
        layers.append(limit.mark_rule(color=SOFT, strokeDash=[4, 3]).encode(x=alt.X("x:Q", scale=scale)))
    return _rows_svg(alt.layer(*layers), [row.label for row in spans])


def _estimate_row(estimate: Estimate, *, signed: bool) -> dict[str, object]:
    text = f"{estimate.value:+.1f}".replace("-", "−") if signed else f"{estimate.value:.1f}"
    row = _row(estimate.label, value=estimate.value, low=estimate.low, high=estimate.high)
    return row | {"chosen": estimate.chosen, "text": text}


def _row(label: str, **values: object) -> dict[str, object]:
    return {"label": label, **values}


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _fitting(part: float, *texts: str) -> str:
    """The first text that fits into this part of a bar, or none."""
    return next((text for text in texts if len(text) * CHARACTER < part * _BAR), "")


def _decades(values: Sequence[float]) -> list[float]:
    """Powers of ten around the values: the only grid lines that a logarithmic axis needs."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**exponent for exponent in range(first, last + 1)]


def _labels(rows: Sequence[Estimate] | Sequence[Shares] | Sequence[Span]) -> Any:
    axis = alt.Axis(title=None, domain=False, ticks=False, grid=False, labelPadding=10, labelLimit=150)
    return alt.Y("label:N", sort=[row.label for row in rows], axis=axis)


def _when_chosen(chosen: str, other: str, channel: str = "color") -> Any:
    return alt.condition("datum.chosen", alt.value(chosen), alt.value(other))


def _band(zone: tuple[float, float], scale: Any) -> Any:
    return (
        chart_of([{"from": zone[0], "to": zone[1]}])
        .mark_rect(color=ZONE)
        .encode(x=alt.X("from:Q", scale=scale), x2="to:Q")
    )


def _padded(bounds: Sequence[float], floor: float, ceiling: float) -> Any:
    """A scale around the data with a little room, inside what the measure can be."""
    low, high = min(bounds), max(bounds)
    room = max((high - low) * 0.08, 1.0)
    return alt.Scale(domain=[max(floor, low - room), min(ceiling, high + room)], nice=False, zero=False)


def _rows_svg(chart: Any, labels: Sequence[str], *, width: int = _WIDTH, right: int = 84) -> str:
    """A chart with one row for each label, which stands left of it."""
    left = max(_LEAST_LEFT, 16 + CHARACTER * max(len(label) for label in labels))
    return to_svg(chart, width=width, height=len(labels) * _ROW, left=left, right=right)
