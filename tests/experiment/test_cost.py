"""Costs are worked out from tokens and prices, and are unknown where one of them is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from groundtune.experiment.cost import Tokens, cost_per_query, mean_tokens
from groundtune.models.prices import NoPrice, Price, Rates
from groundtune.records import Answer, Usage

RATES = Rates(input=Decimal("2e-6"), output=Decimal("1e-5"), cached_input=Decimal("1e-6"), cache_write=Decimal("2e-6"))
PRICE = Price(rates=RATES, source="test", date=date(2026, 1, 1))


def answer(usage: Usage | None) -> Answer:
    return Answer(query="q", system="s", text="x", usage=usage, model="m")


COUNTED = answer(Usage(input_tokens=1000, output_tokens=100))


def test_cost_needs_a_price_and_a_count() -> None:
    assert cost_per_query([COUNTED, COUNTED], PRICE) == pytest.approx(0.003)
    assert cost_per_query([COUNTED], None) is None
    assert cost_per_query([COUNTED], NoPrice(reason="nobody knows")) is None
    assert cost_per_query([COUNTED, answer(None)], PRICE) is None
    assert cost_per_query([], PRICE) is None


def test_cached_tokens_have_their_own_price_and_reasoning_is_output() -> None:
    thought = answer(Usage(input_tokens=1000, output_tokens=100, cached_tokens=600, reasoning_tokens=80))
    assert cost_per_query([thought], PRICE) == pytest.approx(0.0024)


def test_an_abstention_that_asked_no_model_costs_nothing() -> None:
    unasked = Answer(query="q", system="s", text="", reason="nothing was found")
    assert cost_per_query([COUNTED, unasked], PRICE) == pytest.approx(0.0015)
    uncounted = replace(unasked, model="m")
    assert cost_per_query([COUNTED, uncounted], PRICE) is None


def test_what_failed_answers_cost_is_not_known_and_they_are_left_out() -> None:
    failed = Answer(query="q", system="s", text="", error="timeout", model="m")
    assert cost_per_query([COUNTED, failed], PRICE) == pytest.approx(0.003)
    assert cost_per_query([failed], PRICE) is None


def test_an_answer_from_the_cache_costs_what_it_did_the_first_time() -> None:
    assert cost_per_query([COUNTED, replace(COUNTED, from_cache=True)], PRICE) == pytest.approx(0.003)


def test_tokens_are_means_over_the_answers_that_were_counted() -> None:
    thought = answer(Usage(input_tokens=500, output_tokens=300, cached_tokens=100, reasoning_tokens=200))
    assert mean_tokens([COUNTED, thought, answer(None)]) == Tokens(input=750, output=200, cached=100, reasoning=200)
    assert mean_tokens([answer(None)]) == Tokens()
