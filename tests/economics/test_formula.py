"""The cost formula against sums done by hand, and what must hold whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.draws import likely_values
from groundtune.economics.formula import cost_items, monthly_bill, monthly_cost, total_cost
from groundtune.records import SYSTEM_IDS
from groundtune.testing.economics import random_values

DESK: dict[str, float | tuple[float, float, float] | None] = {
    "queries_per_month": 20_000,
    "input_tokens.tuned": 200,
    "output_tokens.tuned": 100,
    "cached_share.tuned": 0.25,
    "tuned_input_price": 0.3,
    "tuned_cached_price": 0.15,
    "tuned_output_price": 1.2,
    "batch_share": 0.5,
    "batch_discount": 0.5,
    "team_usd_per_hour": 80,
    "label_usd_per_hour": 24,
    "prompt_hours": 10,
    "tuning_hours": 20,
    "retuning_hours": 5,
    "prompt_hours_per_month": 1,
    "evaluation_queries": 50,
    "evaluation_minutes": 6,
    "checked_per_month": 10,
    "training_examples": 1000,
    "labelled_examples": 400,
    "label_minutes": 5,
    "example_tokens": 500,
    "epochs": 3,
    "training_price": 4,
    "knowledge_refreshes_per_year": 12,
    "base_model_changes_per_year": 2,
    "relabelled_share": 0.1,
    "tuned_hosting_usd_per_month": 30,
}


def values(**changes: float | None) -> dict[str, np.ndarray]:
    return likely_values(Assumptions().given(DESK, source="a desk").given(dict(changes), source="a change"))


def test_a_tuned_system_by_hand() -> None:
    items = cost_items(values(), "tuned")
    # 150 tokens at $0.30, 50 cached at $0.15, 100 written at $1.20 a million; half of it at half the price.
    assert items.per_query["tokens"] == pytest.approx((45 + 7.5 + 120) / 1e6 * 0.75)
    # 10 h of $80; 50 queries of 6 min at $24 (= $2.40 each); 600 of 1,000 examples of 5 min ($2 each);
    # 1.5 M trained tokens at $4; 20 h of $80.
    assert {name: float(value) for name, value in items.setup.items()} == pytest.approx(
        {
            "the prompt": 800,
            "labelled queries": 120,
            "labelling": 1200,
            "training": 6,
            "preparing and examining the tuning": 1600,
        }
    )
    # 14 times a year: $6 of training, and 100 examples at $2 with 5 h of $80.
    assert {name: float(value) for name, value in items.monthly.items()} == pytest.approx(
        {
            "care of the prompt": 80,
            "checking answers": 24,
            "spare machines": 0,
            "training again": 14 / 12 * 6,
            "labelling and examining again": 14 / 12 * 600,
            "keeping tuned weights ready": 30,
        }
    )
    queries = np.asarray(20_000.0)
    monthly = 80 + 24 + 14 / 12 * 606 + 30 + 20_000 * 129.375e-6
    assert monthly_cost(items, queries) == pytest.approx(monthly)
    assert total_cost(items, queries, 12) == pytest.approx(3726 + 12 * monthly)
    assert monthly_bill(items, queries) == pytest.approx(7 + 30 + 20_000 * 129.375e-6)


def test_weights_that_find_facts_are_tuned_again_only_for_a_new_base_model() -> None:
    again = cost_items(values(), "tuned_rag").monthly["labelling and examining again"]
    assert again == pytest.approx(2 / 12 * 600)
    assert "labelling" not in cost_items(values(), "rag").setup


def test_retrieval_adds_its_store_its_care_and_its_index() -> None:
    own = values(store_usd_per_month=200, index_usd=12, reindexed_per_month=0.5, search_usd_per_query=0.0001)
    with_retrieval, without = cost_items(own, "rag"), cost_items(own, "prompt")
    extra = {name: float(v) for name, v in with_retrieval.monthly.items() if name not in without.monthly}
    assert extra == pytest.approx({"care of documents": 4 * 80, "indexing again": 6, "vector store": 200})
    assert with_retrieval.per_query["searching"] == pytest.approx(0.0001)
    assert with_retrieval.setup["first index"] == pytest.approx(12)


def test_a_machine_by_hand() -> None:
    own = values(
        self_hosted=1, hosting_usd_per_hour=3.6, utilisation=0.4, spare_machines=1, **{"requests_per_second.rag": 5}
    )
    items = cost_items(own, "rag")
    assert items.per_query["machines"] == pytest.approx(0.001 / (5 * 0.4))
    assert items.per_query["tokens"] == 0
    assert items.monthly["spare machines"] == pytest.approx(3.6 * 730)


def test_mistakes_cost_nothing_until_somebody_says_what() -> None:
    assert cost_items(values(), "rag").per_query["mistakes"] == 0
    dear = values(wrong_usd=2, abstained_usd=5, **{"wrong_share.rag": 0.1, "abstained_share.rag": 0.2})
    assert cost_items(dear, "rag").per_query["mistakes"] == pytest.approx(1.2)
    assert np.isnan(cost_items(values(wrong_usd=2), "rag").per_query["mistakes"]), "how often is not known"


DEARER = (
    "queries_per_month",
    "input_tokens.tuned_rag",
    "output_tokens.tuned_rag",
    "tuned_input_price",
    "team_usd_per_hour",
    "label_minutes",
    "training_examples",
    "hosting_usd_per_hour",
    "store_usd_per_month",
    "base_model_changes_per_year",
    "spare_machines",
)
CHEAPER = ("labelled_examples", "utilisation", "requests_per_second.tuned_rag", "batch_discount")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(DEARER + CHEAPER), factor=st.floats(1, 5))
def test_more_of_a_cost_never_makes_anything_cheaper(seed: int, name: str, factor: float) -> None:
    before = {key: np.asarray(value) for key, value in random_values(seed).items()}
    most = Assumptions()[name].most
    after = {**before, name: np.minimum(before[name] * factor, most)}
    for system in SYSTEM_IDS:
        old, new = (float(total_cost(cost_items(v, system), v["queries_per_month"], 12)) for v in (before, after))
        room = 1e-9 * abs(old)
        assert new >= old - room if name in DEARER else new <= old + room
