"""Latency before a measurement: stages by hand, the queue, and the chance to keep a limit."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.forecast import forecast_latency
from groundtune.records import SYSTEM_IDS

TIMES: dict[str, float | tuple[float, float, float] | None] = {
    "network_ms": 40,
    "embed_ms": 20,
    "search_ms": 30,
    "rerank_ms": 10,
    "first_token_ms": 100,
    "prefill_ms": 50,
    "token_ms": 10,
    "spread": 1,
    "slots": 10,
    "peak_factor": 5,
    "queries_per_month": 1000,
    **{f"input_tokens.{system}": 2000 for system in SYSTEM_IDS},
    **{f"output_tokens.{system}": 50 for system in SYSTEM_IDS},
}


def assumed(**changes: float | None) -> Assumptions:
    return Assumptions().given({**TIMES, **changes}, source="a test")


def test_the_stages_by_hand() -> None:
    forecast = forecast_latency(assumed())
    rag, prompt = forecast.systems["rag"], forecast.systems["prompt"]
    assert rag.stages == pytest.approx(
        {"embedding": 20, "searching": 30, "reranking": 10, "network": 40, "first token": 200, "writing": 500}
    )
    assert prompt.p50 == pytest.approx(740)
    assert rag.p50 == pytest.approx(800)
    # Nothing varies and hardly anybody waits: the slowest of twenty is the middle one.
    assert list(rag.total or ()) == pytest.approx([800, 800, 800])
    assert list(rag.first_token or ()) == pytest.approx([300, 300, 300])
    assert forecast.chance("rag") is None, "there is no limit"


@pytest.mark.parametrize(("limit", "chances"), [(739, (0, 0)), (750, (1, 0)), (801, (1, 1))])
def test_a_limit_between_two_systems_is_kept_by_one(limit: float, chances: tuple[int, int]) -> None:
    forecast = forecast_latency(assumed(), limit)
    assert [forecast.chance("prompt"), forecast.chance("rag")] == list(chances)
    assert forecast.systems["rag"].chance_first_token == 1, "streamed, its answer begins after 300 ms"


def test_the_spread_is_that_of_the_slowest_of_twenty() -> None:
    rag = forecast_latency(assumed(spread=2)).systems["rag"]
    assert rag.total is not None
    assert rag.total[1] == pytest.approx(1600, rel=0.1)
    assert rag.p50 == pytest.approx(800, rel=0.1)


def test_more_queries_than_can_be_answered_keep_no_limit() -> None:
    # 0.8 s each in one slot: 1.25 a second at most; 2,628,000 a month are one a second, five in the busiest hour.
    forecast = forecast_latency(assumed(slots=1, queries_per_month=2_628_000), 60_000)
    rag = forecast.systems["rag"]
    assert rag.load == pytest.approx(4.0)
    assert rag.chance == 0
    assert rag.total is not None
    assert math.isinf(rag.total[1])
    shown = rag.to_json()
    assert shown["overloaded"] is True
    assert shown["total_p95_ms"] == [None, None, None]
    json.dumps(forecast.to_json(), allow_nan=False)


def test_a_time_that_nobody_knows_gives_no_chance() -> None:
    forecast = forecast_latency(assumed(token_ms=None), 500)
    assert forecast.chance("tuned") is None
    assert forecast.systems["tuned"].total is None
    json.dumps(forecast.to_json(), allow_nan=False)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(limit=st.floats(100, 20_000), more=st.floats(1, 5), name=st.sampled_from(["token_ms", "queries_per_month"]))
def test_a_wider_limit_helps_and_slower_or_more_does_not(limit: float, more: float, name: str) -> None:
    plain = Assumptions()
    chance = forecast_latency(plain, limit).chance("rag") or 0
    assert (forecast_latency(plain, limit * more).chance("rag") or 0) >= chance
    low, likely, high = plain[name].range
    slower = plain.given({name: (low * more, likely * more, high * more)}, source="a test")
    assert (forecast_latency(slower, limit).chance("rag") or 0) <= chance


def test_a_longer_answer_or_prompt_never_helps() -> None:
    chances = [forecast_latency(Assumptions().for_task(task), 2500).chance("rag") or 0 for task in ("classify", "code")]
    assert chances[0] > chances[1]
    p95 = [forecast_latency(assumed(**{"input_tokens.rag": tokens})).systems["rag"].total for tokens in (500, 5000)]
    assert p95[0] is not None
    assert p95[1] is not None
    assert p95[0][1] < p95[1][1]
