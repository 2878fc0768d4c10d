"""Run systems over queries: the same queries for all, interleaved, every answer kept at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Protocol

from groundtune.errors import GateClosed, GroundtuneError, StorageError
from groundtune.experiment.baseline import constant_baseline
from groundtune.experiment.effects import Effects, estimate_effects
from groundtune.experiment.latency import TokenPrice, cost_per_query, measure_latency
from groundtune.experiment.plan import plan_experiment
from groundtune.experiment.results import ExperimentResult, QueryRow, SystemResult
from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.experiment.statistics import mean_interval, rate_interval
from groundtune.records import SYSTEM_IDS, Answer, Query
from groundtune.storage.ledger import Ledger, ScoreRecord

__all__ = ["AnswersQueries", "Measured", "analyse", "answer_all", "judge", "run_experiment"]

Progress = Callable[[int, int], None]
"""Called with (answers there are, answers there will be)."""


class AnswersQueries(Protocol):
    """Anything that answers queries: one of the four systems, or a counterfactual arm."""

    @property
    def id(self) -> str:
        """The name under which its answers are kept."""
        ...

    def answer(self, query: Query) -> Answer:
        """Answer one query."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of a system besides its answers."""

    seconds_to_build: Mapping[str, float | None] = field(default_factory=dict)
    prices: Mapping[str, TokenPrice] = field(default_factory=dict)


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
        progress: Called after each answer.

    Raises:
        GateClosed: when there is no test query.
        StorageError: when an answer cannot be recorded.
    """
    if not queries:
        raise GateClosed("There is no test query to compare systems on. Add labelled queries; 50 are a beginning.")
    answers = answer_all(systems, queries, ledger, run, progress=progress)
    rows = judge(answers, list(systems), queries, scorer, clusters=clusters)
    ledger.record_scores(run, _score_records(rows, scorer))
    return analyse(run, rows, scorer, seed=seed, measured=measured or Measured())


def answer_all(
    systems: Mapping[str, AnswersQueries],
    queries: Sequence[Query],
    ledger: Ledger,
    run: str,
    *,
    progress: Progress | None = None,
) -> dict[tuple[str, str], Answer]:
    """Have every system answer every query, by (system, query id), and record each answer as soon as it is there.

    Systems take turns, and the order in which they do so rotates from query to query, so that a slow minute of the
    machine or of an endpoint falls on all of them. Each system that has work to do answers once unrecorded, so that
    loading weights does not count as latency.
    """
    kept = {key: answer for key, answer in ledger.answers(run).items() if answer.error is None and key[0] in systems}
    wanted = [key for key in _interleaved(list(systems), queries) if (key[0], key[1].id) not in kept]
    for name in dict.fromkeys(name for name, _ in wanted):
        _answer(name, systems[name], queries[0])
    total = len(systems) * len(queries)
    for done, (name, query) in enumerate(wanted, start=total - len(wanted) + 1):
        answer = _answer(name, systems[name], query)
        ledger.record_answer(run, answer)
        kept[name, query.id] = answer
        if progress:
            progress(done, total)
    return kept


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


def _interleaved(systems: list[str], queries: Sequence[Query]) -> Iterator[tuple[str, Query]]:
    for turn, query in enumerate(queries):
        first = turn % len(systems)
        for name in systems[first:] + systems[:first]:
            yield name, query


def _answer(name: str, system: AnswersQueries, query: Query) -> Answer:
    """One answer, timed; a system that fails gives an answer with ``error``."""
    began = perf_counter()
    try:
        answer = system.answer(query)
    except StorageError:
        # Not the system's failure: without a disk to record on, going on would lose answers.
        raise
    except (GroundtuneError, OSError, RuntimeError, ValueError, ArithmeticError, LookupError) as error:
        answer = Answer(query=query.id, system=name, text="", error=f"{type(error).__name__}: {error}")
    elapsed = 1e3 * (perf_counter() - began)
    return replace(answer, query=query.id, system=name, milliseconds={"total": elapsed, **answer.milliseconds})


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
    usages = [answer.usage for answer in answers if answer.usage is not None]
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
        input_tokens=_mean([usage.input_tokens for usage in usages]),
        output_tokens=_mean([usage.output_tokens for usage in usages]),
        cost_per_query_usd=cost_per_query(answers, measured.prices.get(name)),
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
    if len(counted) < len(rows):
        left_out = len(rows) - len(counted)
        yield f"{left_out} of {len(rows)} queries could not be scored for every system and do not count."
