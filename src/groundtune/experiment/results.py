"""What an experiment found: each system, the effects, and every query that they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from groundtune.experiment.baseline import Baseline
from groundtune.experiment.calibrate import Calibration
from groundtune.experiment.effects import Effects
from groundtune.experiment.latency import Latency
from groundtune.experiment.plan import Plan
from groundtune.experiment.scorers import Score
from groundtune.experiment.statistics import Interval
from groundtune.experiment.statistics.clusters import Floats
from groundtune.models.prices import NoPrice, Price
from groundtune.records import Answer, Query

__all__ = ["ExperimentResult", "QueryRow", "SystemResult"]

UNTIMED = {"latency_ms": None, "timed": None, "first_token_ms": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemResult:
    """One system on the queries that count.

    Attributes:
        n: Queries that count: those that every system answered and that could be scored.
        score: Mean of the primary scorer, in [0, 1].
        wrong_rate: Share of queries answered, and not right; an abstention is not wrong.
        abstain_rate: Share of queries on which it said that it does not know.
        failed: Queries on which it gave neither an answer nor an abstention, of all test queries.
        uncited: Answers (no abstentions) without a citation.
        input_tokens: Mean per query, as in `groundtune.experiment.cost.Tokens`; None where they were not counted.
        price: What a token costs, from where and when, or why that is not known; None where nobody asked.
        seconds_to_build: What tuning and indexing took, None where nobody measured it.
    """

    id: str
    n: int
    score: float | None
    interval: Interval | None
    wrong_rate: float | None
    wrong_interval: Interval | None
    abstain_rate: float | None
    failed: int
    uncited: int
    latency: Latency | None
    input_tokens: float | None
    output_tokens: float | None
    cost_per_query_usd: float | None
    seconds_to_build: float | None
    cached_tokens: float | None = None
    reasoning_tokens: float | None = None
    price: Price | NoPrice | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``experiment --json`` gives it; None is "not measured"."""
        return {
            "score": _round(self.score),
            "interval": _bounds(self.interval),
            "n": self.n,
            "wrong_rate": _round(self.wrong_rate),
            "wrong_interval": _bounds(self.wrong_interval),
            "abstain_rate": _round(self.abstain_rate),
            "failed": self.failed,
            "cost_per_query_usd": self.cost_per_query_usd,
            "price": self.price and self.price.to_json(),
            **(self.latency.to_json() if self.latency else UNTIMED),
            "tokens": {
                "input": _round(self.input_tokens),
                "cached": _round(self.cached_tokens),
                "output": _round(self.output_tokens),
                "reasoning": _round(self.reasoning_tokens),
            },
            "seconds_to_build": _round(self.seconds_to_build),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRow:
    """One query with what every system made of it.

    Attributes:
        cluster: Queries of one cluster are not independent.
        scores: Of the primary scorer, by system.
        right: Whether the answer would be accepted, by system; None where it could not be scored.
    """

    query: Query
    cluster: str
    answers: Mapping[str, Answer]
    scores: Mapping[str, Score]
    right: Mapping[str, bool | None]

    @property
    def counts(self) -> bool:
        """Whether every system's answer could be scored: only then is the query compared."""
        return all(score.value is not None for score in self.scores.values())

    def is_wrong(self, system: str) -> bool:
        """Whether the system answered, and not rightly."""
        return self.right[system] is False and not self.answers[system].abstained

    def value(self, system: str) -> float:
        """The system's score.

        Raises:
            ValueError: where it could not be scored.
        """
        value = self.scores[system].value
        if value is None:
            raise ValueError(f"{system} on {self.query.id} has no score: {self.scores[system].note}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentResult:
    """A finished comparison.

    Attributes:
        scorer: Name and version of the scorer that decides, as ``name/version``.
        systems: By id, simplest first.
        effects: None unless all four systems ran and a query counts.
        rows: Every test query, in order, counted or not.
        plan: What could be expected.
        baseline: The best constant reply on the queries that count.
        seed: Of every resampling.
        notes: What the reader must know.
        calibrations: How sure each system must be to answer, and what dev said of that; without those that always do.
    """

    run: str
    scorer: str
    systems: Mapping[str, SystemResult]
    effects: Effects | None
    rows: tuple[QueryRow, ...]
    plan: Plan
    baseline: Baseline
    seed: int
    notes: tuple[str, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    @property
    def counted(self) -> tuple[QueryRow, ...]:
        """The queries that the comparison rests on."""
        return tuple(row for row in self.rows if row.counts)

    def scores(self, systems: Sequence[str]) -> Floats:
        """Scores of the queries that count, shape (queries, systems)."""
        values = [[row.value(system) for system in systems] for row in self.counted]
        return np.array(values, dtype=np.float64).reshape(len(values), len(systems))

    def wrong(self, systems: Sequence[str]) -> Floats:
        """1 where a system answered wrongly, else 0; shape as of `scores`."""
        values = [[float(row.is_wrong(system)) for system in systems] for row in self.counted]
        return np.array(values, dtype=np.float64).reshape(len(values), len(systems))

    def clusters(self) -> list[str]:
        """The cluster of each query that counts."""
        return [row.cluster for row in self.counted]

    def to_json(self) -> dict[str, Any]:
        """As ``experiment --json`` gives it, without the verdict."""
        return {
            "run": self.run,
            "scorer": self.scorer,
            "systems": {name: system.to_json() for name, system in self.systems.items()},
            "effects": self.effects and self.effects.to_json(),
            "plan": self.plan.to_json(),
            "baseline": {"reply": self.baseline.reply, "score": _round(self.baseline.score)},
            "notes": list(self.notes),
            "abstention": {name: found.to_json() for name, found in self.calibrations.items()},
        }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _bounds(interval: Interval | None) -> list[float] | None:
    return interval and [round(bound, 4) for bound in interval]
