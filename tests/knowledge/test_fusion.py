"""Fusion of rankings against values worked by hand and against an outside implementation of nDCG."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.knowledge.fusion import ALPHAS, best_alpha, convex, ndcg, reciprocal_rank

scores = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 100).map(lambda n: n / 100), max_size=8)


def test_reciprocal_rank_by_hand() -> None:
    fused = reciprocal_rank([["a", "b"], ["b", "c"]])
    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


def test_convex_by_hand() -> None:
    fused = convex({"a": 0.5, "b": 0.2}, {"b": 8.0, "c": 2.0}, 0.25)
    assert fused == pytest.approx({"a": 0.25, "b": 0.25 * 1.2 / 1.5 + 0.75, "c": 0.75 * 0.25})


@given(scores, scores)
def test_the_ends_of_the_scale_are_the_rankings_themselves(dense: dict[str, float], lexical: dict[str, float]) -> None:
    for alpha, wanted in ((1.0, dense), (0.0, lexical)):
        fused = convex(dense, lexical, alpha)
        ranked = sorted(wanted, key=lambda name: (-fused[name], name))
        assert [wanted[name] for name in ranked] == sorted(wanted.values(), reverse=True)


@given(scores, scores, st.sampled_from(ALPHAS))
def test_a_mix_stays_between_0_and_1(dense: dict[str, float], lexical: dict[str, float], alpha: float) -> None:
    fused = convex(dense, lexical, alpha)
    assert set(fused) == set(dense) | set(lexical)
    assert all(0.0 <= score <= 1.0 + 1e-9 for score in fused.values())


def test_ndcg_by_hand() -> None:
    # Gains at ranks 1 and 3 of three relevant: (1 + 1/2) / (1 + 1/log2(3) + 1/2).
    assert ndcg(["a", "x", "b"], {"a", "b", "c"}) == pytest.approx(1.5 / (1 + 0.6309297535714575 + 0.5))
    assert ndcg(["x"], {"a"}) == 0.0
    assert ndcg(["a"], set()) == 0.0


def test_the_best_weight_is_the_one_nearest_to_an_even_mix_among_equals() -> None:
    assert best_alpha({0.0: [1.0], 0.4: [1.0], 0.9: [1.0], 1.0: [0.5]}) == 0.4
    assert best_alpha({0.2: [0.9, 0.9], 0.5: [1.0, 0.2]}) == 0.2
