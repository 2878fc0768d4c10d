"""The cost model after a measurement: what was measured replaces what was assumed, and nothing unknown counts as 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.forecast import forecast_costs
from groundtune.economics.measured import bill_per_month, cost_per_right_answer, with_measurement
from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.run import Measured, analyse, judge
from groundtune.experiment.scorers import SCORERS
from groundtune.models.prices import NoPrice, Price, Rates
from groundtune.records import SYSTEM_IDS, Answer, Usage
from groundtune.testing.scripted import queries, result_of, say

PRICE = Price(
    rates=Rates(
        input=Decimal("2e-6"), output=Decimal("8e-6"), cached_input=Decimal("1e-6"), cache_write=Decimal("2e-6")
    ),
    source="a list",
    date=date(2026, 11, 1),
)


def metered(right: Callable[[int], bool] = lambda n: n % 4 == 0, count: int = 12) -> ExperimentResult:
    """Four systems whose answers read 100 + n tokens (10 of them cached) and write 20, in 50 ms."""
    asked = queries(count)
    answers: dict[tuple[str, str], Answer] = {}
    for system in SYSTEM_IDS:
        for n, query in enumerate(asked):
            text = query.answers[0] if right(n) else "nonsense"
            usage = Usage(input_tokens=100 + n, output_tokens=20, cached_tokens=10)
            answers[system, query.id] = replace(say(system, query, text, milliseconds=50.0), usage=usage, model="m")
    places = {query.id: query.id for query in asked}
    scorer = SCORERS["token_f1"]
    measured = Measured(prices=dict.fromkeys(SYSTEM_IDS, PRICE))
    return analyse(
        "r1", judge(answers, list(SYSTEM_IDS), asked, scorer, clusters=places), scorer, seed=7, measured=measured
    )


def test_the_model_costs_a_query_what_the_experiment_says() -> None:
    result = metered()
    assumed = with_measurement(Assumptions().with_prices(PRICE, PRICE), result, concurrency=1)
    forecast = forecast_costs(assumed)
    for system in SYSTEM_IDS:
        assert forecast.systems[system].per_query[1] == pytest.approx(result.systems[system].cost_per_query_usd)
        assert assumed[f"input_tokens.{system}"].source == "measured in run r1"
        low, likely, high = assumed[f"input_tokens.{system}"].range
        assert low < likely < high
        assert likely == pytest.approx(105.5)


def test_what_was_not_measured_is_not_known() -> None:
    assumed = with_measurement(
        Assumptions(), result_of({"prompt": lambda _: True, "rag": lambda _: True}, 6), concurrency=1
    )
    assert assumed.likely("input_tokens.tuned") is None
    assert assumed.likely("input_tokens.prompt") is None, "nobody counted the tokens"
    forecast = forecast_costs(assumed)
    assert forecast.systems["prompt"].per_query == (None, None, None)
    assert forecast.cheapest() is None
    assert bill_per_month(assumed, "tuned") is None


def test_a_machine_of_ones_own_costs_its_time() -> None:
    own: dict[str, float | tuple[float, float, float] | None] = {
        "self_hosted": 1,
        "hosting_usd_per_hour": 3.6,
        "utilisation": 0.5,
        "spare_machines": 0,
    }
    assumed = with_measurement(Assumptions().given(own, source="you"), metered(), concurrency=2)
    # 50 ms at 2 questions at a time: 40 answers a second; half used: 20; $3.60 an hour is $0.001 a second.
    assert forecast_costs(assumed).systems["rag"].per_query[1] == pytest.approx(0.001 / 20)


def test_a_machine_whose_price_nobody_gave_costs_an_unknown_amount() -> None:
    given: dict[str, float | tuple[float, float, float] | None] = {"self_hosted": 1, "hosting_usd_per_hour": None}
    assumed = with_measurement(Assumptions().given(given, source="you"), metered(), concurrency=1)
    assert bill_per_month(assumed, "prompt") is None
    assert forecast_costs(assumed).systems["prompt"].totals[12] == (None, None, None)


def test_a_missing_price_is_not_known_and_says_why() -> None:
    assumed = Assumptions().with_prices(NoPrice(reason="no list"), PRICE)
    assert assumed["input_price"].likely is None
    assert assumed["input_price"].source == "no list"
    assert assumed["tuned_input_price"].likely == pytest.approx(2.0)
    assert assumed["tuned_input_price"].date == "2026-11-01"
    forecast = forecast_costs(assumed)
    assert forecast.systems["rag"].monthly == (None, None, None)
    assert forecast.systems["tuned"].monthly[1] is not None
    unknown = [pair for pair in forecast.break_evens if {pair.below, pair.above} == {"rag", "tuned"}]
    assert [pair.never for pair in unknown] == [None, None]
    assert "not known" in unknown[0].sentence


def test_a_right_answer_pays_for_the_wrong_ones() -> None:
    result = metered()
    each = result.systems["rag"].cost_per_query_usd
    assert each is not None
    assert cost_per_right_answer(result, "rag") == pytest.approx(4 * each)
    assert cost_per_right_answer(metered(lambda _: False), "rag") is None
    assert cost_per_right_answer(result_of({"rag": lambda _: True}, 3), "rag") is None


def test_a_bill_is_for_answers_and_not_for_peoples_hours() -> None:
    volume: dict[str, float | tuple[float, float, float] | None] = {"queries_per_month": 1000, "store_usd_per_month": 7}
    assumed = with_measurement(
        Assumptions().with_prices(PRICE, PRICE).given(volume, source="you"), metered(), concurrency=1
    )
    each = metered().systems["rag"].cost_per_query_usd
    assert each is not None
    assert bill_per_month(assumed, "prompt") == pytest.approx(1000 * each)
    assert bill_per_month(assumed, "rag") == pytest.approx(1000 * each + 7)
