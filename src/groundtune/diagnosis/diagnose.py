"""Run the counterfactual arms on all test queries, and read the causes and the ladder from them.

The ladder is made of *all* queries with labelled evidence, failed or not: to look at failures alone would take
recoveries by chance for repairs (regression to the mean).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from groundtune.diagnosis.causes import Arms, Outcome, cause_of, has_failed
from groundtune.diagnosis.records import Diagnosis, Failure, Remedy, Step
from groundtune.errors import GateClosed
from groundtune.experiment.results import ExperimentResult, QueryRow
from groundtune.experiment.run import AnswersQueries, Progress, answer_all
from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.experiment.statistics import paired_difference
from groundtune.records import Answer, Query
from groundtune.storage.ledger import Ledger

__all__ = ["FAMILIES", "Family", "diagnose", "gold_id", "needs_gold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The two systems that share weights: one with retrieval, one without, which is its no-context arm."""

    retrieval: str
    no_context: str


FAMILIES: tuple[Family, ...] = (
    Family(retrieval="rag", no_context="prompt"),
    Family(retrieval="tuned_rag", no_context="tuned"),
)


def gold_id(system: str) -> str:
    """The name of the arm that is given the gold evidence in place of what the system retrieved."""
    return f"{system}+gold"


def needs_gold(queries: Sequence[Query]) -> list[Query]:
    """The queries that gold arms can be run on: those with labelled evidence that are not unanswerable."""
    return [query for query in queries if query.evidence and query.answerable is not False]


def diagnose(
    result: ExperimentResult,
    gold: Mapping[str, AnswersQueries],
    ledger: Ledger,
    *,
    scorer: Scorer,
    system: str | None = None,
    concurrency: int = 1,
    progress: Progress | None = None,
) -> Diagnosis:
    """Find the cause of every failure, and what better retrieval and better reading would return.

    Args:
        result: Of the experiment; its run must be in the ledger.
        gold: Arms by name (``rag+gold``, ``tuned_rag+gold``, see `gold_id`): the weights and prompt of the system with
            retrieval, given each query's gold evidence as passages.
        ledger: Keeps the arms' answers under the experiment's run.
        scorer: The one that decided the experiment.
        system: The system with retrieval to make the ladder of; by default the better one.
        concurrency: Most answers under way at the same time.
        progress: Called after each answer.

    Raises:
        GateClosed: when the experiment had no system with retrieval.
    """
    families = [family for family in FAMILIES if family.retrieval in result.systems]
    if not families:
        raise GateClosed("Nothing to diagnose: no system with retrieval was run. Run rag or tuned_rag first.")
    queries = needs_gold([row.query for row in result.rows])
    answers = (
        answer_all(gold, queries, ledger, result.run, concurrency=concurrency, progress=progress)
        if gold and queries
        else {}
    )
    judged = _judge(answers, queries, scorer)
    chosen = system or max(families, key=lambda family: result.systems[family.retrieval].score or 0.0).retrieval
    ladder = _ladder(result, judged, _family_of(chosen) or families[0], scorer)
    return Diagnosis(
        system=chosen,
        ladder=ladder,
        failures=tuple(_failures(result, judged, scorer)),
        remedies=_remedies(ladder),
        notes=tuple(_notes(result, queries)),
    )


def _judge(
    answers: Mapping[tuple[str, str], Answer], queries: Sequence[Query], scorer: Scorer
) -> dict[tuple[str, str], Outcome]:
    by_id = {query.id: query for query in queries}
    judged = {}
    for (arm, query_id), answer in answers.items():
        query = by_id.get(query_id)
        if query is not None:
            right = is_right(scorer, score_answer(scorer, answer, query), answer, query)
            judged[arm, query_id] = Outcome(answer=answer, right=right)
    return judged


def _failures(result: ExperimentResult, judged: Mapping[tuple[str, str], Outcome], scorer: Scorer) -> Iterator[Failure]:
    for row in result.rows:
        for system in result.systems:
            if has_failed(row, system):
                family = _family_of(system)
                arms = _arms(row, judged, family) if family else None
                retrieves = family is not None and system == family.retrieval
                yield cause_of(row, system, arms, scorer, retrieves=retrieves)


def _arms(row: QueryRow, judged: Mapping[tuple[str, str], Outcome], family: Family) -> Arms:
    without = None
    if family.no_context in row.answers:
        without = Outcome(answer=row.answers[family.no_context], right=row.right[family.no_context])
    return Arms(gold=judged.get((gold_id(family.retrieval), row.query.id)), no_context=without)


def _family_of(system: str) -> Family | None:
    """None for an arm outside of the 2x2."""
    return next((f for f in FAMILIES if system in (f.retrieval, f.no_context)), None)


def _ladder(
    result: ExperimentResult, judged: Mapping[tuple[str, str], Outcome], family: Family, scorer: Scorer
) -> tuple[Step, ...]:
    arm = gold_id(family.retrieval)
    rungs: list[tuple[float, float, float, str]] = []
    for row in result.counted:
        outcome = judged.get((arm, row.query.id))
        value = score_answer(scorer, outcome.answer, row.query).value if outcome else None
        if value is not None and family.no_context in row.scores:
            rungs.append((row.value(family.no_context), row.value(family.retrieval), value, row.cluster))
    clusters = [rung[3] for rung in rungs]
    steps = (
        ("retrieval as it is", family.no_context, family.retrieval, [rung[1] - rung[0] for rung in rungs]),
        ("better retrieval", family.retrieval, arm, [rung[2] - rung[1] for rung in rungs]),
        ("better reading", arm, None, [1 - rung[2] for rung in rungs]),
    )
    return tuple(
        Step(
            step=name, start=start, end=end, difference=paired_difference(gains, clusters, seed=result.seed, test=False)
        )
        for name, start, end, gains in steps
    )


def _remedies(ladder: Sequence[Step]) -> tuple[Remedy, ...]:
    found = [Remedy(remedy=step.step, step=step) for step in ladder[1:] if step.difference.mean is not None]
    return tuple(sorted(found, key=lambda remedy: -(remedy.step.difference.mean or 0.0)))


def _notes(result: ExperimentResult, queries: Sequence[Query]) -> Iterator[str]:
    yield "Each arm was run once: right for a model that answers the same prompt alike, a hint for one that samples."
    if not queries:
        yield "No test query has labelled evidence: nothing can be proven, and there is no ladder."
    elif len(queries) < len(result.rows):
        yield f"The ladder is of the {len(queries)} of {len(result.rows)} test queries that have labelled evidence."
