"""The estimate for the busiest hour against a simulated queue."""

from __future__ import annotations

import heapq
import math
import random

import pytest

from groundtune.economics.busy_hour import busy_p95

TIMES = [50.0, 80.0, 90.0, 100.0, 110.0, 120.0, 150.0, 300.0]
"""Milliseconds; 125 on average."""


def simulated(per_second: float, slots: int, count: int = 200_000) -> float:
    generator = random.Random(5)
    free, now, found = [0.0] * slots, 0.0, []
    for _ in range(count):
        now += generator.expovariate(per_second)
        ended = max(now, heapq.heappop(free)) + generator.choice(TIMES) / 1000
        heapq.heappush(free, ended)
        found.append(1000 * (ended - now))
    return sorted(found)[int(0.95 * count)]


@pytest.mark.parametrize(("per_second", "slots"), [(0.5, 1), (4, 1), (6, 1), (6, 2), (20, 4)])
def test_it_comes_close_to_a_simulated_queue(per_second: float, slots: int) -> None:
    found = busy_p95(TIMES, per_second=per_second, slots=slots)
    assert found == pytest.approx(simulated(per_second, slots), rel=0.12)


def test_nobody_waits_where_nobody_comes_and_for_ever_where_too_many_do() -> None:
    assert busy_p95(TIMES, per_second=0, slots=1) == 300
    assert busy_p95(TIMES, per_second=8, slots=1) == math.inf
    assert busy_p95([], per_second=1, slots=1) is None
