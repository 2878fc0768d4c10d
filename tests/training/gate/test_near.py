"""Near pairs: the quick search is held against comparing every pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.training.gate.near import JACCARD, SAME_MEANING, near_in_letters, near_in_meaning


def shingles(text: str) -> set[str]:
    return {text[start : start + 5] for start in range(max(1, len(text) - 4))}


def test_every_pair_is_truly_near_and_few_near_pairs_are_missed() -> None:
    rng = np.random.default_rng(5)
    vocabulary = ["".join(rng.choice(list("abcdefghij"), size=6)) for _ in range(60)]
    texts = []
    for _ in range(60):
        text = list(rng.choice(vocabulary, size=14))
        texts.append(" ".join(text))
        text[rng.integers(14)] = rng.choice(vocabulary)
        texts.append(" ".join(text))
    expected = {}
    for (i, first), (j, second) in combinations(enumerate(texts), 2):
        a, b = shingles(first), shingles(second)
        if len(a & b) / len(a | b) >= JACCARD:
            expected[i, j] = len(a & b) / len(a | b)
    pairs = {(pair.first, pair.second): pair.strength for pair in near_in_letters(texts)}
    assert pairs.items() <= expected.items()
    assert len(expected) > 20
    assert len(pairs) >= 0.9 * len(expected)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_text_can_be_compared(texts: list[str]) -> None:
    pairs = {(pair.first, pair.second) for pair in near_in_letters([*texts, *texts])}
    assert {(place, len(texts) + place) for place in range(len(texts))} <= pairs


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(2, 2_300))
def test_near_in_meaning_is_every_pair_over_the_bar(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    few = rng.choice(count, size=min(count, 40), replace=False)
    found = {(pair.first, pair.second) for pair in near_in_meaning(vectors)}
    assert all(first < second for first, second in found)
    for i, j in combinations(sorted(few), 2):
        cosine = float(vectors[i] @ vectors[j])
        if abs(cosine - SAME_MEANING) > 1e-5:
            assert ((i, j) in found) is (cosine >= SAME_MEANING)
