"""From results to what a report shows: nothing is computed here, only named and arranged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from groundtune.advice.scoring import ForecastScore
from groundtune.economics.forecast import CostForecast
from groundtune.economics.measured import cost_per_right_answer
from groundtune.experiment.latency import Latency
from groundtune.experiment.load import LoadResult
from groundtune.experiment.results import ExperimentResult, SystemResult
from groundtune.experiment.results import QueryRow as MeasuredRow
from groundtune.experiment.statistics import Difference
from groundtune.models.prices import NoPrice, Price
from groundtune.verdict.records import Verdict
from groundtune.verdict.report import (
    Causes,
    Cell,
    Effect,
    Facts,
    Outcome,
    QueryRow,
    Recommendation,
    Report,
    SystemMeasure,
    TokenMeans,
    TunedModel,
)
from groundtune.verdict.report import Remedy as ReportRemedy

if TYPE_CHECKING:
    from groundtune.diagnosis.records import Diagnosis

__all__ = ["Background", "brief"]

_EFFECT_NOTES = {
    "retrieval": "what retrieval brings, averaged over base and tuned weights",
    "tuning": "what tuning brings, averaged over with and without retrieval",
    "interaction": "how much more retrieval brings with tuned weights than with base weights",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a report shows besides the results.

    Attributes:
        created: When the run ended, as it shall be printed.
        facts: Settings, data hashes, versions.
        tuned: As in `Report`, like those that follow.
        bills: US dollars a month, by system.
    """

    project: str
    created: str
    retrieval: Literal["documents", "demonstrations"]
    minimum_gain: float
    latency_limit_ms: float | None
    warnings: tuple[str, ...]
    facts: tuple[Facts, ...]
    tuned: TunedModel | None = None
    concurrency: int | None = None
    costs: CostForecast | None = None
    bills: Mapping[str, float | None] = field(default_factory=dict)
    forecast: ForecastScore | None = None
    load: Mapping[str, LoadResult] = field(default_factory=dict)
    busy_hours: Mapping[str, float | None] = field(default_factory=dict)


def brief(result: ExperimentResult, verdict: Verdict, diagnosis: Diagnosis | None, background: Background) -> Report:
    """Arrange a measured comparison for its report."""
    causes = {(row.id, row.system): (row.cause, row.proven) for row in diagnosis.failures} if diagnosis else {}
    return Report(
        project=background.project,
        run=result.run,
        created=background.created,
        scorer=result.scorer,
        retrieval=background.retrieval,
        minimum_gain=background.minimum_gain,
        recommendation=_recommendation(verdict),
        systems=tuple(_measure(system, result, verdict, background) for system in result.systems.values()),
        effects=_effects(result),
        tuned=background.tuned,
        queries=tuple(_row(row, causes) for row in result.rows),
        diagnosis=_diagnosis(diagnosis) if diagnosis else (),
        diagnosis_notes=diagnosis.notes if diagnosis else (),
        latency_limit_ms=background.latency_limit_ms,
        concurrency=background.concurrency,
        costs=background.costs,
        abstention=result.calibrations,
        forecast=background.forecast,
        load=background.load,
        warnings=(result.plan.sentence, *result.plan.warnings, *result.notes, *background.warnings),
        facts=(*_answered_by(result), *background.facts),
    )


def _recommendation(verdict: Verdict) -> Recommendation:
    return Recommendation(
        kind=verdict.kind,
        system=verdict.system,
        sentence=verdict.sentence,
        because=verdict.because,
        runner_up=verdict.runner_up,
        queries_needed=verdict.queries_needed,
        flips_if=verdict.flips_if,
    )


def _measure(system: SystemResult, result: ExperimentResult, verdict: Verdict, background: Background) -> SystemMeasure:
    return SystemMeasure(
        id=system.id,
        n=system.n,
        score=system.score,
        interval=system.interval,
        wrong_rate=system.wrong_rate,
        abstain_rate=system.abstain_rate,
        latency_ms=_times(system.latency),
        timed=system.latency.n if system.latency else None,
        from_cache=sum(row.answers[system.id].from_cache for row in result.rows),
        tokens=TokenMeans(
            read=system.input_tokens,
            cached=system.cached_tokens,
            written=system.output_tokens,
            reasoning=system.reasoning_tokens,
        ),
        price=_price(system.price),
        seconds_to_build=system.seconds_to_build,
        cost_per_query_usd=system.cost_per_query_usd,
        infeasible=verdict.infeasible.get(system.id, ()),
        bill_per_month_usd=background.bills.get(system.id),
        busy_p95_ms=background.busy_hours.get(system.id),
        cost_per_right_answer_usd=cost_per_right_answer(result, system.id),
    )


