"""Break-even volumes against a search over volumes, and the honest "never" and "not known"."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.breakeven import BreakEven
from groundtune.economics.draws import likely_values
from groundtune.economics.forecast import forecast_costs
from groundtune.economics.formula import cost_items, total_cost


def pair(assumptions: Assumptions, first: str, second: str, months: int = 12) -> BreakEven:
    found = forecast_costs(assumptions).break_evens
    return next(p for p in found if {p.below, p.above} == {first, second} and p.months == months)


def assumed(**changes: float | None) -> Assumptions:
    return Assumptions().given(dict(changes), source="a test")


@pytest.mark.parametrize("months", [12, 36])
def test_at_the_break_even_both_cost_the_same(months: int) -> None:
    assumptions = assumed(label_minutes=10, tuning_hours=80)
    found = pair(assumptions, "rag", "tuned", months)
    assert found.volume is not None
    values = likely_values(assumptions)

    def difference(volume: float) -> float:
        costs = [total_cost(cost_items(values, s), np.asarray(volume), months) for s in (found.below, found.above)]
        return float(costs[0] - costs[1])

    assert found.volume == pytest.approx(brentq(difference, 1, 1e12), rel=1e-6)
    assert difference(found.volume / 2) < 0 < difference(found.volume * 2), "dearer below, cheaper above"
    assert found.low is not None
    assert found.low <= found.volume
    assert found.high is None or found.volume <= found.high


def test_of_two_systems_that_differ_in_fixed_costs_alone_the_cheaper_one_always_is() -> None:
    found = pair(assumed(**{"input_tokens.rag": 620}), "prompt", "rag")
    cheaper = found.above if found.volume == 0 else found.below
    assert cheaper == "prompt"


def test_the_system_with_the_cheaper_queries_is_the_one_from_the_volume_on() -> None:
    dear = pair(assumed(tuned_input_price=50, tuned_output_price=50), "rag", "tuned")
    assert (dear.below, dear.above) == ("tuned", "rag")


def test_a_system_that_is_dearer_in_everything_is_never_the_cheaper_one() -> None:
    slow = assumed(
        tuned_input_price=0, tuned_output_price=0, tuned_cached_price=0, input_price=0, cached_price=0, output_price=0
    )
    found = pair(slow, "prompt", "tuned")
    assert found.volume is None
    assert found.never == 1.0
    assert "never cheaper" in found.sentence
    assert found.to_json()["interval"] == [None, None]


def test_facts_that_change_all_the_time_cannot_be_trained_and_their_cost_is_not_known() -> None:
    found = pair(Assumptions().with_knowledge_changes("live"), "rag", "tuned")
    assert found.never is None
    assert found.to_json()["interval"] is None
    assert "not known" in found.sentence


@settings(max_examples=8, deadline=None)
@given(first=st.floats(1, 30), more=st.floats(1.05, 4))
def test_dearer_labels_never_lower_the_volume_from_which_tuning_pays(first: float, more: float) -> None:
    volumes = [pair(assumed(label_minutes=minutes), "rag", "tuned").volume for minutes in (first, first * more)]
    assert volumes[0] is not None
    assert volumes[1] is not None
    assert volumes[1] >= volumes[0]


def test_the_same_assumptions_give_the_same_forecast() -> None:
    assert forecast_costs().to_json() == forecast_costs(Assumptions()).to_json()
