"""An open-loop load run: arrivals are Poisson, times count from when a query was due, and no wait is hidden."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, kstest

from groundtune.errors import BudgetSpent, GateClosed, ModelError
from groundtune.experiment.load import FEWEST, LoadPlan, arrivals, run_load, upper_p95
from groundtune.records import Answer, Query
from groundtune.testing.scripted import queries

FAST = LoadPlan(per_second=200, seconds=0.2, slots=2, seed=3)


@dataclass
class Blocked:
    """Answers at once, but the ``first`` measured answer waits until it has been let go."""

    id: str = "rag"
    asked: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    under_way: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, query: Query) -> Answer:
        with self.lock:
            self.asked.append(query.id)
            place = len(self.asked)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        if place == 2:  # the one after the warm-up
            self.released.wait(30)
        with self.lock:
            self.under_way -= 1
        return Answer(query=query.id, system=self.id, text="yes")


def test_arrivals_are_a_poisson_process_and_the_same_each_time() -> None:
    plan = LoadPlan(per_second=5, seconds=1000, slots=1, seed=1)
    times = np.array(list(arrivals(plan)))
    assert list(arrivals(plan)) == list(times)
    assert times.size == pytest.approx(5000, rel=0.05)
    assert kstest(np.diff(times), "expon", args=(0, 1 / 5)).pvalue > 0.01


def test_a_query_that_waits_behind_a_slow_one_is_not_forgiven() -> None:
    """One slot, held until every query is due: all of them waited, and all the waiting counts."""
    system = Blocked()
    plan = LoadPlan(per_second=200, seconds=0.2, slots=1, seed=3)
    due = list(arrivals(plan))

    def let_go(sent: int, total: int) -> None:
        if sent == total:
            system.released.set()

    found = run_load(system, queries(5), plan, let_go)
    assert found.n == len(due)
    assert found.failed == 0
    assert system.most == 1
    # The middle query waited at least from when it was due until the last one was.
    assert found.p50 >= 1000 * (due[-1] - sorted(due)[len(due) // 2]) - 1
    assert found.waited_p95 > found.p95 / 2
    assert found.p95 >= found.p50


def test_all_queries_are_asked_in_turn_and_no_more_than_allowed_at_once() -> None:
    system = Blocked()
    system.released.set()
    told: list[tuple[int, int]] = []
    found = run_load(system, queries(4), FAST, lambda sent, total: told.append((sent, total)))
    assert set(system.asked) == {"q0", "q1", "q2", "q3"}
    assert len(system.asked) == found.n + 1, "one answer beforehand, to warm up"
    assert told[-1] == (found.n, found.n)
    assert system.most <= FAST.slots
    assert found.to_json()["concurrency"] == FAST.slots
    assert found.load == pytest.approx(200 * found.service_mean / 1000 / 2)


class Failing:
    id = "tuned"

    def __init__(self, error: Exception, after: int) -> None:
        self.error, self.left = error, after

    def answer(self, query: Query) -> Answer:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return Answer(query=query.id, system=self.id, text="yes")


def test_failed_answers_count_and_are_told() -> None:
    found = run_load(Failing(ModelError("down"), after=3), queries(2), FAST)
    assert found.failed == found.n - 2


def test_a_spent_budget_ends_the_run() -> None:
    spent = BudgetSpent(limit=Decimal(1), spent=Decimal(1), needed=Decimal(1))
    with pytest.raises(BudgetSpent):
        run_load(Failing(spent, after=3), queries(2), FAST)


def test_a_run_in_which_nothing_would_arrive_says_how_long_it_takes() -> None:
    with pytest.raises(GateClosed, match="5,900 seconds or more"):
        run_load(Blocked(), queries(1), LoadPlan(per_second=0.01, seconds=0.5, slots=1, seed=1))


@pytest.mark.parametrize(("count", "known"), [(FEWEST - 1, False), (FEWEST, True)])
def test_a_bound_needs_59_answers(count: int, known: bool) -> None:
    times = [float(n) for n in range(count)]
    assert upper_p95(times) == (times[-1] if known else None)


@given(st.integers(FEWEST, 2000))
def test_the_bound_holds_in_at_least_95_of_100_runs_and_the_next_lower_one_would_not(count: int) -> None:
    bound = upper_p95([float(n + 1) for n in range(count)])
    assert bound is not None
    # The k-th smallest lies below the 95th percentile when at least k of n times do.
    assert binom.sf(bound - 1, count, 0.95) <= 0.05 < binom.sf(bound - 2, count, 0.95)
