from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from groundtune.errors import WeightsError
from groundtune.models.embedded.difference import add_difference, difference


def random(shape: tuple[int, ...], seed: int) -> NDArray[Any]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@given(st.integers(0, 50), st.floats(1e-6, 1e3))
def test_no_entry_is_off_by_more_than_half_a_step(seed: int, size: float) -> None:
    base = {"matrix": random((5, 7), seed), "vector": random((7,), seed + 1)}
    tuned = {name: tensor + np.float32(size) * random(tensor.shape, seed + 2) for name, tensor in base.items()}
    stored = difference(base, tuned)
    restored = add_difference(base, stored)
    assert stored["matrix"].dtype == np.int8
    step = np.abs(tuned["matrix"] - base["matrix"]).max(1, keepdims=True) / 127
    assert (np.abs(restored["matrix"] - tuned["matrix"]) <= 0.501 * step + 1e-5 * (1 + np.abs(tuned["matrix"]))).all()
    np.testing.assert_allclose(restored["vector"], tuned["vector"], rtol=1e-5, atol=1e-5)


def test_an_unchanged_matrix_comes_back_exactly() -> None:
    base = {"matrix": random((3, 4), 0)}
    np.testing.assert_array_equal(add_difference(base, difference(base, base))["matrix"], base["matrix"])


def test_a_head_is_its_own_difference_and_untouched_tensors_are_the_bases() -> None:
    base = {"table": random((3, 4), 0)}
    restored = add_difference(base, difference(base, {"head": random((1, 4), 1)}))
    np.testing.assert_allclose(restored["head"], random((1, 4), 1), atol=0.02)
    assert restored["table"] is base["table"]


def test_a_difference_of_another_shape_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"matrix has shape \(2, 2\)"):
        add_difference({"matrix": random((3, 4), 0)}, {"matrix": random((2, 2), 0)})
