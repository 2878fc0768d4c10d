"""Answers weighed by the rules: a score for each of the four systems, and what a hard requirement rules out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.advice.rules import Conflict, Requirement, Rule, Rules, Toward, holds
from groundtune.records import SYSTEM_IDS, SystemId

__all__ = ["COUNTS_FOR", "Weighed", "scores_of", "weigh"]

COUNTS_FOR: Mapping[Toward, tuple[SystemId, ...]] = {
    "retrieval": ("rag", "tuned_rag"),
    "tuning": ("tuned", "tuned_rag"),
    "both": ("tuned_rag",),
    "prompt": ("prompt",),
}
"""Whose score a rule moves: those that have the switch on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What the rules make of a set of answers.

    Attributes:
        scores: Sum of the weights that speak for each system, in points; only differences mean something.
        forbidden: Systems that a hard requirement rules out, with the ids of these requirements.
        system: The best of those that are not ruled out, the simplest of equals; None where all are.
        rules: Those that hold.
        requirements: Those that hold.
        conflicts: Those that hold.
    """

    scores: Mapping[SystemId, float]
    forbidden: Mapping[SystemId, tuple[str, ...]]
    system: SystemId | None
    rules: tuple[Rule, ...]
    requirements: tuple[Requirement, ...]
    conflicts: tuple[Conflict, ...]


def weigh(known: Mapping[str, Any], rules: Rules) -> Weighed:
    """Weigh answers.

    Args:
        known: Answers by question, as of `Answers.known`.
        rules: All rules.
    """
    holding = tuple(rule for rule in rules.rule if holds(rule.when, known))
    requirements = tuple(requirement for requirement in rules.requirement if holds(requirement.when, known))
    scores = scores_of([(rule, rule.weight) for rule in holding])
    forbidden = _forbidden(requirements)
    derived = {**known, "needs_retrieval": {"prompt", "tuned"} <= forbidden.keys()}
    return Weighed(
        scores=scores,
        forbidden=forbidden,
        system=best(scores, forbidden),
        rules=holding,
        requirements=requirements,
        conflicts=tuple(conflict for conflict in rules.conflict if holds(conflict.when, derived)),
    )


def scores_of(weighted: Sequence[tuple[Rule, float]]) -> dict[SystemId, float]:
    """The score of each system: the sum of the weights of the rules that count for it."""
    scores: dict[SystemId, float] = dict.fromkeys(SYSTEM_IDS, 0.0)
    for rule, weight in weighted:
        for system in COUNTS_FOR[rule.toward]:
            scores[system] += weight
    return scores


def best(scores: Mapping[SystemId, float], forbidden: Mapping[SystemId, Any]) -> SystemId | None:
    """The system of the highest score that is allowed, the simplest of equals; None where none is allowed."""
    allowed = [system for system in SYSTEM_IDS if system not in forbidden]
    return max(allowed, key=lambda system: scores[system], default=None)


def _forbidden(requirements: Sequence[Requirement]) -> dict[SystemId, tuple[str, ...]]:
    by_system = {s: tuple(r.id for r in requirements if s in r.forbids) for s in SYSTEM_IDS}
    return {system: ids for system, ids in by_system.items() if ids}
