"""A whole comparison: every system answers every query, the answers are judged, and what they show is worked out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from groundtune.errors import GateClosed
from groundtune.experiment.asking import AnswersQueries, Progress, answer_all
from groundtune.experiment.baseline import constant_baseline
from groundtune.experiment.cost import cost_per_query, mean_tokens
from groundtune.experiment.effects import Effects, estimate_effects
from groundtune.experiment.latency import measure_latency
from groundtune.experiment.plan import plan_experiment
from groundtune.experiment.results import ExperimentResult, QueryRow, SystemResult
from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.experiment.statistics import mean_interval, rate_interval
from groundtune.models.prices import NoPrice, Price
from groundtune.records import SYSTEM_IDS, Answer, Query
from groundtune.storage.ledger import Ledger, ScoreRecord

__all__ = ["AnswersQueries", "Measured", "Progress", "analyse", "answer_all", "judge", "run_experiment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of systems besides their answers, each by system.

    Attributes:
        seconds_to_build: As in `SystemResult`.
        prices: What a token costs, or why nobody knows; a missing one is a model that nobody asked about.
    """

    seconds_to_build: Mapping[str, float | None] = field(default_factory=dict)
    prices: Mapping[str, Price | NoPrice] = field(default_factory=dict)


def run_experiment(
    systems: Mapping[str, AnswersQueries],
    queries: Sequence[Query],
    ledger: Ledger,
    run: str,
    *,
    scorer: Scorer,
    clusters: Mapping[str, str],
    seed: int,
    measured: Measured | None = None,
    concurrency: int = 1,
    progress: Progress | None = None,
) -> ExperimentResult:
    """Compare systems on the same queries.

    Answers that the ledger has already are not asked for again (failed ones are), so an interrupted run goes on where
    it stopped when it is started again with the same run id.

    Args:
        systems: By id, simplest first.
        queries: The test queries.
        ledger: Where the run was started with `Ledger.start_run`.
        run: Its id.
        scorer: What decides.
        clusters: Query id -> cluster id, as of `split_queries`.
        seed: Of every resampling.
        measured: Build times and prices.
        concurrency: Most answers under way at the same time.
        progress: Called after each answer.

    Raises:
        GateClosed: when there is no test query.
        BudgetSpent: when a budget does not allow a further call; says what is missing.
        StorageError: when an answer cannot be recorded.
    """
    if not queries:
        raise GateClosed("There is no test query to compare systems on. Add labelled queries; 50 are a beginning.")
    answers = answer_all(systems, queries, ledger, run, concurrency=concurrency, progress=progress)
    rows = judge(answers, list(systems), queries, scorer, clusters=clusters)
    ledger.record_scores(run, _score_records(rows, scorer))
    return analyse(run, rows, scorer, seed=seed, measured=measured or Measured())


def judge(
    answers: Mapping[tuple[str, str], Answer],
    systems: Sequence[str],
    queries: Sequence[Query],
    scorer: Scorer,
    *,
    clusters: Mapping[str, str],
) -> tuple[QueryRow, ...]:
    """Score every answer; one row for each query, in order."""
    rows = []
    for query in queries:
        given = {name: answers[name, query.id] for name in systems}
        scores = {name: score_answer(scorer, answer, query) for name, answer in given.items()}
        right = {name: is_right(scorer, scores[name], answer, query) for name, answer in given.items()}
        rows.append(QueryRow(query=query, cluster=clusters[query.id], answers=given, scores=scores, right=right))
    return tuple(rows)


def analyse(run: str, rows: tuple[QueryRow, ...], scorer: Scorer, *, seed: int, measured: Measured) -> ExperimentResult:
    """Make the result of judged answers; the same rows and seed give the same result."""
    systems = list(rows[0].answers) if rows else []
    counted = [row for row in rows if row.counts]
    return ExperimentResult(
        run=run,
        scorer=f"{scorer.name}/{scorer.version}",
        systems={name: _system(name, rows, counted, measured, seed=seed) for name in systems},
        effects=_effects(counted, seed=seed) if counted and set(SYSTEM_IDS) <= set(systems) else None,
        rows=rows,
        plan=plan_experiment([row.cluster for row in counted]),
        baseline=constant_baseline([row.query for row in counted], scorer),
        seed=seed,
        notes=tuple(_notes(rows, counted, systems)),
    )


def _score_records(rows: Sequence[QueryRow], scorer: Scorer) -> Iterator[ScoreRecord]:
    for row in rows:
        for name, score in row.scores.items():
            right = row.right[name]
            yield ScoreRecord(
                system=name,
                query=row.query.id,
                scorer=scorer.name,
                version=scorer.version,
                value=score.value,
                note=score.note,
            )
            yield ScoreRecord(
                system=name,
                query=row.query.id,
                scorer=f"{scorer.name}.right",
                version=scorer.version,
                value=None if right is None else float(right),
            )


def _system(
    name: str, rows: Sequence[QueryRow], counted: Sequence[QueryRow], measured: Measured, *, seed: int
) -> SystemResult:
    clusters = [row.cluster for row in counted]
    scores = [row.value(name) for row in counted]
    wrong = [row.is_wrong(name) for row in counted]
    answers = [row.answers[name] for row in rows]
    abstained = [row.answers[name].abstained for row in counted]
    tokens, price = mean_tokens(answers), measured.prices.get(name)
    return SystemResult(
        id=name,
        n=len(counted),
        score=_mean(scores),
        interval=mean_interval(scores, clusters),
        wrong_rate=_mean(wrong),
        wrong_interval=rate_interval(wrong, clusters),
        abstain_rate=_mean(abstained),
        failed=sum(answer.error is not None for answer in answers),
        uncited=sum(answer.error is None and not answer.abstained and not answer.citations for answer in answers),
        latency=measure_latency(answers, [row.cluster for row in rows], seed=seed),
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached_tokens=tokens.cached,
        reasoning_tokens=tokens.reasoning,
        cost_per_query_usd=cost_per_query(answers, price),
        price=price,
        seconds_to_build=measured.seconds_to_build.get(name),
    )


def _effects(counted: Sequence[QueryRow], *, seed: int) -> Effects:
    scores = {system: [row.value(system) for row in counted] for system in SYSTEM_IDS}
    return estimate_effects(scores, [row.cluster for row in counted], seed=seed)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _notes(rows: Sequence[QueryRow], counted: Sequence[QueryRow], systems: Sequence[str]) -> Iterator[str]:
    for name in systems:
        failed = sum(row.answers[name].error is not None for row in rows)
        if failed:
            first = next(row.answers[name].error for row in rows if row.answers[name].error is not None)
            yield f"{name} failed on {failed} of {len(rows)} queries, the first time with: {first}"
    again = {name: sum(row.answers[name].from_cache for row in rows) for name in systems}
    if any(count > 1 for count in again.values()):  # one is the first query's, asked beforehand to warm up
        counts = ", ".join(f"{name} {count}" for name, count in again.items())
        yield f"Of {len(rows)} answers each, these came from the cache, and their times do not count: {counts}."
    if len(counted) < len(rows):
        left_out = len(rows) - len(counted)
        yield f"{left_out} of {len(rows)} queries could not be scored for every system and do not count."
