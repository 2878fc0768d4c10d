"""What abstaining buys each system, as it stood on dev when the thresholds were chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from groundtune.experiment.calibrate import Calibration
from groundtune.experiment.risk_coverage import CoveragePoint, curve_table
from groundtune.verdict.report import Report

__all__ = ["at_threshold", "coverage_svg"]

_WIDTH, _HEIGHT = 320, 210
_LABEL_GAP = 0.08
_FEWEST = 3
"""Points below which a curve is no curve: the numbers in the table say all."""


def at_threshold(found: Calibration) -> CoveragePoint | None:
    """Where the system stands on its curve; None where it abstains from everything."""
    kept = [point for point in found.curve.points if point.threshold >= found.answer_from]
    return kept[-1] if kept else None


def coverage_svg(report: Report) -> Markup:
    """Share of wrong answers over share of queries answered; a dot where each system stands. Empty without a curve."""
    drawn = {name: found for name, found in report.abstention.items() if len(found.curve.points) >= _FEWEST}
    return Markup(_chart(drawn, report.recommendation.system)) if drawn else Markup()


def _chart(drawn: Mapping[str, Calibration], chosen: str | None) -> str:
    import altair as alt

    from groundtune.drawing import ACCENT, CHARACTER, INK, chart_of, to_svg

    x = alt.X("coverage:Q", title="queries answered", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    y = alt.Y("risk:Q", title="answers that are wrong", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    colour = alt.condition(alt.datum.system == (chosen or ""), alt.value(ACCENT), alt.value(INK))
    curves = chart_of(curve_table({name: found.curve for name, found in drawn.items()}))
    lines = curves.mark_line(interpolate="step-before", strokeWidth=1.5, opacity=0.7).encode(
        x=x, y=y, detail="system:N", color=colour, order="coverage:Q"
    )
    stands = [_row(name, point) for name, found in drawn.items() if (point := at_threshold(found)) is not None]
    dots = chart_of(stands).mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour)
    labels = chart_of(_labels(drawn)).mark_text(align="left", dx=6).encode(x=x, y=y, text="system:N", color=colour)
    right = 14 + CHARACTER * max(map(len, drawn))
    return to_svg(lines + dots + labels, width=_WIDTH, height=_HEIGHT, left=60, right=right)


def _row(name: str, point: CoveragePoint) -> dict[str, Any]:
    return {"system": name, "coverage": point.coverage, "risk": point.risk}


def _labels(drawn: Mapping[str, Calibration]) -> Sequence[dict[str, Any]]:
    """Names at the ends of the curves, moved apart where these lie together."""
    ends = [_row(name, found.curve.points[-1]) for name, found in drawn.items()]
    ends.sort(key=lambda row: row["risk"])
    low = 0.0
    for row in ends:
        row["risk"] = low = max(row["risk"], low)
        low += _LABEL_GAP
    over = max(0.0, ends[-1]["risk"] - 1.0)
    return [{**row, "risk": row["risk"] - over} for row in ends]
