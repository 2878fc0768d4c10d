"""What a diagnosis found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from groundtune.experiment.statistics import Difference

__all__ = ["CAUSES", "Cause", "Diagnosis", "Failure", "Remedy", "Step"]

Cause = Literal["missing_knowledge", "retrieval_miss", "reading", "format", "wrong_abstention", "not_proven"]
"""Why an answer failed.

missing_knowledge: without retrieval, the model does not know. retrieval_miss: the evidence was not among the passages.
reading: the evidence was there, and was not made into the right answer. format: the reply is not in the form that was
asked for. wrong_abstention: it abstained though the query is answerable, or answered though it is not. not_proven:
nothing that was tried shows the cause.
"""

CAUSES: tuple[Cause, ...] = (
    "missing_knowledge",
    "retrieval_miss",
    "reading",
    "format",
    "wrong_abstention",
    "not_proven",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rung of the ladder.

    Attributes:
        step: What is exchanged, in plain words.
        start: The arm below.
        end: The arm above; None is a perfect score.
        difference: Mean paired gain of the upper over the lower arm, as a share of the score.
    """

    step: str
    start: str
    end: str | None
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Points are 100 times the share."""
        found = self.difference
        return {
            "step": self.step,
            "from": self.start,
            "to": self.end,
            "points": None if found.mean is None else round(100 * found.mean, 2),
            "interval": found.interval and [round(100 * bound, 2) for bound in found.interval],
            "n": found.n,
            "note": found.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed answer.

    Attributes:
        id: Of the query.
        proven: True only where exchanging the one part that the cause names made the answer right.
        evidence: What was seen, as JSON-ready values.
    """

    id: str
    system: str
    cause: Cause
    proven: bool
    evidence: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As ``diagnose --json`` gives it."""
        return {
            "id": self.id,
            "system": self.system,
            "cause": self.cause,
            "proven": self.proven,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What repairing one stage wholly would return, an upper limit; ``cost`` in US dollars, None when not known."""

    remedy: str
    step: Step
    cost: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Points are 100 times the share of the score."""
        shown = self.step.to_json()
        return {"remedy": self.remedy, "points": shown["points"], "interval": shown["interval"], "cost": self.cost}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Causes of the failures of all systems, and the ladder of one.

    Attributes:
        system: The system with retrieval that the ladder is of.
        ladder: From no context over retrieval as it is and gold evidence to a perfect score.
        failures: Every failed answer of every system.
        remedies: The largest first.
        notes: What the reader must know.
    """

    system: str
    ladder: tuple[Step, ...]
    failures: tuple[Failure, ...]
    remedies: tuple[Remedy, ...]
    notes: tuple[str, ...] = ()

    def causes(self, system: str | None = None) -> dict[Cause, int]:
        """How many failures (of one system) have each cause; causes without a failure are left out."""
        counts = Counter(failure.cause for failure in self.failures if system in (None, failure.system))
        return {cause: counts[cause] for cause in CAUSES if counts[cause]}

    def to_json(self) -> dict[str, Any]:
        """As ``diagnose --json`` gives it; ``causes`` counts the failures of the ladder's system."""
        systems = dict.fromkeys(failure.system for failure in self.failures)
        return {
            "system": self.system,
            "ladder": [step.to_json() for step in self.ladder],
            "causes": self.causes(self.system),
            "causes_by_system": {system: self.causes(system) for system in systems},
            "queries": [failure.to_json() for failure in self.failures],
            "remedies": [remedy.to_json() for remedy in self.remedies],
            "notes": list(self.notes),
        }
