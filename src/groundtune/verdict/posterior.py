"""How the systems stand: the joint posterior of their values, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.statistics import compare, expected_regret, posterior_means
from groundtune.experiment.statistics.clusters import Floats
from groundtune.verdict.records import Standing

__all__ = ["Posterior", "posterior_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posterior:
    """Joint draws of the values of the systems that qualify.

    Attributes:
        systems: Ids, simplest first: the columns of ``draws``.
        draws: Value (score less the cost of wrong answers), shape (draws, systems).
        over_baseline: Score less that of the best constant reply, shape (draws, systems).
        zone: Values that differ by less count as equal.
    """

    systems: tuple[str, ...]
    draws: Floats
    over_baseline: Floats
    zone: float

    @property
    def leader(self) -> str:
        """The system with the highest expected value; the simplest among equals."""
        return self.systems[int(np.argmax(self.draws.mean(axis=0).round(9)))]

    def column(self, system: str) -> Floats:
        """The draws of one system, shape (draws,)."""
        return self.draws[:, self.systems.index(system)]

    def behind(self, system: str) -> Floats:
        """How much the best of all is better than this one, draw by draw, shape (draws,)."""
        behind: Floats = self.draws.max(axis=1) - self.column(system)
        return behind

    def standings(self) -> dict[str, Standing]:
        """How each system stands, simplest first."""
        best = np.bincount(self.draws.argmax(axis=1), minlength=len(self.systems)) / len(self.draws)
        regret = expected_regret(self.draws)
        return {
            name: Standing(
                system=name,
                value=float(self.column(name).mean()),
                best=float(best[place]),
                regret=float(regret[place]),
                close=float((self.behind(name) <= self.zone).mean()),
            )
            for place, name in enumerate(self.systems)
        }

    def beats_simpler(self, system: str) -> float:
        """Probability that it is better than every simpler one; 1 where there is none."""
        simpler = self.draws[:, : self.systems.index(system)]
        if not simpler.size:
            return 1.0
        return float((self.column(system) > simpler.max(axis=1)).mean())

    def equals(self, system: str, *, enough: float) -> list[str]:
        """The others that are practically equal to it with at least this probability."""
        others = (other for other in self.systems if other != system)
        return [o for o in others if compare(self.column(o), self.column(system), zone=self.zone).equal >= enough]

    def useful(self, system: str) -> float:
        """Probability that it beats the best constant reply by more than the zone."""
        return float((self.over_baseline[:, self.systems.index(system)] > self.zone).mean())


def posterior_of(result: ExperimentResult, systems: Sequence[str], *, zone: float, wrong_cost: float) -> Posterior:
    """Draw the joint posterior of the systems' values.

    Args:
        result: With at least one query that counts.
        systems: Simplest first.
        zone: The minimum gain, as a share of the score.
        wrong_cost: What a wrong answer costs, where a right one gains 1 and an abstention nothing.
    """
    scores, wrong = result.scores(systems), result.wrong(systems)
    constant = np.array(result.baseline.scores, dtype=np.float64)[:, None]
    # Wrong answers are drawn as "not wrong", so that all columns lie in [0, 1] and share one prior.
    columns = [scores, constant] if wrong_cost == 0 else [scores, constant, 1 - wrong]
    draws = posterior_means(np.hstack(columns), result.clusters(), seed=result.seed)
    k = len(systems)
    value = draws[:, :k] if wrong_cost == 0 else draws[:, :k] - wrong_cost * (1 - draws[:, k + 1 :])
    return Posterior(systems=tuple(systems), draws=value, over_baseline=draws[:, :k] - draws[:, k : k + 1], zone=zone)
