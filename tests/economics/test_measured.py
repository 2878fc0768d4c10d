"""Costs are what the prices say, and unknown where a price is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.economics.measured import measured_costs, monthly_cost
from groundtune.testing.scripted import result_of


def test_without_a_price_nothing_is_known() -> None:
    costs = measured_costs(result_of({"prompt": lambda _: True}, 4), queries_per_month=1000)
    assert costs["prompt"].to_json() == {"per_query_usd": None, "per_right_answer_usd": None, "per_month_usd": None}


def test_a_right_answer_pays_for_the_wrong_ones() -> None:
    result = result_of({"prompt": lambda n: n % 4 == 0, "rag": lambda _: False}, 8)
    priced = replace(
        result, systems={name: replace(row, cost_per_query_usd=0.01) for name, row in result.systems.items()}
    )
    costs = measured_costs(priced, queries_per_month=200_000)
    assert costs["prompt"].per_right_answer == pytest.approx(0.04)
    assert costs["prompt"].per_month == pytest.approx(2000)
    assert costs["rag"].per_right_answer is None
    assert monthly_cost(0.01, None) is None
