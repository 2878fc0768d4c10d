"""Assumptions: every number has a source and a date, and impossible ones are named all at once."""

from __future__ import annotations

import math
from datetime import date

import pytest

from groundtune.economics.assumptions import REFRESHES, Assumptions
from groundtune.errors import AssumptionsError
from groundtune.models.prices import Price, find_price
from groundtune.records import SYSTEM_IDS
from groundtune.settings import EconomicsSettings, ModelSettings


def test_every_default_has_a_unit_a_sentence_a_source_and_a_date_and_is_possible() -> None:
    for name, quantity in Assumptions().quantities.items():
        assert quantity.unit, name
        assert quantity.about.endswith("."), name
        assert quantity.source, name
        assert date.fromisoformat(quantity.date), name
        assert list(quantity.faults()) == [], name


def test_impossible_numbers_are_named_all_at_once_with_what_is_allowed() -> None:
    with pytest.raises(AssumptionsError) as caught:
        Assumptions().given(
            {"queries": 3, "epochs": -1, "spread": math.nan, "utilisation": 2, "label_minutes": (5, 1, 2)}, source="you"
        )
    message = str(caught.value)
    assert len(caught.value.faults) == 5
    assert "queries: unknown" in message
    assert "did you mean queries_per_month" in message
    assert "epochs: -1 passes; allowed: 0 to 100" in message
    assert "utilisation: 2 share; allowed: 0.01 to 1" in message
    assert "label_minutes: low, likely and high must rise; given 5, 1, 2" in message


def test_what_is_given_is_exact_and_says_where_it_is_from() -> None:
    given = Assumptions().given({"queries_per_month": 5000}, source="your answer", date="2026-10-01")[
        "queries_per_month"
    ]
    assert list(given.range) == [5000, 5000, 5000]
    assert (given.source, given.date) == ("your answer", "2026-10-01")
    assert Assumptions()["queries_per_month"].source != "your answer", "the defaults stay"


def test_an_unknown_number_stays_unknown() -> None:
    assumed = Assumptions().given({"input_price": None}, source="nobody knows")
    assert all(math.isnan(value) for value in assumed["input_price"].range)
    assert assumed["input_price"].to_json()["likely"] is None


@pytest.mark.parametrize("changes", list(REFRESHES))
def test_every_rhythm_of_knowledge_is_a_number_of_trainings(changes: str) -> None:
    assumed = Assumptions().with_knowledge_changes(changes)
    assert assumed.likely("knowledge_refreshes_per_year") == REFRESHES[changes]
    assert Assumptions().with_knowledge_changes(None) == Assumptions()


def test_answers_of_a_label_are_shorter_than_code() -> None:
    lengths = {task: Assumptions().for_task(task).likely("output_tokens.rag") or 0 for task in ("classify", "code")}
    assert 0 < lengths["classify"] < lengths["code"]
    longer = Assumptions().for_task("summarise").likely("input_tokens.prompt") or 0
    assert longer > (Assumptions().likely("input_tokens.prompt") or 0)


@pytest.mark.parametrize(("name", "who"), [("gpt-4o-mini", ""), ("ft:gpt-4o-mini-2024-07-18", "tuned_")])
def test_the_default_prices_are_those_of_the_price_list(name: str, who: str) -> None:
    pytest.importorskip("genai_prices")
    model = ModelSettings(provider="openai", name="gpt-4o-mini")
    defaults = Assumptions()
    price = find_price(model, name, on=date.fromisoformat(defaults["input_price"].date))
    assert isinstance(price, Price)
    listed = defaults.with_prices(price, price)
    for kind in ("input", "cached", "output"):
        assert defaults.likely(f"{who}{kind}_price") == pytest.approx(listed.likely(f"{kind}_price"))


def test_the_keys_of_the_settings_are_quantities() -> None:
    assert set(EconomicsSettings.model_fields) <= set(Assumptions().quantities)
    assert {name.partition(".")[2] for name in Assumptions().quantities if "." in name} == set(SYSTEM_IDS)
