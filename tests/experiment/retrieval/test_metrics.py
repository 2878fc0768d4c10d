"""The library's measures against calculations by hand and against another implementation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.retrieval.metrics import MEASURES, query_values
from groundtune.knowledge.fusion import ndcg

rankings = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True, max_size=16)
relevants = st.sets(st.sampled_from("abcdefgh"), min_size=1)


def test_every_measure_by_hand() -> None:
    # Relevant a, b, c; found x a y b: right ones at ranks 2 and 4 of three.
    values = query_values({"q": ["x", "a", "y", "b"]}, {"q": {"a", "b", "c"}})
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert {measure: by_query["q"] for measure, by_query in values.items()} == pytest.approx(
        {
            "recall@1": 0.0,
            "recall@5": 2 / 3,
            "recall@10": 2 / 3,
            "recall@20": 2 / 3,
            "ndcg@10": (1 / math.log2(3) + 1 / math.log2(5)) / ideal,
            "mrr": 1 / 2,
            "map": (1 / 2 + 2 / 4) / 3,
        }
    )


def test_a_query_that_found_nothing_counts_with_zero_and_one_without_relevance_does_not_count() -> None:
    values = query_values({"found": ["a"]}, {"found": {"a"}, "nothing": {"a"}, "unlabelled": set()})
    assert set(values) == set(MEASURES)
    assert all(by_query == {"found": 1.0, "nothing": 0.0} for by_query in values.values())


@given(rankings, relevants)
def test_gain_and_recall_agree_with_another_implementation(ranking: list[str], relevant: set[str]) -> None:
    values = query_values({"q": ranking}, {"q": relevant})
    assert values["ndcg@10"]["q"] == pytest.approx(ndcg(ranking, relevant))
    assert values["recall@5"]["q"] == pytest.approx(len(relevant & set(ranking[:5])) / len(relevant))


@given(rankings, relevants)
def test_a_longer_list_never_recalls_less(ranking: list[str], relevant: set[str]) -> None:
    values = query_values({"q": ranking}, {"q": relevant})
    recalls = [values[f"recall@{k}"]["q"] for k in (1, 5, 10, 20)]
    assert recalls == sorted(recalls)