def _times(latency: Latency | None) -> dict[str, float]:
    if latency is None:
        return {}
    first = {} if latency.first_token_p50 is None else {"first_token": latency.first_token_p50}
    return {"p50": latency.p50, "p95": latency.p95, **first}


def _price(price: Price | NoPrice | None) -> str | None:
    """The price in a sentence: the usual rates, where they are from, and of which day."""
    if price is None:
        return None
    if isinstance(price, NoPrice):
        return f"No price: {price.reason}"
    read, cached, written = (
        f"${rate * 1_000_000:,.2f}" for rate in (price.rates.input, price.rates.cached_input, price.rates.output)
    )
    from_cache = "" if cached == read else f" ({cached} from the server's cache)"
    longer = ", more for long input" if price.long else ""
    return (
        f"A million tokens read cost {read}{from_cache}, written {written}{longer}. "
        f"From {price.source}, as of {price.date.isoformat()}."
    )


def _answered_by(result: ExperimentResult) -> tuple[Facts, ...]:
    """Model and template of every system, as its answers tell them."""
    rows = []
    for name in result.systems:
        answers = [row.answers[name] for row in result.rows]
        models = dict.fromkeys(answer.model for answer in answers if answer.model)
        templates = dict.fromkeys(answer.template for answer in answers if answer.template)
        if models:
            template = f"; template {', '.join(templates)}" if templates else ""
            rows.append((name, f"{', '.join(models)}{template}"))
    return (Facts(title="Models that answered", rows=tuple(rows)),) if rows else ()


def _effects(result: ExperimentResult) -> tuple[Effect, ...]:
    effects = result.effects
    if effects is None:
        return ()
    found = {"retrieval": effects.retrieval, "tuning": effects.tuning, "interaction": effects.interaction}
    return tuple(_effect(name, difference, _EFFECT_NOTES[name]) for name, difference in found.items())


def _effect(name: str, difference: Difference, note: str) -> Effect:
    shown = f"{note}; {difference.note}" if difference.note else note
    return Effect(name=name, points=difference.mean, interval=difference.interval, note=shown)


def _row(row: MeasuredRow, causes: Mapping[tuple[str, str], tuple[str, bool]]) -> QueryRow:
    cells = {}
    for system, answer in row.answers.items():
        cause, proven = causes.get((row.query.id, system), (None, None))
        cells[system] = Cell(
            answer=answer, outcome=_outcome(row, system), score=row.scores[system].value, cause=cause, proven=proven
        )
    return QueryRow(query=row.query, cells=cells)


def _outcome(row: MeasuredRow, system: str) -> Outcome:
    answer, right = row.answers[system], row.right[system]
    if answer.error is not None:
        return "failed"
    if right is None:
        return "unscored"
    if right:
        return "right"
    return "abstained" if answer.abstained else "wrong"


def _diagnosis(diagnosis: Diagnosis) -> tuple[Causes, ...]:
    systems = dict.fromkeys([diagnosis.system, *(failure.system for failure in diagnosis.failures)])
    return tuple(
        Causes(
            system=system,
            counts={str(cause): count for cause, count in diagnosis.causes(system).items()},
            ladder=_ladder(diagnosis) if system == diagnosis.system else (),
            remedies=_remedies(diagnosis) if system == diagnosis.system else (),
        )
        for system in systems
    )


def _ladder(diagnosis: Diagnosis) -> tuple[Effect, ...]:
    return tuple(
        _effect(step.step, step.difference, f"from {step.start} to {step.end or 'a perfect score'}")
        for step in diagnosis.ladder
    )


def _remedies(diagnosis: Diagnosis) -> tuple[ReportRemedy, ...]:
    return tuple(
        ReportRemedy(
            remedy=remedy.remedy,
            points=remedy.step.difference.mean,
            cost="not known" if remedy.cost is None else f"${remedy.cost:,.2f}",
        )
        for remedy in diagnosis.remedies
    )
