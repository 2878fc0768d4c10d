"""Slices of rows cover them all, whatever the number of cores, and change nothing that is computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.knowledge.lance import compressed, slices
from groundtune.knowledge.lance.compressed import Compressed, Signs


@pytest.fixture(scope="module", autouse=True)
def four_cores() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "cores", lambda: 4)
        yield


@given(rows=st.integers(0, 500), least=st.integers(1, 200))
def test_every_row_is_worked_on_once_and_no_slice_is_too_small(rows: int, least: int) -> None:
    seen: list[slice] = []
    slices.in_slices(rows, least, seen.append)
    covered = sorted(row for part in seen for row in range(part.start, part.stop))
    assert covered == list(range(rows))
    assert 1 <= len(seen) <= 4
    assert len(seen) == 1 or min(part.stop - part.start for part in seen) >= least


def test_what_fails_in_another_thread_is_raised() -> None:
    def work(part: slice) -> None:
        if part.start == 0:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        slices.in_slices(100, 10, work)


def test_a_search_on_many_cores_finds_what_one_on_one_core_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(5)
    vectors = chance.standard_normal((5_000, 96)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = np.arange(5_000, dtype=np.uint64)
    packed = Compressed(numbers, Signs(vectors.mean(axis=0)), [(numbers, vectors)])
    alone = [packed.nearest(vector, 10, 900, None) for vector in vectors[:20]]
    for name in ("_WORTH_A_CORE", "_GATHERED_WORTH_A_CORE", "_COMPARED_WORTH_A_CORE"):
        monkeypatch.setattr(compressed, name, 70)
    for vector, (places, cosines) in zip(vectors[:20], alone, strict=True):
        on_four = packed.nearest(vector, 10, 900, None)
        np.testing.assert_array_equal(on_four[0], places)
        np.testing.assert_array_equal(on_four[1], cosines)
