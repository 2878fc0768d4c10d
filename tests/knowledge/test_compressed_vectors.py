"""Vectors in one bit and sixteen bits a dimension find what the vectors themselves find."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from groundtune.knowledge.lance.compressed import CLOSED, Compressed, Signs


def _vectors(rows: int, dimensions: int, seed: int, shift: float = 0.0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimensions)) + shift
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _compressed(vectors: NDArray[np.float32]) -> Compressed:
    numbers = np.arange(len(vectors), dtype=np.uint64) * np.uint64(3)
    middle = len(vectors) // 2
    batches = [(numbers[middle:], vectors[middle:]), (numbers[:middle], vectors[:middle])]
    return Compressed(numbers, Signs(vectors.mean(axis=0)), batches)


@given(
    rows=st.integers(1, 400),
    dimensions=st.integers(1, 140),
    depth=st.integers(1, 50),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_with_as_many_candidates_as_rows_it_is_an_exact_search_of_what_is_open(
    rows: int, dimensions: int, depth: int, seed: int, data: st.DataObject
) -> None:
    vectors, vector = _vectors(rows, dimensions, seed), _vectors(1, dimensions, seed + 100)[0]
    shut = np.array(data.draw(st.lists(st.integers(0, rows - 1), unique=True, max_size=rows)), np.int64)
    closed = np.zeros(rows, np.uint16)
    closed[shut] = CLOSED
    places, cosines = _compressed(vectors).nearest(vector, depth, rows, closed if len(shut) else None)
    exact = vectors @ vector
    exact[shut] = -np.inf
    assert len(places) == len(set(places.tolist())) == min(depth, rows - len(shut))
    assert not set(places.tolist()) & set(shut.tolist())
    assert np.allclose(cosines, exact[places], atol=1e-4)
    assert np.allclose(np.sort(exact[places]), np.sort(exact)[rows - len(places) :], atol=1e-4)


def test_few_candidates_hold_the_nearest_also_where_vectors_share_a_direction() -> None:
    """Random vectors, the hardest: a tenth of them holds three in four of the nearest, and is no more than a tenth."""
    for shift in (0.0, 3.0):
        vectors = _vectors(20_000, 128, 1, shift)
        compressed, found = _compressed(vectors), 0
        for query in _vectors(20, 128, 2, shift) * 0.4 + vectors[:20]:
            vector = query / np.linalg.norm(query)
            candidates = compressed._candidates(vector, 2000, None)
            assert len(candidates) < 3000
            found += len(set(candidates.tolist()) & set(np.argsort(-(vectors @ vector))[:10].tolist()))
        assert found >= 0.75 * 200, (shift, found)


def test_about_as_many_candidates_as_asked_for_are_compared_and_all_equal_ones() -> None:
    vectors = _vectors(20_000, 64, 3)
    vectors[5000:9000] = vectors[4999]
    compressed = _compressed(vectors)
    assert 1000 <= len(compressed._candidates(vectors[0], 1000, None)) <= 3000
    assert set(range(4999, 9000)) <= set(compressed._candidates(vectors[4999], 1000, None).tolist())


def test_vectors_come_back_as_they_were() -> None:
    vectors = _vectors(50, 70, 4)
    places = np.array([7, 3, 49], np.int64)
    assert np.allclose(_compressed(vectors).vectors(places), vectors[places], atol=2e-5)
