"""Altair charts as inline SVG in the colours of the page around them, rendered without a browser or a network.

Colours are CSS variables of the page, so one drawing serves light, dark and print. Importing Altair takes most of a
second: import this module late.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

__all__ = ["ACCENT", "CHARACTER", "INK", "LINE", "PAPER", "SOFT", "ZONE", "chart_of", "to_svg"]

INK, SOFT, LINE = "var(--ink)", "var(--soft)", "var(--line)"
ACCENT, ZONE, PAPER = "var(--accent)", "var(--zone)", "var(--paper)"

CHARACTER = 6.8
"""Pixels that a character of a label takes at most, roughly."""


def chart_of(rows: Sequence[Mapping[str, object]]) -> Any:
    """A chart over rows of plain values."""
    data: Any = alt.Data
    return alt.Chart(data(values=rows))


def to_svg(chart: Any, *, width: float, height: float, left: float, right: float) -> str:
    """Render with the page's colours; the element scales to the width that the page gives it.

    Args:
        chart: Of Altair.
        width: Of the plot, in pixels; margins come on top.
        height: Of the plot.
        left: Margin for labels.
        right: Margin for labels.
    """
    # Fixed margins: the page's font is not the one that text is measured with here.
    margins = {"left": left, "right": right, "top": 4, "bottom": 44}
    chart = chart.properties(width=width, height=height)
    chart = chart.configure(background="transparent", font="sans-serif", autosize="none", padding=margins)
    chart = chart.configure_view(stroke=None).configure_text(fontSize=12)
    chart = chart.configure_axis(
        labelColor=SOFT,
        titleColor=SOFT,
        gridColor=LINE,
        domainColor=LINE,
        tickColor=LINE,
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        titlePadding=8,
    ).configure_axisY(labelColor=INK)
    svg = vl_convert.vegalite_to_svg(chart.to_dict(validate=False))
    # The browser takes the size from the page; the view box keeps the proportions.
    return re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
