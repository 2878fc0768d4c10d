"""Times are of answers that somebody waited for, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from groundtune.experiment.latency import measure_latency, total_times
from groundtune.records import Answer
from groundtune.settings import Constraints
from groundtune.testing.scripted import result_of
from groundtune.verdict.constraints import check_constraints


def answer(milliseconds: Mapping[str, float], *, from_cache: bool = False) -> Answer:
    return Answer(query="q", system="s", text="x", milliseconds=milliseconds, from_cache=from_cache)


def test_latency_needs_a_clock() -> None:
    assert measure_latency([answer({})], seed=1) is None
    timed = [answer({"total": float(n)}) for n in range(1, 101)]
    latency = measure_latency([*timed, answer({})], [str(n) for n in range(101)], seed=1)
    assert latency is not None
    assert (latency.p50, latency.p95, latency.n, latency.from_cache) == (50, 95, 100, 0)
    assert latency.p95_interval is not None
    assert latency.p95_interval.low < 95 < latency.p95_interval.high
    assert latency.to_json() == {
        "latency_ms": {"p50": 50, "p95": 95},
        "timed": {"n": 100, "from_cache": 0},
        "first_token_ms": None,
    }


def test_an_answer_from_the_cache_has_no_latency() -> None:
    asked = [answer({"total": 100.0}), answer({"total": 300.0})]
    given_again = [answer({"total": 0.1, "first_token": 9.0}, from_cache=True)] * 5
    latency = measure_latency([*given_again, *asked], seed=1)
    assert latency is not None
    assert (latency.p50, latency.n, latency.from_cache, latency.first_token_p50) == (100, 2, 5, None)
    assert measure_latency(given_again, seed=1) is None
    assert total_times([*given_again, *asked]).tolist() == [100, 300]


def test_the_first_token_is_timed_apart() -> None:
    asked = [answer({"total": 100.0, "first_token": float(n)}) for n in (30, 10, 20)]
    latency = measure_latency([*asked, answer({"total": 50.0})], seed=1)
    assert latency is not None
    assert latency.first_token_p50 == 20
    assert latency.to_json()["first_token_ms"] == {"p50": 20}


def test_a_limit_is_checked_on_answers_that_were_waited_for() -> None:
    result = result_of({"prompt": lambda _: True}, 40, milliseconds=500.0)
    limit = Constraints(latency_p95_ms=100)
    rows = tuple(
        replace(row, answers={"prompt": replace(row.answers["prompt"], from_cache=True, milliseconds={"total": 0.1})})
        if number % 2
        else row
        for number, row in enumerate(result.rows)
    )
    partly = check_constraints(replace(result, rows=rows), limit)
    assert [check.met for check in partly] == [False]
    wholly = tuple(
        replace(row, answers={"prompt": replace(row.answers["prompt"], from_cache=True)}) for row in result.rows
    )
    unknown = check_constraints(replace(result, rows=wholly), limit)
    assert [check.met for check in unknown] == [None]
