"""Waiting times against the published table, a simulation, and what must hold for every queue."""

from __future__ import annotations

import heapq
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.economics.queueing import arrivals_per_second, chance_to_wait, drawn_waits, mean_wait

ONE = np.asarray(1.0)


def erlang_c(load: float, slots: int) -> float:
    """The textbook sum."""
    top = load**slots / math.factorial(slots) * slots / (slots - load)
    return top / (sum(load**k / math.factorial(k) for k in range(slots)) + top)


@pytest.mark.parametrize("slots", [1, 2, 4, 16])
@pytest.mark.parametrize("busy", [0.1, 0.5, 0.7, 0.9])
def test_the_chance_to_wait_is_erlangs(slots: int, busy: float) -> None:
    assert chance_to_wait(np.asarray(busy * slots), np.asarray(slots)) == pytest.approx(erlang_c(busy * slots, slots))


@pytest.mark.parametrize(
    ("slots", "busy", "wait"),
    [
        (1, 0.5, 4.6),
        (1, 0.7, 8.8),
        (1, 0.8, 13.9),
        (1, 0.9, 28.9),
        (4, 0.5, 0.6),
        (4, 0.8, 3.1),
        (4, 0.9, 6.9),
        (16, 0.9, 1.5),
    ],
)
def test_slowest_waits_in_units_of_service(slots: int, busy: float, wait: float) -> None:
    """ln(C / 0.05) / (c (1 - rho)), to the table's one decimal."""
    uniform = (np.arange(200_000) + 0.5) / 200_000
    waits = drawn_waits(uniform, np.asarray(busy * slots), np.asarray(slots), ONE, ONE)
    assert np.quantile(waits, 0.95) == pytest.approx(wait, abs=0.06)


@pytest.mark.parametrize(("slots", "busy"), [(1, 0.6), (3, 0.8)])
def test_mean_waits_agree_with_a_simulated_queue(slots: int, busy: float) -> None:
    generator = random.Random(11)
    free = [0.0] * slots
    now, waited, count = 0.0, 0.0, 200_000
    for _ in range(count):
        now += generator.expovariate(busy * slots)
        start = max(now, heapq.heappop(free))
        waited += start - now
        heapq.heappush(free, start + generator.expovariate(1.0))
    assert float(mean_wait(np.asarray(busy * slots), np.asarray(slots), ONE, ONE)) == pytest.approx(
        waited / count, rel=0.06
    )


def test_more_queries_than_slots_wait_for_ever() -> None:
    assert mean_wait(np.asarray(2.5), np.asarray(2.0), ONE, ONE) == math.inf
    assert chance_to_wait(np.asarray(2.5), np.asarray(2.0)) == 1
    assert np.isinf(drawn_waits(np.asarray([0.0, 0.5]), np.asarray(2.5), np.asarray(2.0), ONE, ONE)).all()


@given(st.floats(0.01, 30), st.integers(1, 32), st.floats(0, 3))
def test_waits_grow_with_the_load_and_shrink_with_slots(load: float, slots: int, variation: float) -> None:
    def wait(used: float, places: int) -> float:
        return float(mean_wait(np.asarray(used), np.asarray(float(places)), ONE, np.asarray(variation)))

    assert wait(load, slots) >= 0
    assert wait(load * 1.1, slots) >= wait(load, slots)
    assert wait(load, slots + 1) <= wait(load, slots)


def test_the_busiest_hour() -> None:
    # 730 h a month of 3,600 s: 2,628,000 queries a month are one a second, and five in the busiest hour.
    assert arrivals_per_second(np.asarray(2_628_000.0), np.asarray(5.0)) == pytest.approx(5.0)
