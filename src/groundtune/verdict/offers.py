"""Systems as choices between quality and cost, and which of them nothing else beats on both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from groundtune.verdict.report import Report, SystemMeasure

if TYPE_CHECKING:
    from groundtune.economics.charts import Offer

__all__ = ["offers_of", "offers_svg"]


def offers_of(report: Report) -> list[Offer]:
    """The systems whose score and cost of an answer are both known."""
    from groundtune.economics.charts import Offer

    known = [
        (measure.id, 1000 * dollars, 100 * measure.score)
        for measure in report.systems
        if (dollars := _dollars(report, measure)) is not None and measure.score is not None
    ]
    points = [(dollars, quality) for _, dollars, quality in known]
    return [
        Offer(
            system=system,
            dollars=dollars,
            quality=quality,
            best=not _beaten((dollars, quality), points),
            chosen=system == report.recommendation.system,
        )
        for system, dollars, quality in known
    ]


def offers_svg(report: Report) -> Markup:
    """Quality against cost; empty where fewer than two systems can be compared."""
    from groundtune.economics.charts import offers_chart

    offers = offers_of(report)
    return Markup(offers_chart(offers, up="score, 0 to 100")) if len(offers) > 1 else Markup()


def _dollars(report: Report, measure: SystemMeasure) -> float | None:
    """What a query costs: the price of its tokens, else what the cost model has, for example a machine's time."""
    if measure.cost_per_query_usd is None and report.costs is not None and measure.id in report.costs.systems:
        return report.costs.systems[measure.id].per_query[1]
    return measure.cost_per_query_usd


def _beaten(point: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Whether another point is at least as cheap and as good, and better in one of the two."""
    return any(o[0] <= point[0] and o[1] >= point[1] and o != point for o in others)
