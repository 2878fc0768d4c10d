"""The forecast: one recommendation before there is data, with its reasons, its doubts and the next experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from groundtune.advice.answers import Answers
from groundtune.advice.experiment import NextExperiment, next_experiment, path_to
from groundtune.advice.limits import limit_warnings
from groundtune.advice.rules import Conflict, Note, Requirement, Rule, Rules, load_rules
from groundtune.advice.situation import assume
from groundtune.advice.uncertainty import Change, chances, changes
from groundtune.advice.weighing import COUNTS_FOR, Weighed, weigh
from groundtune.advice.wording import sentence_of
from groundtune.economics.assumptions import Assumptions
from groundtune.economics.forecast import CostForecast, LatencyForecast, forecast_costs, forecast_latency
from groundtune.records import SYSTEM_IDS, SystemId

__all__ = ["Firmness", "Forecast", "Reason", "advise"]

Firmness = Literal["firm", "leaning", "open"]
"""Comes out in at least four of five ways of filling in what is not known; in at least half; in fewer."""

_FIRM, _LEANING = 0.8, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A rule that holds; ``speaks_for``: whether it raises the recommended system above the others (None: neither)."""

    rule: Rule
    speaks_for: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the rules make of the answers.

    Attributes:
        answers: All of them, those that the project shows included.
        shown: By question, where an answer came from that nobody had to give.
        recommendation: None where hard requirements rule out all four.
        sentence: The recommendation with its firmness.
        chances: Share of ways of filling in what is not known in which each system comes out, and "none".
        reasons: The strongest first.
        changes: Single answers that would change the recommendation, the skipped questions first.
        conflicts: With what would be recommended after each way out.
        warnings: Limits that the recommended system would probably break.
        path: The stages on the way, simplest first.
    """

    answers: Answers
    shown: Mapping[str, str]
    recommendation: SystemId | None
    firmness: Firmness
    sentence: str
    scores: Mapping[SystemId, float]
    chances: Mapping[str, float]
    reasons: tuple[Reason, ...]
    requirements: tuple[Requirement, ...]
    conflicts: tuple[tuple[Conflict, tuple[SystemId | None, ...]], ...]
    changes: tuple[Change, ...]
    notes: tuple[Note, ...]
    warnings: tuple[str, ...]
    path: tuple[SystemId, ...]
    next_experiment: NextExperiment | None
    cost: CostForecast
    latency: LatencyForecast

    @property
    def skipped(self) -> tuple[str, ...]:
        """Questions without an answer, those that could change the recommendation first."""
        moving = dict.fromkeys(change.question for change in self.changes if change.skipped)
        known = self.answers.known()
        return tuple(dict.fromkeys([*moving, *(key for key in Answers.model_fields if key not in known)]))

    @property
    def next_step(self) -> str:
        """What to do next, in a sentence or two."""
        if self.next_experiment is not None:
            return self.next_experiment.says
        return "Settle a conflict first: as it stands, no system can do all that is required."


def advise(
    answers: Answers,
    *,
    shown: Mapping[str, str] | None = None,
    base: Assumptions | None = None,
    retrieval_p95_ms: float | None = None,
    labelled_queries: int = 0,
) -> Forecast:
    """Forecast which of the four systems fits.

    Args:
        answers: Half-filled is fine: the forecast says what the rest could change.
        shown: By question, where an answer came from that nobody had to give.
        base: Costs and times that are known already.
        retrieval_p95_ms: What retrieval takes here, in place of the published figure.
        labelled_queries: Those that are there already to measure on.
    """
    rules, known = load_rules(retrieval_p95_ms), answers.known()
    weighed, assumed = weigh(known, rules), assume(answers, base)
    shares = chances(known, rules)
    firmness = _firmness(shares[weighed.system or "none"])
    moves = sorted(changes(known, rules), key=lambda change: not change.skipped)
    system = weighed.system
    cost, latency = forecast_costs(assumed), forecast_latency(assumed, answers.latency_p95_ms)
    return Forecast(
        answers=answers,
        shown=dict(shown or {}),
        recommendation=system,
        firmness=firmness,
        sentence=sentence_of(weighed, shares, firmness, skipped=len(Answers.model_fields) - len(known)),
        scores=weighed.scores,
        chances=shares,
        reasons=_reasons(weighed),
        requirements=weighed.requirements,
        conflicts=tuple((conflict, _then(conflict, known, rules)) for conflict in weighed.conflicts),
        changes=tuple(moves),
        notes=tuple(note for note in rules.note if system and note.technique in _techniques(system)),
        warnings=tuple(limit_warnings(answers, system, cost, latency)) if system else (),
        path=path_to(system) if system else (),
        next_experiment=next_experiment(answers, system, assumed, labelled_queries=labelled_queries)
        if system
        else None,
        cost=cost,
        latency=latency,
    )


def _firmness(share: float) -> Firmness:
    return "firm" if share >= _FIRM else "leaning" if share >= _LEANING else "open"


def _reasons(weighed: Weighed) -> tuple[Reason, ...]:
    ordered = sorted(weighed.rules, key=lambda rule: -abs(rule.weight))
    return tuple(Reason(rule=rule, speaks_for=_speaks_for(rule, weighed.system)) for rule in ordered)


def _speaks_for(rule: Rule, system: SystemId | None) -> bool | None:
    """Whether the rule moves the system up against the mean of the other three."""
    if system is None:
        return None
    moved = COUNTS_FOR[rule.toward]
    others = sum(other in moved for other in SYSTEM_IDS if other != system) / (len(SYSTEM_IDS) - 1)
    lead = rule.weight * ((system in moved) - others)
    return None if lead == 0 else lead > 0


def _then(conflict: Conflict, known: Mapping[str, Any], rules: Rules) -> tuple[SystemId | None, ...]:
    """What would be recommended after each way out."""
    return tuple(weigh({**known, **way.set}, rules).system for way in conflict.ways_out)


def _techniques(system: SystemId) -> tuple[str, ...]:
    switches = {
        "prompt": (),
        "rag": ("retrieval",),
        "tuned": ("tuning",),
        "tuned_rag": ("retrieval", "tuning"),
    }
    return ("prompt", *switches[system])
