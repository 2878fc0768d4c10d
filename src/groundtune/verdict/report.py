"""What a report shows: one run of the four systems and others beside them, what it means, and every answer.

Shares, scores and intervals are in [0, 1] and are printed as 0 to 100; effects are differences of scores. Times are
milliseconds. None is "not measured", and is printed as a dash with that meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from groundtune.advice.scoring import ForecastScore
from groundtune.economics.forecast import CostForecast
from groundtune.experiment.calibrate import Calibration
from groundtune.experiment.load import LoadResult
from groundtune.records import Answer, Query

Outcome = Literal["right", "wrong", "abstained", "failed", "unscored"]
"""How one answer came out. An abstention on a query that is unanswerable is right; ``abstained`` is any other."""

OUTCOMES: tuple[Outcome, ...] = ("right", "abstained", "wrong", "failed", "unscored")

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The verdict in words.

    Attributes:
        kind: choose, equivalent, leaning, inconclusive or none_feasible.
        system: The recommended system, None where there is none.
        sentence: The verdict in one plain sentence.
        because: The reasons, most important first.
        queries_needed: How many queries would settle it, None when it is settled or no number would.
        flips_if: What would change the verdict.
    """

    kind: str
    system: str | None
    sentence: str
    because: tuple[str, ...] = ()
    runner_up: str | None = None
    queries_needed: int | None = None
    flips_if: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMeans:
    """Mean tokens of an answer: ``cached`` is a part of ``read``, ``reasoning`` one of ``written``."""

    read: float | None = None
    cached: float | None = None
    written: float | None = None
    reasoning: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemMeasure:
    """One system, of the 2x2 or beside it, as it was measured on the test queries.

    Attributes:
        score: Mean of the primary scorer.
        latency_ms: ``p50`` and ``p95``, and ``first_token`` (a median) where answers came in pieces.
        timed: Answers whose time counts; None where nobody counted.
        from_cache: Answers whose time does not count, because the model had given them before.
        price: What a token costs, with its source and date, or why that is not known; None where nobody asked.
        infeasible: The constraints that it breaks, in plain words.
        bill_per_month_usd: What running it is billed at the expected volume; None where that is not known or not set.
        cost_per_right_answer_usd: What answers cost, shared among the right ones.
        busy_p95_ms: An estimate of the 95th percentile in the busiest hour; infinite where more queries come than can
            be answered; None where the volume is not set.
    """

    id: str
    n: int
    score: float | None
    interval: Interval | None
    wrong_rate: float | None
    abstain_rate: float | None
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    seconds_to_build: float | None = None
    cost_per_query_usd: float | None = None
    timed: int | None = None
    from_cache: int = 0
    tokens: TokenMeans = field(default_factory=TokenMeans)
    price: str | None = None
    infeasible: tuple[str, ...] = ()
    bill_per_month_usd: float | None = None
    cost_per_right_answer_usd: float | None = None
    busy_p95_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A difference of scores with its interval: what one technique, or one step of the ladder, is worth."""

    name: str
    points: float | None
    interval: Interval | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One system's answer to one query, judged."""

    answer: Answer
    outcome: Outcome
    score: float | None = None
    cause: str | None = None
    proven: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRow:
    """One query with the answers of all systems, by system id."""

    query: Query
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Something that could be done about failures, and the points that it would return."""

    remedy: str
    points: float | None
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """Why the failures of one system happened: cause to count, and the ladder of what better parts would return."""

    system: str
    counts: Mapping[str, int] = field(default_factory=dict)
    ladder: tuple[Effect, ...] = ()
    remedies: tuple[Remedy, ...] = ()


GateStatus = Literal["passed", "failed", "not shown"]
"""``not shown``: the measurement can show neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one gate after training found; ``note`` is the measurement in a sentence."""

    name: str
    status: GateStatus
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """The tuned model of the run.

    Attributes:
        base: What it was tuned from, as a person would name it.
        examples: How many it was tuned on.
        cost_usd: What the training cost.
        gates: What was found after training; empty where nobody looked.
    """

    id: str
    base: str
    examples: int
    cost_usd: float | None = None
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A titled table of names and values: settings, data hashes, versions, checkpoints."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one project's report shows.

    Attributes:
        project: Its name.
        run: Id of the run.
        created: When the run ended, as it shall be printed.
        scorer: The primary scorer, as ``name/version``.
        retrieval: What retrieval drew on: ``documents`` or ``demonstrations`` (training examples).
        minimum_gain: Below this two systems count as equal.
        systems: Of the 2x2 those that were measured, simplest first, then the others.
        effects: Empty unless all four were measured.
        tuned: The project's own tuned model; None where there is none, or its weights came from elsewhere.
        diagnosis: The system with the ladder first.
        diagnosis_notes: What limits the diagnosis.
        latency_limit_ms: The project's limit for the 95th percentile.
        concurrency: Questions under way at the same time while answers were timed; None where nobody kept it.
        costs: The cost model with what was measured; None where nobody asked for it.
        abstention: How sure each system must be to answer, by its id; without those that always do.
        forecast: How the forecast made before the measurement fared; None where there was none.
        load: What a load run found, by system; empty where there was none.
        warnings: What limits the evidence: few queries, few clusters, the smallest difference that could be seen.
    """

    project: str
    run: str
    created: str
    scorer: str
    retrieval: Literal["documents", "demonstrations"]
    minimum_gain: float
    recommendation: Recommendation
    systems: tuple[SystemMeasure, ...]
    effects: tuple[Effect, ...] = ()
    tuned: TunedModel | None = None
    queries: tuple[QueryRow, ...] = ()
    diagnosis: tuple[Causes, ...] = ()
    diagnosis_notes: tuple[str, ...] = ()
    latency_limit_ms: float | None = None
    concurrency: int | None = None
    costs: CostForecast | None = None
    abstention: Mapping[str, Calibration] = field(default_factory=dict)
    forecast: ForecastScore | None = None
    load: Mapping[str, LoadResult] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    facts: tuple[Facts, ...] = ()


def outcome_shares(report: Report, system: str) -> dict[Outcome, float]:
    """How the answers of one system divide, in the order of `OUTCOMES`; empty when it answered nothing."""
    cells = [row.cells[system] for row in report.queries if system in row.cells]
    if not cells:
        return {}
    return {outcome: sum(cell.outcome == outcome for cell in cells) / len(cells) for outcome in OUTCOMES}


def utility(report: Report, system: str, cost_of_wrong: float = 1.0) -> float | None:
    """Mean of 1 for a right answer, 0 for an abstention or a failure and ``-cost_of_wrong`` for a wrong answer.

    None when no answer of the system was scored; unscored answers are left out.
    """
    shares = outcome_shares(report, system)
    scored = 1.0 - shares.get("unscored", 1.0)
    if scored <= 0:
        return None
    return (shares["right"] - cost_of_wrong * shares["wrong"]) / scored
