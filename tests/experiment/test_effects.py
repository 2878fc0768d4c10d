"""The factorial effects are what the four cells say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.effects import estimate_effects
from groundtune.experiment.statistics import paired_difference
from groundtune.records import SYSTEM_IDS, SystemId

SCORES = st.integers(2, 30).flatmap(
    lambda n: st.fixed_dictionaries({name: st.lists(st.floats(0, 1), min_size=n, max_size=n) for name in SYSTEM_IDS})
)


@given(SCORES)
def test_effects_are_those_of_the_cell_means(scores: dict[SystemId, list[float]]) -> None:
    p, r, t, b = (np.mean(scores[name]) for name in SYSTEM_IDS)
    found = estimate_effects(scores, None, seed=1)
    assert found.retrieval.mean == pytest.approx(((r - p) + (b - t)) / 2)
    assert found.tuning.mean == pytest.approx(((t - p) + (b - r)) / 2)
    assert found.interaction.mean == pytest.approx((b - t) - (r - p))


def test_the_interval_is_that_of_the_paired_differences() -> None:
    generator = np.random.default_rng(3)
    scores: dict[SystemId, list[float]] = {name: generator.random(40).tolist() for name in SYSTEM_IDS}
    clusters = [n // 2 for n in range(40)]
    found = estimate_effects(scores, clusters, seed=1)
    half = [((r - p) + (b - t)) / 2 for p, r, t, b in zip(*(scores[name] for name in SYSTEM_IDS), strict=True)]
    assert found.retrieval.interval == pytest.approx(paired_difference(half, clusters, seed=1).interval)


def test_a_pure_synergy_is_found_and_shown_in_points() -> None:
    generator = np.random.default_rng(5)
    base = generator.random(200) * 0.3
    scores: dict[SystemId, list[float]] = {name: (base + 0.1).tolist() for name in ("prompt", "rag", "tuned")}
    scores["tuned_rag"] = (base + 0.4 + generator.random(200) * 0.2).tolist()
    found = estimate_effects(scores, None, seed=1)
    shown = found.to_json()
    assert shown["interaction"]["points"] == pytest.approx(40, abs=2)
    low, high = shown["interaction"]["interval"]
    assert low < 40 < high or low > 35
    assert found.interaction.p is not None
    assert found.interaction.p < 0.001


def test_an_interaction_beyond_one_keeps_its_scale() -> None:
    scores: dict[SystemId, list[float]] = {
        "prompt": [1.0] * 12,
        "rag": [0.0] * 11 + [1.0],
        "tuned": [0.0] * 12,
        "tuned_rag": [1.0] * 12,
    }
    found = estimate_effects(scores, None, seed=1).interaction
    assert found.mean == pytest.approx((11 * 2 + 1) / 12)
    assert found.interval is not None
    assert 1.2 < found.interval.low < found.interval.high <= 2


def test_few_queries_have_no_p() -> None:
    scores: dict[SystemId, list[float]] = {name: [0.0, 1.0, 1.0] for name in SYSTEM_IDS}
    found = estimate_effects(scores, None, seed=1)
    assert found.retrieval.p is None
    assert found.to_json()["retrieval"]["p"] is None
