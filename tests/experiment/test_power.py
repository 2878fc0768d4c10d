"""The sizes that were calculated for METHODS come out of the code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.plan import plan_experiment
from groundtune.experiment.power import (
    disagreement_estimate,
    minimum_detectable_effect,
    minimum_detectable_sweep,
    queries_needed,
    queries_needed_for_spread,
    queries_needed_non_inferiority,
)


@pytest.mark.parametrize(
    ("disagreement", "gap", "n"),
    [
        (0.08, 0.03, 696), (0.08, 0.05, 249),
        (0.12, 0.03, 1045), (0.12, 0.05, 375), (0.12, 0.08, 145), (0.12, 0.10, 92),
        (0.20, 0.03, 1742), (0.20, 0.05, 626), (0.20, 0.08, 243), (0.20, 0.10, 155), (0.20, 0.15, 68),
        (0.30, 0.03, 2614), (0.30, 0.05, 940), (0.30, 0.08, 366), (0.30, 0.10, 234), (0.30, 0.15, 103),
    ],
)  # fmt: skip
def test_queries_needed_for_80_percent_power(disagreement: float, gap: float, n: int) -> None:
    assert queries_needed(gap, disagreement) == n


@pytest.mark.parametrize(("disagreement", "n"), [(0.08, 333), (0.12, 500), (0.20, 835), (0.30, 1254)])
def test_three_contrasts_need_more(disagreement: float, n: int) -> None:
    assert queries_needed(0.05, disagreement, alpha=0.05 / 3) == n


@pytest.mark.parametrize(
    ("n", "points"), [(50, (17, 21, 25)), (100, (12, 15, 18)), (200, (9, 11, 13)), (500, (6, 7, 8))]
)
def test_minimum_detectable_effect(n: int, points: tuple[int, int, int]) -> None:
    found = [minimum_detectable_effect(n, disagreement) for disagreement in (0.2, 0.3, 0.4)]
    assert [value and 100 * value for value in found] == pytest.approx(points, abs=0.6)


@pytest.mark.parametrize(("disagreement", "n"), [(0.1, 248), (0.2, 495), (0.3, 742)])
def test_non_inferiority(disagreement: float, n: int) -> None:
    assert queries_needed_non_inferiority(0.05, disagreement) == n


@given(st.floats(0.05, 1), st.integers(60, 5000), st.floats(1, 4))
def test_the_effect_and_the_size_are_inverse(disagreement: float, n: int, design_effect: float) -> None:
    gap = minimum_detectable_effect(n, disagreement, design_effect=design_effect)
    if gap is not None:
        assert queries_needed(gap, disagreement, design_effect=design_effect) == pytest.approx(n, abs=1)


def test_too_few_queries_detect_nothing() -> None:
    assert minimum_detectable_effect(5, 0.2) is None


def test_a_graded_score_needs_what_the_textbook_says() -> None:
    # (1.95996 + 0.84162)^2 * 0.5^2 / 0.1^2 = 196.2
    assert queries_needed_for_spread(0.1, 0.5) == 197
    assert queries_needed_for_spread(0.1, 0.5, design_effect=2) == 393


def test_impossible_questions_are_refused() -> None:
    for arguments in ((0.3, 0.2), (0.0, 0.2), (-0.1, 0.2)):
        with pytest.raises(ValueError, match="0 < gap <= disagreement"):
            queries_needed(*arguments)
    with pytest.raises(ValueError, match="n >= 1"):
        minimum_detectable_effect(0, 0.2)
    with pytest.raises(ValueError, match="positive"):
        queries_needed_for_spread(0.1, 0.0)
    with pytest.raises(ValueError, match="margin"):
        queries_needed_non_inferiority(0.0, 0.2)


def test_a_pilot_is_weighed_with_its_prior() -> None:
    assert disagreement_estimate(0, 0) == pytest.approx(0.2)
    assert disagreement_estimate(12, 30) == pytest.approx(14 / 40)


def test_the_plan_says_what_the_set_can_show() -> None:
    plan = plan_experiment([str(n) for n in range(200)])
    assert plan.sentence.startswith(
        "200 test queries (in 200 independent groups) can show differences of about 11 points"
    )
    assert plan.warnings == ()


def test_clusters_cost_power_and_few_are_named() -> None:
    plan = plan_experiment([n // 5 for n in range(75)])
    assert plan.design_effect == pytest.approx(1 + 4 * 0.2)
    assert plan.minimum_detectable_effect == minimum_detectable_effect(75, 0.3, design_effect=1.8)
    assert "Few independent groups of test queries (15)" in plan.warnings[0]
    few = plan_experiment(["a", "a", "b"])
    assert few.minimum_detectable_effect is None
    assert "cannot show any difference" in few.sentence
    assert "too few for any statement of significance" in few.warnings[0]
    assert plan_experiment([]).queries == 0


@given(st.integers(5, 2000))
def test_a_one_way_gap_is_detected_by_exactly_these_queries(n: int) -> None:
    gap = minimum_detectable_sweep(n)
    assert gap is not None
    assert queries_needed(gap, gap) in (n, n + 1)
    moderate = minimum_detectable_effect(n, 0.3)
    assert moderate is None or gap < moderate


def test_a_handful_of_queries_detects_nothing() -> None:
    assert minimum_detectable_sweep(2) is None
