"""Time and tokens of answers, as measured."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from groundtune.experiment.statistics import Interval, bootstrap_interval
from groundtune.experiment.statistics.clusters import Floats
from groundtune.experiment.statistics.resampling import quantile
from groundtune.records import Answer

__all__ = ["Latency", "TokenPrice", "cost_per_query", "measure_latency", "total_times"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds until an answer was complete; the interval is of the 95th percentile."""

    p50: float
    p95: float
    p95_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """US dollars for a million tokens."""

    input_usd: float
    output_usd: float


def measure_latency(
    answers: Sequence[Answer], clusters: Sequence[Hashable] | None = None, *, seed: int
) -> Latency | None:
    """Median and 95th percentile over the answers that were timed; None when none was.

    Args:
        answers: Failed ones count too: someone waited for them.
        clusters: One for each answer; None where they are independent.
        seed: Of the bootstrap.
    """
    timed = [answer.milliseconds.get("total") for answer in answers]
    kept = [place for place, time in enumerate(timed) if time is not None]
    if not kept:
        return None
    times = total_times(answers)
    groups = None if clusters is None else [clusters[place] for place in kept]
    return Latency(
        p50=quantile(times, 0.5),
        p95=quantile(times, 0.95),
        p95_interval=bootstrap_interval([float(time) for time in times], p95, groups, seed=seed),
    )


def p95(times: Floats) -> float:
    """The time that 95 % of the answers do not exceed."""
    return quantile(times, 0.95)


def total_times(answers: Sequence[Answer]) -> Floats:
    """Milliseconds of the answers that were timed, shape (timed,)."""
    return np.array([answer.milliseconds["total"] for answer in answers if "total" in answer.milliseconds])


def cost_per_query(answers: Sequence[Answer], price: TokenPrice | None) -> float | None:
    """Mean price of an answer in US dollars; None without a price or where tokens were not counted.

    What the user's own hardware costs is not known, so answers of local models have no price unless one is given.
    """
    usages = [answer.usage for answer in answers if answer.usage is not None]
    if price is None or not usages or len(usages) < len(answers):
        return None
    dollars = sum(usage.input_tokens * price.input_usd + usage.output_tokens * price.output_usd for usage in usages)
    return dollars / 1e6 / len(usages)
