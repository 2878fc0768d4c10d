"""The cost model after a measurement: tokens, times and rates as measured, in place of those assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.draws import likely_values
from groundtune.economics.formula import cost_items, monthly_bill
from groundtune.experiment.latency import is_timed
from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.statistics import bootstrap_interval
from groundtune.experiment.statistics.clusters import Floats
from groundtune.records import SYSTEM_IDS, Answer

__all__ = ["bill_per_month", "cost_per_right_answer", "with_measurement"]

Given = dict[str, float | tuple[float, float, float] | None]

_MEASURED = (
    "input_tokens",
    "output_tokens",
    "cached_share",
    "requests_per_second",
    "wrong_share",
    "abstained_share",
)
"""Quantities of each system that a measurement replaces."""


def with_measurement(assumptions: Assumptions, result: ExperimentResult, *, concurrency: int) -> Assumptions:
    """What was measured in place of what was assumed; what was not measured is then not known.

    Ranges are 95 % intervals of the means, from a bootstrap over clusters of queries.

    Args:
        assumptions: With prices and what else is known.
        result: Of the experiment; systems beside the four are left out.
        concurrency: Questions that were under way at the same time while the answers were timed.
    """
    given: Given = {}
    for system in SYSTEM_IDS:
        if system in result.systems:
            given |= _measured(result, system, concurrency)
        else:
            given |= {f"{kind}.{system}": None for kind in _MEASURED}
    return assumptions.given(given, source=f"measured in run {result.run}")


def bill_per_month(assumptions: Assumptions, system: str) -> float | None:
    """US dollars a month that running a system is billed at the expected volume; None where that is not known."""
    values = likely_values(assumptions)
    bill = float(monthly_bill(cost_items(values, system), values["queries_per_month"]))
    return None if bill != bill else bill


def cost_per_right_answer(result: ExperimentResult, system: str) -> float | None:
    """US dollars for answers, shared among the right ones; None when none was right or the price is not known."""
    measured = result.systems[system]
    right = sum(row.right[system] is True for row in result.counted)
    if measured.cost_per_query_usd is None or right == 0:
        return None
    return measured.cost_per_query_usd * measured.n / right


def _measured(result: ExperimentResult, system: str, concurrency: int) -> Given:
    """The quantities of one system."""
    counted = [(row.cluster, row.answers[system]) for row in result.rows if row.answers[system].error is None]

    def mean(of: Callable[[Answer], float | None]) -> float | tuple[float, float, float] | None:
        found = [(cluster, value) for cluster, answer in counted if (value := of(answer)) is not None]
        return _mean([value for _, value in found], [cluster for cluster, _ in found], seed=result.seed)

    seconds = mean(lambda answer: answer.milliseconds["total"] / 1000 if is_timed(answer) else None)
    wrong = [float(row.is_wrong(system)) for row in result.counted]
    abstained = [float(row.answers[system].abstained) for row in result.counted]
    return {
        f"input_tokens.{system}": mean(lambda answer: _usage(answer, "input_tokens")),
        f"output_tokens.{system}": mean(lambda answer: _usage(answer, "output_tokens")),
        f"cached_share.{system}": _cached_share(result, system),
        f"requests_per_second.{system}": _rate(seconds, concurrency),
        f"wrong_share.{system}": _mean(wrong, result.clusters(), seed=result.seed),
        f"abstained_share.{system}": _mean(abstained, result.clusters(), seed=result.seed),
    }


def _usage(answer: Answer, kind: str) -> float | None:
    """Tokens of an answer; none where no model was asked, None where nobody counted."""
    if answer.usage is None:
        return 0.0 if answer.abstained and answer.model is None else None
    return float(getattr(answer.usage, kind))


def _cached_share(result: ExperimentResult, system: str) -> float:
    """Part of the tokens read that the server's cache served; where the server does not say, none counts as cached."""
    usages = [usage for row in result.rows if (usage := row.answers[system].usage) is not None]
    read = sum(usage.input_tokens for usage in usages)
    return sum(min(usage.cached_tokens or 0, usage.input_tokens) for usage in usages) / read if read else 0.0


def _rate(
    seconds: float | tuple[float, float, float] | None, concurrency: int
) -> float | tuple[float, float, float] | None:
    """Queries a second of a machine that is never idle."""
    if isinstance(seconds, tuple):
        low, likely, high = seconds
        return (concurrency / high, concurrency / likely, concurrency / low)
    return concurrency / seconds if seconds else None


def _mean(values: Sequence[float], clusters: Sequence[str], *, seed: int) -> float | tuple[float, float, float] | None:
    if not values:
        return None
    mean = sum(values) / len(values)
    interval = bootstrap_interval(values, _average, clusters, seed=seed)
    return mean if interval is None else (min(interval.low, mean), mean, max(interval.high, mean))


def _average(values: Floats) -> float:
    return float(values.mean())
