"""From what a run found to what its report shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from groundtune.experiment.effects import CONTRASTS, Effects
from groundtune.experiment.results import ExperimentResult, SystemResult
from groundtune.experiment.results import QueryRow as ScoredRow
from groundtune.records import Answer
from groundtune.verdict.records import Verdict
from groundtune.verdict.report import Cell, Effect, Facts, Outcome, QueryRow, Recommendation, Report, SystemMeasure

__all__ = ["SCORER_WORDS", "facts_of", "report_of"]

SCORER_WORDS = {
    "token_f1": "token F1",
    "exact_match": "exact match",
    "label_match": "accuracy",
    "json_match": "F1 over slots",
}
"""What a person calls the scorers."""


def report_of(
    result: ExperimentResult,
    verdict: Verdict,
    *,
    project: str,
    created: str,
    retrieval: Literal["documents", "demonstrations"],
    minimum_gain: float,
    latency_limit_ms: float | None = None,
    notes: Sequence[str] = (),
    facts: Sequence[Facts] = (),
) -> Report:
    """Bring together everything that one project's report shows.

    Args:
        result: The comparison.
        verdict: What follows from it.
        project: Name of the project.
        created: When the run ended, as it shall be printed.
        retrieval: What retrieval drew on.
        minimum_gain: Below this share of the score two systems count as equal.
        latency_limit_ms: The project's limit for the 95th percentile.
        notes: What the reader must know besides what ``result`` says.
        facts: Settings, hashes, versions; see `facts_of`.
    """
    warnings = (*result.plan.warnings, *result.notes, *notes)
    return Report(
        project=project,
        run=result.run,
        created=created,
        scorer=_scorer(result.scorer),
        retrieval=retrieval,
        minimum_gain=minimum_gain,
        recommendation=_recommendation(verdict, warnings),
        systems=tuple(_measure(system, verdict.infeasible) for system in result.systems.values()),
        effects=tuple(_effects(result.effects)) if result.effects else (),
        queries=tuple(_row(row) for row in result.rows),
        latency_limit_ms=latency_limit_ms,
        warnings=(result.plan.sentence, *dict.fromkeys(warnings)),
        facts=tuple(facts),
    )


def facts_of(record: Mapping[str, Any], *, title: str = "Run") -> tuple[Facts, ...]:
    """The stored record of a run as tables: its plain values first, then one table for each section.

    Args:
        record: JSON-ready values; sections are mappings, and what they nest is named ``outer.inner``.
        title: Title of the table of plain values.
    """
    plain = tuple((name, _shown(value)) for name, value in record.items() if not isinstance(value, Mapping))
    sections = [
        Facts(title=name.capitalize(), rows=tuple(_flat(value)))
        for name, value in record.items()
        if isinstance(value, Mapping) and value
    ]
    return (*((Facts(title=title, rows=plain),) if plain else ()), *sections)


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _shown(value)


def _shown(value: object) -> str:
    if value is None or value in ("", [], ()):
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scorer(name: str) -> str:
    """``token_f1/1`` as words."""
    bare = name.partition("/")[0]
    return SCORER_WORDS.get(bare, bare.replace("_", " "))


def _recommendation(verdict: Verdict, warnings: Sequence[str]) -> Recommendation:
    return Recommendation(
        kind=verdict.kind,
        system=verdict.system,
        sentence=verdict.sentence,
        # Warnings have their own place in the report.
        because=tuple(reason for reason in verdict.because if reason not in warnings),
        runner_up=verdict.runner_up,
        queries_needed=verdict.queries_needed,
        flips_if=verdict.flips_if,
    )


def _measure(system: SystemResult, infeasible: Mapping[str, tuple[str, ...]]) -> SystemMeasure:
    latency = system.latency
    return SystemMeasure(
        id=system.id,
        n=system.n,
        score=system.score,
        interval=system.interval,
        wrong_rate=system.wrong_rate,
        abstain_rate=system.abstain_rate,
        latency_ms={"p50": latency.p50, "p95": latency.p95} if latency else {},
        seconds_to_build=system.seconds_to_build,
        cost_per_query_usd=system.cost_per_query_usd,
        infeasible=infeasible.get(system.id, ()),
    )


def _effects(effects: Effects) -> Iterator[Effect]:
    for name in CONTRASTS:
        found = getattr(effects, name)
        yield Effect(name=name, points=found.mean, interval=found.interval, note=found.note or "")


def _row(row: ScoredRow) -> QueryRow:
    return QueryRow(
        query=row.query,
        cells={
            system: Cell(
                answer=answer, outcome=outcome_of(answer, row.right.get(system)), score=row.scores[system].value
            )
            for system, answer in row.answers.items()
        },
    )


def outcome_of(answer: Answer, right: bool | None) -> Outcome:
    """How an answer came out; ``right`` is None where it could not be scored."""
    if answer.error is not None:
        return "failed"
    if right is None:
        return "unscored"
    if right:
        return "right"
    return "abstained" if answer.abstained else "wrong"
