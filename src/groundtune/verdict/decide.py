"""Constraints first, then value, then the simplest system that is as good as the best.

1. A system that breaks a hard constraint is out (`check_constraints`).
2. Where no system beats the best constant reply by more than the minimum gain, none does the job.
3. The simplest system is taken that is *settled*: with a probability of at least 0.9 nothing else is better by more
   than the minimum gain; or choosing it is expected to lose less than one point against the best, and with a
   probability of at least 0.9 it is better than everything simpler (complexity has to be earned). It is "equivalent"
   when others are as good, else "choose".
4. Where none is settled: "leaning" to the simplest that is less than the minimum gain behind the leader, where it is
   more likely than not that nothing is better by more than that; or to the leader, where it is better than everything
   simpler with a probability of at least 0.8. Else "inconclusive". Both with the queries that would probably do.

Fewer than ten independent groups of queries never settle anything: then "leaning" is the most that is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from groundtune.experiment.load import LoadResult
from groundtune.experiment.power import queries_needed_for_spread
from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.statistics.clusters import FEW_CLUSTERS, TOO_FEW_CLUSTERS
from groundtune.records import SYSTEM_IDS
from groundtune.settings import Constraints
from groundtune.verdict.constraints import ENOUGH, check_constraints
from groundtune.verdict.posterior import Posterior, posterior_of
from groundtune.verdict.reasons import explain, flips, none_qualifies, nothing_scored, useless
from groundtune.verdict.records import Check, Kind, Standing, Verdict

__all__ = ["decide"]

_MOST_REGRET = 0.01
_LEANING = 0.8
_SMALLEST_GAP = 0.01
_PRIOR_DISAGREEMENTS, _PRIOR_QUERIES = 2.0, 10.0


def decide(
    result: ExperimentResult,
    constraints: Constraints,
    *,
    minimum_gain: float = 0.03,
    local: bool | None = None,
    wrong_cost: float = 0.0,
    bills: Mapping[str, float | None] | None = None,
    load: Mapping[str, LoadResult] | None = None,
) -> Verdict:
    """Recommend one system, or say why not.

    Args:
        result: Of the experiment.
        constraints: What the answer must satisfy.
        minimum_gain: Values that differ by less count as equal, as a share of the score in [0, 0.5].
        local: Whether all models run on the user's own machines; None when it is not known.
        wrong_cost: What a wrong answer costs, where a right one gains 1; 0 lets the score decide alone.
        bills: As of `check_constraints`.
        load: As of `check_constraints`.
    """
    checks = check_constraints(result, constraints, local=local, bills=bills, load=load)
    out = {check.system for check in checks if check.met is False}
    feasible = [system for system in _simplest_first(result) if system not in out]
    if not feasible:
        return none_qualifies(result, checks)
    if not result.counted:
        return nothing_scored(result, checks)
    posterior = posterior_of(result, feasible, zone=minimum_gain, wrong_cost=wrong_cost)
    if all(posterior.useful(system) <= 1 - ENOUGH for system in feasible):
        return useless(result, posterior, checks)
    return _weigh(result, posterior, checks)


def _weigh(result: ExperimentResult, posterior: Posterior, checks: tuple[Check, ...]) -> Verdict:
    standings = posterior.standings()
    kind, system = _recommend(posterior, standings, clusters=result.plan.clusters)
    leading = system or posterior.leader
    others = [standing for name, standing in standings.items() if name != leading]
    runner_up = max(others, key=lambda standing: standing.value).system if others else None
    needed = None
    if kind in ("leaning", "inconclusive") and runner_up is not None:
        needed = _queries_needed(result, posterior, (leading, runner_up))
    sentence, because = explain(result, posterior, kind, system, runner_up=runner_up, checks=checks, needed=needed)
    return Verdict(
        kind=kind,
        system=system,
        sentence=sentence,
        because=because,
        runner_up=runner_up,
        queries_needed=needed,
        flips_if=flips(result, posterior, system, checks),
        checks=checks,
        standings=standings,
    )


def _recommend(posterior: Posterior, standings: dict[str, Standing], *, clusters: int) -> tuple[Kind, str | None]:
    leader = posterior.leader
    settled = [name for name in posterior.systems if _settled(posterior, standings[name])]
    if settled and clusters >= TOO_FEW_CLUSTERS:
        simplest = settled[0]
        alike = simplest != leader or posterior.equals(simplest, enough=ENOUGH)
        return ("equivalent" if alike else "choose"), simplest
    likely = next(
        name for name in posterior.systems if standings[leader].value - standings[name].value <= posterior.zone
    )
    return ("leaning", likely) if _is_likely(posterior, standings[likely]) else ("inconclusive", None)


def _is_likely(posterior: Posterior, standing: Standing) -> bool:
    if standing.system == posterior.leader:
        return posterior.beats_simpler(standing.system) >= _LEANING and standing.close > 0.5
    return standing.close > 0.5


def _settled(posterior: Posterior, standing: Standing) -> bool:
    earned = posterior.beats_simpler(standing.system) >= ENOUGH
    if standing.system == posterior.leader:
        return standing.regret < _MOST_REGRET and earned
    return standing.close >= ENOUGH or (standing.regret < _MOST_REGRET and earned)


def _queries_needed(result: ExperimentResult, posterior: Posterior, pair: tuple[str, str]) -> int:
    """Test queries that would probably tell the pair apart, or show that they are equal, at 80 % power."""
    scores = result.scores(pair)
    differences = scores[:, 0] - scores[:, 1]
    # Without the prior Beta(2, 8) on disagreement, few queries that happen to agree would promise a quick answer.
    squares = (float((differences**2).sum()) + _PRIOR_DISAGREEMENTS) / (len(differences) + _PRIOR_QUERIES)
    gap = max(abs(float(differences.mean())), posterior.zone, _SMALLEST_GAP)
    spread = max(squares - gap**2, squares / 10) ** 0.5
    needed = queries_needed_for_spread(gap, spread, design_effect=result.plan.design_effect)
    floor = FEW_CLUSTERS * len(differences) / max(result.plan.clusters, 1)
    return _two_digits(max(needed, len(differences) + 1, math.ceil(floor)))


def _two_digits(count: int) -> int:
    """Rounded up to two digits that mean something: a forecast knows no more."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return math.ceil(count / unit) * unit


def _simplest_first(result: ExperimentResult) -> Sequence[str]:
    known = [system for system in SYSTEM_IDS if system in result.systems]
    return [*known, *(system for system in result.systems if system not in known)]
