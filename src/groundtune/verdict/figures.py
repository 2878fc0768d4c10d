"""Which numbers of a report its charts draw."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from groundtune.verdict.report import Effect, Interval, Report, outcome_shares

__all__ = ["SCORER_WORDS", "effects_svg", "latency_svg", "scorer_words", "shares_svg", "systems_svg"]

SCORER_WORDS = {
    "token_f1": "token F1",
    "exact_match": "exact match",
    "label_match": "accuracy",
    "json_match": "F1 over slots",
}
"""What a person calls the scorers."""


def scorer_words(name: str) -> str:
    """The scorer in words; the version behind its name stands among the facts."""
    bare = name.partition("/")[0]
    return SCORER_WORDS.get(bare, bare.replace("_", " "))


def systems_svg(report: Report) -> Markup:
    """The scores with intervals; the band holds what counts as equal to the best."""
    from groundtune.verdict.charts import Estimate, interval_chart

    rows = [
        Estimate(
            label=measure.id,
            value=measure.score * 100,
            low=_scaled(measure.interval, 0),
            high=_scaled(measure.interval, 1),
            chosen=measure.id == report.recommendation.system,
        )
        for measure in report.systems
        if measure.score is not None
    ]
    if not rows:
        return Markup()
    best = max(row.value for row in rows)
    zone = (best - report.minimum_gain * 100, best)
    return Markup(interval_chart(rows, axis=f"{scorer_words(report.scorer)}, 0 to 100", zone=zone))


def effects_svg(effects: Sequence[Effect], minimum_gain: float) -> Markup:
    """Differences with intervals around zero; the band holds what counts as no difference."""
    from groundtune.verdict.charts import Estimate, interval_chart

    rows = [
        Estimate(
            label=effect.name,
            value=effect.points * 100,
            low=_scaled(effect.interval, 0),
            high=_scaled(effect.interval, 1),
        )
        for effect in effects
        if effect.points is not None
    ]
    if not rows:
        return Markup()
    zone = (-minimum_gain * 100, minimum_gain * 100)
    return Markup(interval_chart(rows, axis="points of score", zone=zone, zero=True))


def shares_svg(report: Report) -> Markup:
    """How the answers of each system divide."""
    from groundtune.verdict.charts import Shares, shares_chart

    shares = {measure.id: outcome_shares(report, measure.id) for measure in report.systems}
    rows = [Shares(label=system, parts=parts) for system, parts in shares.items() if parts]
    return Markup(shares_chart(rows)) if rows else Markup()


def latency_svg(report: Report) -> Markup:
    """Median and 95th percentile of each system."""
    from groundtune.verdict.charts import Span, latency_chart

    rows = [
        Span(
            label=measure.id,
            p50=measure.latency_ms["p50"],
            p95=measure.latency_ms["p95"],
            chosen=measure.id == report.recommendation.system,
        )
        for measure in report.systems
        if {"p50", "p95"} <= measure.latency_ms.keys()
    ]
    return Markup(latency_chart(rows, limit_ms=report.latency_limit_ms)) if rows else Markup()


def _scaled(interval: Interval | None, end: int) -> float | None:
    return None if interval is None else interval[end] * 100
