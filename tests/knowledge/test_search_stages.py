"""What each stage of the search promises, whatever the passages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from groundtune.knowledge.mmr import diversified
from groundtune.knowledge.near_duplicates import Distinct
from groundtune.knowledge.reranking import mixed, reranked
from groundtune.records import Hit, Passage

seeds = st.integers(0, 10_000)
sizes = st.integers(1, 12)


def unit_vectors(seed: int, count: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, 4))
    vectors: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def passage(text: str, *, id_: str = "p", answer: str | None = None) -> Passage:
    return Passage(
        id=id_, document="d", source="d", title="", headings=(), start=0, end=len(text), text=text, answer=answer
    )


def falling(count: int) -> list[float]:
    return [float(count - place) for place in range(count)]


# -- maximal marginal relevance


@given(seeds, sizes, sizes, st.floats(0, 1))
def test_mmr_chooses_k_different_candidates_and_the_best_one_first(seed: int, n: int, k: int, weight: float) -> None:
    chosen = diversified(falling(n), unit_vectors(seed, n), k, weight)
    assert len(chosen) == len(set(chosen)) == min(n, k)
    assert chosen[0] == 0


@given(seeds, sizes, sizes)
def test_mmr_with_weight_1_keeps_the_order(seed: int, n: int, k: int) -> None:
    assert diversified(falling(n), unit_vectors(seed, n), k, 1.0) == list(range(min(n, k)))


@given(seeds, st.integers(2, 10))
def test_mmr_with_weight_0_takes_what_is_least_like_the_chosen(seed: int, n: int) -> None:
    vectors = unit_vectors(seed, n)
    first, second = diversified(falling(n), vectors, 2, 0.0)
    cosines = vectors @ vectors[first]
    assert cosines[second] == min(cosines[place] for place in range(n) if place != first)


def test_mmr_by_hand() -> None:
    # Relevance 1, 0.9, 0; the second is a copy of the first: 0.5 * 0.9 - 0.5 * 1 < 0.5 * 0 - 0.5 * 0.
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert diversified([1.0, 0.9, 0.0], vectors, 3, 0.5) == [0, 2, 1]


# -- near duplicates


@given(st.lists(st.sampled_from(["Gate A", "gate  a", "GATE A\n", "Gate B", "Gate C"]), max_size=8))
def test_of_the_same_words_only_the_first_is_kept(texts: list[str]) -> None:
    distinct = Distinct(1.0)
    kept = [text for text in texts if distinct.admits(passage(text), np.array([1.0, 0.0], np.float32))]
    plain = [" ".join(text.lower().split()) for text in texts]
    assert [" ".join(text.lower().split()) for text in kept] == list(dict.fromkeys(plain))


@given(seeds, sizes, st.floats(0.5, 0.99))
def test_no_two_kept_passages_are_as_near_as_the_threshold_and_each_dropped_one_is_near_a_kept_one(
    seed: int, n: int, threshold: float
) -> None:
    vectors, distinct = unit_vectors(seed, n), Distinct(threshold)
    kept = [place for place in range(n) if distinct.admits(passage(str(place)), vectors[place])]
    cosines = vectors @ vectors.T
    assert all(cosines[a, b] < threshold for a in kept for b in kept if a != b)
    dropped = set(range(n)) - set(kept)
    assert all(any(cosines[place, earlier] >= threshold for earlier in kept if earlier < place) for place in dropped)


def test_one_question_with_two_answers_is_two_demonstrations() -> None:
    distinct, vector = Distinct(0.9), np.array([1.0, 0.0], np.float32)
    assert distinct.admits(passage("Where?", answer="here"), vector)
    assert distinct.admits(passage("Where?", answer="there"), vector)
    assert not distinct.admits(passage("Where?", answer="there"), vector)


# -- reranking


class ByLength:
    """Longer texts first."""

    name = "fake/length"

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [float(len(text)) for text in texts]


def hits(*texts: str) -> list[Hit]:
    return [
        Hit(rank=rank, score=1.0 / rank, passage=passage(text, id_=str(rank))) for rank, text in enumerate(texts, 1)
    ]


def test_reranked_hits_are_in_the_order_of_the_reranker_with_its_scores() -> None:
    found = reranked("q", hits("a", "aaa", "aa"), ByLength(), depth=9, weight=1.0)
    assert [(hit.rank, hit.passage.text, hit.score) for hit in found] == [
        (1, "aaa", 3.0),
        (2, "aa", 2.0),
        (3, "a", 1.0),
    ]


def test_a_reranker_reads_rows_below_their_header_and_code_below_its_language() -> None:
    row = replace(passage("| Small | 10 |"), title="Shop", headings=("Prices",), above="| Plan | Euro |")
    read: list[str] = []

    class Reads(ByLength):
        def score(self, question: str, texts: Sequence[str]) -> list[float]:
            read.extend(texts)
            return super().score(question, texts)

    reranked("q", [Hit(rank=1, score=1.0, passage=row)], Reads(), depth=9, weight=1.0)
    assert read == ["Shop > Prices\n| Plan | Euro |\n| Small | 10 |"]


@given(st.lists(st.text("ab", max_size=5), max_size=8), st.integers(1, 9), st.floats(0.1, 1))
def test_reranking_loses_nothing_moves_only_what_was_read_and_scores_never_rise(
    texts: list[str], depth: int, weight: float
) -> None:
    given_ = hits(*texts)
    found = reranked("q", given_, ByLength(), depth=depth, weight=weight)
    ids = [hit.passage.id for hit in found]
    assert sorted(ids[:depth]) == sorted(hit.passage.id for hit in given_[:depth])
    assert ids[depth:] == [hit.passage.id for hit in given_[depth:]]
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(0, 1))
def test_a_mixed_score_is_a_share_and_its_ends_are_the_orders_that_it_mixes(found: list[float], weight: float) -> None:
    before = falling(len(found))
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in mixed(found, before, weight))
    assert mixed(found, before, 0.0) == sorted(mixed(found, before, 0.0), reverse=True)
    only = mixed(found, before, 1.0)
    best = max(range(len(found)), key=only.__getitem__)
    assert found[best] == pytest.approx(max(found))
