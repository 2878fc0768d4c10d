"""Constraints come first: a system that breaks one is out, however good its answers are.

A measured constraint counts as met when it is met with a probability of at least 0.9, over clusters of queries. The
rules that follow from what a technique *is* cite the articles of the domain (S0 ... S4): systems without retrieval
cannot cite [S1 S2 S4]; facts that change daily are stale in tuned weights until the next training [S0 S2 S4].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from groundtune.experiment.latency import is_timed, p95, total_times
from groundtune.experiment.load import LoadResult
from groundtune.experiment.results import ExperimentResult, SystemResult
from groundtune.experiment.statistics import bootstrap_draws, posterior_means
from groundtune.settings import Constraints
from groundtune.verdict.records import Check

__all__ = ["ENOUGH", "check_constraints"]

ENOUGH = 0.9
"""Probability from which on a constraint counts as met."""

_MOST_FAILURES = 0.05
_WITHOUT_RETRIEVAL = ("prompt", "tuned")


def check_constraints(
    result: ExperimentResult,
    constraints: Constraints,
    *,
    local: bool | None = None,
    bills: Mapping[str, float | None] | None = None,
    load: Mapping[str, LoadResult] | None = None,
) -> tuple[Check, ...]:
    """Check every constraint that is set against every system.

    Args:
        result: Of the experiment.
        constraints: None and False ask for nothing.
        local: Whether all models run on the user's own machines; None when it is not known.
        bills: US dollars a month to run a system at the expected volume, as the cost model has it; where it does not
            know, the price of answers alone counts.
        load: What a load run found; it decides on latency where there was one, because it does not hide the queue.
    """
    return tuple(
        check
        for system in result.systems.values()
        for check in (
            *_latencies(result, system, constraints.latency_p95_ms, (load or {}).get(system.id)),
            *_checks(result, system, constraints, local=local, bill=(bills or {}).get(system.id)),
        )
    )


def _latencies(
    result: ExperimentResult, system: SystemResult, limit: float | None, under_load: LoadResult | None
) -> Iterator[Check]:
    if limit is not None:
        yield _latency(result, system, limit) if under_load is None else _latency_under_load(system, limit, under_load)


def _checks(
    result: ExperimentResult, system: SystemResult, constraints: Constraints, *, local: bool | None, bill: float | None
) -> Iterator[Check]:
    yield from _answers(result, system)
    if constraints.max_wrong_rate is not None:
        yield _wrong_rate(result, system, constraints.max_wrong_rate)
    if constraints.citations:
        yield _citations(result, system)
    if constraints.knowledge_changes in ("daily", "live"):
        yield _freshness(system, constraints.knowledge_changes)
    if constraints.offline:
        yield _offline(system, local)
    if constraints.budget_usd_per_month is not None:
        yield _budget(system, constraints.budget_usd_per_month, constraints.queries_per_month, bill)


def _answers(result: ExperimentResult, system: SystemResult) -> Iterator[Check]:
    failed = system.failed / len(result.rows) if result.rows else 0.0
    if failed > _MOST_FAILURES:
        yield Check(
            system=system.id,
            constraint="answers",
            met=False,
            probability=None,
            because=f"{system.id} failed on {system.failed} of {len(result.rows)} queries.",
            relax=f"{system.id} is repaired and the run is started again (failed answers are asked for again)",
        )


def _latency(result: ExperimentResult, system: SystemResult, limit: float) -> Check:
    answers = [row.answers[system.id] for row in result.rows]
    timed = [(row.cluster, a) for row, a in zip(result.rows, answers, strict=True) if is_timed(a)]
    if not timed:
        return _unknown(system, "latency_p95_ms", "its answers were not timed")
    times = [float(time) for time in total_times(answers)]
    draws = bootstrap_draws(times, p95, [cluster for cluster, _ in timed], seed=result.seed)
    probability = float((draws <= limit).mean())
    slow = float(np.quantile(draws, ENOUGH))
    return Check(
        system=system.id,
        constraint="latency_p95_ms",
        met=probability >= ENOUGH,
        probability=probability,
        because=f"95 % of its answers came within {p95(total_times(answers)):.0f} ms; {limit:.0f} ms are allowed "
        f"(met with probability {probability:.2f}).",
        relax=f"latency_p95_ms were {np.ceil(slow):.0f} or more",
    )


def _latency_under_load(system: SystemResult, limit: float, found: LoadResult) -> Check:
    bound = "" if found.p95_at_most is None else f", at most {found.p95_at_most:.0f} ms with a confidence of 95 %"
    return Check(
        system=system.id,
        constraint="latency_p95_ms",
        met=found.keeps(limit),
        probability=None,
        because=f"Under load, with {found.plan.per_second:.3g} queries a second, 95 % of its answers came within "
        f"{found.p95:.0f} ms{bound}; {limit:.0f} ms are allowed.",
        relax=f"latency_p95_ms were {np.ceil(found.p95_at_most or found.p95):.0f} or more",
    )


def _wrong_rate(result: ExperimentResult, system: SystemResult, limit: float) -> Check:
    if system.wrong_rate is None:
        return _unknown(system, "max_wrong_rate", "none of its answers could be scored")
    draws = posterior_means(result.wrong([system.id]), result.clusters(), seed=result.seed)[:, 0]
    probability = float((draws <= limit).mean())
    return Check(
        system=system.id,
        constraint="max_wrong_rate",
        met=probability >= ENOUGH,
        probability=probability,
        because=f"It answered {100 * system.wrong_rate:.1f} % of the queries wrongly; {100 * limit:.1f} % are allowed "
        f"(met with probability {probability:.2f}).",
        relax=f"max_wrong_rate were {np.ceil(1000 * np.quantile(draws, ENOUGH)) / 1000:.3f} or more",
    )


def _citations(result: ExperimentResult, system: SystemResult) -> Check:
    if system.id in _WITHOUT_RETRIEVAL:
        because = "Without retrieval it has no source to cite."
        met = False
    else:
        because = f"{system.uncited} of {len(result.rows)} answers came without a citation."
        met = system.uncited == 0
    return Check(
        system=system.id,
        constraint="citations",
        met=met,
        probability=None,
        because=because,
        relax="citations were not required",
    )


def _freshness(system: SystemResult, changes: str) -> Check:
    stale = system.id == "tuned"
    return Check(
        system=system.id,
        constraint="knowledge_changes",
        met=not stale,
        probability=None,
        because=f"Knowledge changes {'all the time' if changes == 'live' else 'daily'}: facts in tuned weights are "
        "stale until the next training."
        if stale
        else "It does not keep facts in tuned weights alone.",
        relax="knowledge changed weekly or less often",
    )


def _offline(system: SystemResult, local: bool | None) -> Check:
    if local is None:
        return _unknown(system, "offline", "it is not known where its model runs")
    return Check(
        system=system.id,
        constraint="offline",
        met=local,
        probability=None,
        because="Its models run on this machine." if local else "Its model is reached over the network.",
        relax="offline were not required, or the model ran on this machine",
    )


def _budget(system: SystemResult, budget: float, volume: int | None, bill: float | None) -> Check:
    if volume is None:
        return _unknown(system, "budget_usd_per_month", "queries_per_month is not set")
    answers = None if system.cost_per_query_usd is None else system.cost_per_query_usd * volume
    monthly = answers if bill is None else bill
    if monthly is None:
        return _unknown(system, "budget_usd_per_month", "what an answer costs was not measured")
    return Check(
        system=system.id,
        constraint="budget_usd_per_month",
        met=monthly <= budget,
        probability=None,
        because=f"{volume} queries a month would cost ${monthly:,.2f}; ${budget:,.2f} are allowed.",
        relax=f"budget_usd_per_month were {monthly:.2f} or more",
    )


def _unknown(system: SystemResult, constraint: str, reason: str) -> Check:
    because = f"{constraint} was not checked: {reason}."
    return Check(system=system.id, constraint=constraint, met=None, probability=None, because=because)
