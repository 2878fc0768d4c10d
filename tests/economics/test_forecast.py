"""The whole forecast: ranges that hold their likely value, drivers in order, JSON without holes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.draws import draw_values
from groundtune.economics.forecast import forecast_costs
from groundtune.economics.tornado import drivers_of
from groundtune.records import SYSTEM_IDS


def test_the_likely_cost_lies_in_its_range_and_the_items_sum_up() -> None:
    forecast = forecast_costs()
    volume = forecast.assumptions.likely("queries_per_month") or 0
    for cost in forecast.systems.values():
        items = {kind: sum(value or 0 for value in kinds.values()) for kind, kinds in cost.items.items()}
        assert cost.setup[1] == pytest.approx(items["setup"])
        assert cost.monthly[1] == pytest.approx(items["monthly"] + volume * items["per_query"])
        assert cost.totals[36][1] == pytest.approx(items["setup"] + 36 * (cost.monthly[1] or 0))
        for low, likely, high in (cost.setup, cost.monthly, cost.per_query, *cost.totals.values()):
            assert low is not None
            assert likely is not None
            assert high is not None
            assert low <= likely <= high
    assert forecast.cheapest() == "prompt"
    shown = json.loads(json.dumps(forecast.to_json(), allow_nan=False))
    assert set(shown["systems"]) == set(SYSTEM_IDS)
    assert len(shown["break_even"]) == 12
    assert shown["assumptions"]["label_minutes"]["source"]


def test_exact_numbers_leave_no_range() -> None:
    exact: dict[str, float | tuple[float, float, float] | None] = {
        name: quantity.likely for name, quantity in Assumptions().quantities.items()
    }
    cost = forecast_costs(Assumptions().given(exact, source="certain")).systems["rag"]
    assert cost.totals[12][0] == pytest.approx(cost.totals[12][2])
    assert cost.drivers == ()


def test_draws_lie_in_the_range_with_their_median_at_the_likely_value() -> None:
    drawn = draw_values(Assumptions(), draws=20_000)
    low, likely, high = Assumptions()["label_minutes"].range
    assert low <= drawn["label_minutes"].min() <= drawn["label_minutes"].max() <= high
    assert np.median(drawn["label_minutes"]) == pytest.approx(likely, rel=0.02)
    # Long questions are long for all systems; hours of work do not know of them.
    together = np.corrcoef(drawn["input_tokens.prompt"], drawn["input_tokens.rag"])[0, 1]
    apart = np.corrcoef(drawn["input_tokens.prompt"], drawn["tuning_hours"])[0, 1]
    assert together > 0.9
    assert abs(apart) < 0.05


def test_the_strongest_driver_comes_first_and_swings_as_far_as_the_total_does() -> None:
    drivers = drivers_of(Assumptions(), "tuned", months=12)
    assert [driver.swing for driver in drivers] == sorted((driver.swing for driver in drivers), reverse=True)
    assert len(drivers) == 5
    name = drivers[0].name
    low, _, high = Assumptions()[name].range
    ends = [
        forecast_costs(Assumptions().given({name: end}, source="one end")).systems["tuned"].totals[12][1]
        for end in (low, high)
    ]
    assert [drivers[0].low, drivers[0].high] == pytest.approx(ends)


def test_an_unknown_number_takes_only_what_needs_it() -> None:
    forecast = forecast_costs(Assumptions().given({"training_price": None}, source="nobody knows"))
    assert forecast.systems["tuned"].setup == (None, None, None)
    assert forecast.systems["tuned"].drivers == ()
    assert forecast.systems["rag"].setup[1] is not None
    assert forecast.cheapest() is None
