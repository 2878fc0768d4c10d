"""How long answers take when queries come as they come: an open-loop load run.

Queries arrive at random (Poisson) whether or not earlier ones are answered, and each answer's time counts from when its
query was due. A client that waits for one answer before it sends the next query would hide the queue.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter, sleep
from typing import Any

import numpy as np
from scipy.stats import binom

from groundtune.errors import GateClosed
from groundtune.experiment.asking import AnswersQueries, answer_timed
from groundtune.experiment.statistics.resampling import quantile
from groundtune.records import Query

__all__ = ["FEWEST", "LoadPlan", "LoadResult", "arrivals", "run_load", "upper_p95"]

FEWEST = 59
"""Answers from which on the 95th percentile has a 95 % upper bound whatever the distribution: 0.95^59 < 0.05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """One load run.

    Attributes:
        per_second: Queries that arrive in a second on average, above 0.
        seconds: For how long queries arrive, above 0; the last answers come later.
        slots: Most queries under way at the same time, at least 1; the others wait.
        seed: Of the arrivals and of the order of the queries.
    """

    per_second: float
    seconds: float
    slots: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What came out for one system; times are milliseconds from when a query was due until its answer was there.

    Attributes:
        n: Queries that arrived.
        failed: Those without an answer; their times count too.
        p50: Median.
        p95: 95th percentile.
        p95_at_most: Upper end of its one-sided 95 % interval; None for fewer than `FEWEST` queries.
        waited_p95: 95th percentile of the time until an answer was begun: the queue alone.
        service_mean: Mean time of an answer once it was begun.
    """

    system: str
    plan: LoadPlan
    n: int
    failed: int
    p50: float
    p95: float
    p95_at_most: float | None
    waited_p95: float
    service_mean: float

    @property
    def load(self) -> float:
        """Share of the slots in use on average; from 1 on the queue only grows."""
        return self.plan.per_second * self.service_mean / 1000 / self.plan.slots

    def keeps(self, limit_ms: float) -> bool | None:
        """Whether the 95th percentile keeps a limit, with a confidence of 95 %; None where too few queries can say."""
        if self.p95_at_most is not None and self.p95_at_most <= limit_ms:
            return True
        return False if self.p95 > limit_ms else None

    def to_json(self) -> dict[str, Any]:
        """As ``experiment --json`` gives it under ``load``."""
        bound = self.p95_at_most
        return {
            "arrivals_per_second": self.plan.per_second,
            "seconds": self.plan.seconds,
            "concurrency": self.plan.slots,
            "n": self.n,
            "failed": self.failed,
            "latency_ms": {"p50": round(self.p50, 4), "p95": round(self.p95, 4)},
            "p95_at_most_ms": None if bound is None else round(bound, 4),
            "waited_p95_ms": round(self.waited_p95, 4),
            "service_mean_ms": round(self.service_mean, 4),
            "load": round(self.load, 4),
        }


@dataclass(frozen=True, slots=True)
class _Served:
    """When one query was due, begun and answered, in seconds from the beginning."""

    due: float
    begun: float
    ended: float
    failed: bool


def arrivals(plan: LoadPlan) -> Iterator[float]:
    """Seconds from the beginning at which queries are due: a Poisson process, the same for every system."""
    generator = random.Random(plan.seed)
    due = generator.expovariate(plan.per_second)
    while due < plan.seconds:
        yield due
        due += generator.expovariate(plan.per_second)


def run_load(
    system: AnswersQueries,
    queries: Sequence[Query],
    plan: LoadPlan,
    progress: Callable[[int, int], None] | None = None,
) -> LoadResult:
    """Let queries arrive at a system, and time each answer from when its query was due.

    Args:
        system: Answers once beforehand, so that loading weights does not count.
        queries: No labels are needed; asked in random order, again and again.
        plan: When, for how long, how many at once.
        progress: Called with (queries sent, queries to send).

    Raises:
        GateClosed: when no query would arrive in that time.
        BudgetSpent: when a budget does not allow a further call.
    """
    times = list(arrivals(plan))
    if not times:
        raise GateClosed(
            f"At {plan.per_second:.3g} queries a second none would arrive in {plan.seconds:g} seconds. "
            f"For a 95th percentile with a bound, give {FEWEST / plan.per_second:,.0f} seconds or more."
        )
    shuffled = list(queries)
    random.Random(plan.seed).shuffle(shuffled)
    answer_timed(system.id, system, shuffled[0])
    return _result(system.id, plan, _serve(system, list(zip(times, cycle(shuffled), strict=False)), plan, progress))


def _serve(
    system: AnswersQueries,
    due: Sequence[tuple[float, Query]],
    plan: LoadPlan,
    progress: Callable[[int, int], None] | None,
) -> list[_Served]:
    """Send every query when it is due; those that find no slot wait in the pool."""
    began = perf_counter()

    def serve(at: float, query: Query) -> _Served:
        begun = perf_counter() - began
        answer = answer_timed(system.id, system, query)
        return _Served(at, begun, perf_counter() - began, answer.error is not None)

    pool = ThreadPoolExecutor(plan.slots, thread_name_prefix="load")
    try:
        futures: list[Future[_Served]] = []
        for sent, (at, query) in enumerate(due, start=1):
            sleep(max(0.0, began + at - perf_counter()))
            futures.append(pool.submit(copy_context().run, serve, at, query))
            if progress:
                progress(sent, len(due))
        return [future.result() for future in futures]
    finally:
        # After an error nothing more is asked; otherwise nothing is left to cancel.
        pool.shutdown(cancel_futures=True)


def _result(system: str, plan: LoadPlan, served: Sequence[_Served]) -> LoadResult:
    total = np.array([1000 * (one.ended - one.due) for one in served])
    waited = np.array([1000 * (one.begun - one.due) for one in served])
    return LoadResult(
        system=system,
        plan=plan,
        n=len(served),
        failed=sum(one.failed for one in served),
        p50=quantile(total, 0.5),
        p95=quantile(total, 0.95),
        p95_at_most=upper_p95([float(time) for time in total]),
        waited_p95=quantile(waited, 0.95),
        service_mean=float((total - waited).mean()),
    )


def upper_p95(times: Sequence[float]) -> float | None:
    """The observed time that the 95th percentile exceeds with a probability of at most 0.05, whatever the distribution.

    The k-th smallest of n times, with the smallest k for which a binomial count (n, 0.95) is below k with a probability
    of at least 0.95. None where even the slowest is too early, which is so for fewer than `FEWEST` times.
    """
    place = int(binom.ppf(0.95, len(times), 0.95)) + 1
    return sorted(times)[place - 1] if place <= len(times) else None
