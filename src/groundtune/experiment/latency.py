"""How long answers took, as measured; answers given again from the program's cache do not count."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundtune.experiment.statistics import Interval, bootstrap_interval
from groundtune.experiment.statistics.clusters import Floats
from groundtune.experiment.statistics.resampling import quantile
from groundtune.records import Answer

__all__ = ["Latency", "is_timed", "measure_latency", "total_times"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds until an answer was complete.

    Attributes:
        p95_interval: Of the 95th percentile.
        n: Answers that were timed; None where nobody counted.
        from_cache: Answers left out, because the model had given them before.
        first_token_p50: Median until the model's first piece, over answers that came in pieces; None where none did.
    """

    p50: float
    p95: float
    p95_interval: Interval | None
    n: int | None = None
    from_cache: int = 0
    first_token_p50: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The percentiles in milliseconds, and what they rest on, as JSON-ready values."""
        first = self.first_token_p50
        return {
            "latency_ms": {"p50": round(self.p50, 4), "p95": round(self.p95, 4)},
            "timed": {"n": self.n, "from_cache": self.from_cache},
            "first_token_ms": None if first is None else {"p50": round(first, 4)},
        }


def measure_latency(
    answers: Sequence[Answer], clusters: Sequence[Hashable] | None = None, *, seed: int
) -> Latency | None:
    """Median and 95th percentile over the answers that were timed; None when none was.

    Args:
        answers: Failed ones count too: someone waited for them.
        clusters: One for each answer; None where they are independent.
        seed: Of the bootstrap.
    """
    kept = [place for place, answer in enumerate(answers) if is_timed(answer)]
    if not kept:
        return None
    times = total_times(answers)
    groups = None if clusters is None else [clusters[place] for place in kept]
    return Latency(
        p50=quantile(times, 0.5),
        p95=quantile(times, 0.95),
        p95_interval=bootstrap_interval([float(time) for time in times], p95, groups, seed=seed),
        n=len(kept),
        from_cache=sum(answer.from_cache for answer in answers),
        first_token_p50=_first_token(answers),
    )


def p95(times: Floats) -> float:
    """The time that 95 % of the answers do not exceed."""
    return quantile(times, 0.95)


def total_times(answers: Sequence[Answer]) -> Floats:
    """Milliseconds of the answers that were timed, shape (timed,)."""
    return np.array([answer.milliseconds["total"] for answer in answers if is_timed(answer)])


def is_timed(answer: Answer) -> bool:
    """Whether an answer has a time that somebody would wait: it was measured, and not given again from the cache."""
    return "total" in answer.milliseconds and not answer.from_cache


def _first_token(answers: Sequence[Answer]) -> float | None:
    timed = [a.milliseconds["first_token"] for a in answers if is_timed(a) and "first_token" in a.milliseconds]
    return quantile(np.array(timed), 0.5) if timed else None
