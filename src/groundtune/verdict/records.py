"""The verdict: one recommendation with its evidence, or an honest "undecided"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Check", "Kind", "Standing", "Verdict"]

Kind = Literal["choose", "equivalent", "leaning", "inconclusive", "none_feasible"]
"""choose: this one; equivalent: the simplest of several that are practically equal; leaning: probably this one;
inconclusive: more queries are needed; none_feasible: no system does what is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One constraint against one system.

    Attributes:
        constraint: Its key in groundtune.toml, or ``answers`` for "gives answers at all".
        met: None where it could not be checked; such a system stays in.
        probability: That it is met, in [0, 1]; None where it follows from what the system is.
        because: The plain reason, with the numbers.
        relax: What would have to change for the system to qualify, None where it qualifies or nothing would.
    """

    system: str
    constraint: str
    met: bool | None
    probability: float | None
    because: str
    relax: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one feasible system stands in the posterior.

    Attributes:
        value: Mean value: score less the cost of wrong answers.
        best: Probability that it is the best of the feasible ones.
        regret: What choosing it is expected to lose against the best, as a share of the score.
        close: Probability that it is at most ``minimum_gain`` worse than the leader.
    """

    system: str
    value: float
    best: float
    regret: float
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The recommendation.

    Attributes:
        system: None when nothing is recommended.
        sentence: The verdict in one plain sentence.
        because: Plain sentences with the numbers, the most important first.
        runner_up: The next best that qualifies, None when there is none.
        queries_needed: Test queries in all that would probably settle it; None when it is settled.
        flips_if: What would change the verdict.
        checks: Every constraint against every system.
        standings: The feasible systems, simplest first.
    """

    kind: Kind
    system: str | None
    sentence: str
    because: tuple[str, ...]
    runner_up: str | None = None
    queries_needed: int | None = None
    flips_if: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def infeasible(self) -> dict[str, tuple[str, ...]]:
        """The reasons why systems do not qualify, by system."""
        systems = dict.fromkeys(check.system for check in self.checks if check.met is False)
        return {
            system: tuple(check.because for check in self.checks if check.system == system and check.met is False)
            for system in systems
        }

    def to_json(self) -> dict[str, Any]:
        """As ``experiment --json`` and ``decide --json`` give it under ``verdict``."""
        return {
            "kind": self.kind,
            "system": self.system,
            "sentence": self.sentence,
            "because": list(self.because),
            "runner_up": self.runner_up,
            "queries_needed": self.queries_needed,
            "flips_if": list(self.flips_if),
            "infeasible": {system: list(reasons) for system, reasons in self.infeasible.items()},
            "probabilities": {
                name: {"best": round(row.best, 4), "regret": round(row.regret, 4), "close": round(row.close, 4)}
                for name, row in self.standings.items()
            },
        }
