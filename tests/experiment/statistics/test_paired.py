"""Paired differences and their tests against scipy, closed forms and hand calculations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from groundtune.experiment.statistics import mcnemar_midp, paired_difference, sign_flip, step_down_max_t
from groundtune.experiment.statistics.clusters import number_clusters
from groundtune.experiment.statistics.difference import dirichlet_interval


def test_mcnemar_midp_by_hand() -> None:
    # 8 wins, 2 losses: 2 * (1 + 10 + 45) / 1024 - 45 / 1024
    assert mcnemar_midp(8, 2) == pytest.approx((2 * 56 - 45) / 1024)
    assert mcnemar_midp(2, 8) == mcnemar_midp(8, 2)
    assert mcnemar_midp(0, 0) is None
    with pytest.raises(ValueError, match="counts"):
        mcnemar_midp(-1, 2)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_midp_is_the_exact_test_less_half_of_what_was_seen(wins: int, losses: int) -> None:
    found = mcnemar_midp(wins, losses)
    if wins + losses == 0:
        assert found is None
        return
    seen = stats.binom.pmf(min(wins, losses), wins + losses, 0.5)
    exact = stats.binomtest(wins, wins + losses).pvalue
    # With as many wins as losses both tails hold what was seen, and the exact p is cut to 1.
    assert found == pytest.approx(1.0 if wins == losses else exact - seen)


def test_sign_flip_agrees_with_scipys_permutation_test() -> None:
    values = np.random.default_rng(3).normal(0.3, 1, size=12)
    # 2^12 flips are fewer than the resamples, so scipy counts all of them: its answer is exact.
    expected = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=10_000).pvalue
    assert sign_flip(values, number_clusters(None, 12), seed=1) == pytest.approx(expected, abs=0.02)


def test_sign_flip_turns_whole_clusters() -> None:
    values, clusters = np.array([1.0, 1, 1, 1, 1, 1, -1, -1]), [0, 0, 0, 1, 1, 1, 2, 2]
    sums = [3.0, 3.0, -2.0]
    flips = [abs(np.dot(signs, sums)) for signs in itertools.product((-1, 1), repeat=3)]
    exact = np.mean([flip >= 4 for flip in flips])
    found = sign_flip(values, number_clusters(clusters, 8), seed=1, flips=50_000)
    assert found == pytest.approx(exact, abs=0.01)


def test_no_difference_at_all_is_nothing_to_test() -> None:
    zeros = np.zeros((12, 2))
    assert sign_flip(zeros[:, 0], number_clusters(None, 12), seed=1) is None
    assert step_down_max_t(zeros, number_clusters(None, 12), seed=1) == [None, None]


@given(st.integers(0, 1000), st.integers(1, 4))
def test_step_down_is_between_the_raw_p_and_bonferroni_and_in_order(seed: int, k: int) -> None:
    values = np.random.default_rng(seed).normal(0.2, 1, size=(20, k))
    numbers = number_clusters(None, 20)
    adjusted = step_down_max_t(values, numbers, seed=5, flips=999)
    raw = [sign_flip(values[:, column], numbers, seed=5, flips=999) for column in range(k)]
    for p, single in zip(adjusted, raw, strict=True):
        assert p is not None
        assert single is not None
        assert single - 0.002 <= p <= min(1.0, k * single + 0.05)
    strength = np.abs(values.sum(axis=0)) / np.sqrt((values**2).sum(axis=0))
    ordered = [adjusted[place] or 0.0 for place in np.argsort(-strength)]
    assert ordered == sorted(ordered)


def test_one_contrast_needs_no_correction_and_copies_cost_nothing() -> None:
    values = np.random.default_rng(4).normal(0.4, 1, size=(25, 1))
    numbers = number_clusters(None, 25)
    alone = step_down_max_t(values, numbers, seed=2)
    assert alone == [sign_flip(values[:, 0], numbers, seed=2)]
    assert step_down_max_t(np.repeat(values, 3, axis=1), numbers, seed=2) == alone * 3


def test_the_dirichlet_interval_has_the_moments_of_its_formula() -> None:
    a = np.array([12.5, 30.5, 7.5])
    total = a.sum()
    mean = (a[0] - a[2]) / total
    variance = ((a[0] + a[2]) / total - mean**2) / (total + 1)
    low, high = dirichlet_interval(12, 30, 7, seed=1, draws=200_000)
    assert (low + high) / 2 == pytest.approx(mean, abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.03)


def test_right_or_wrong_without_clusters() -> None:
    found = paired_difference([1.0] * 8 + [-1.0] * 2 + [0.0] * 10, seed=1)
    assert found.method == "dirichlet"
    assert found.mean == pytest.approx(0.3)
    assert found.p == mcnemar_midp(8, 2)
    assert found.interval == dirichlet_interval(8, 10, 2, seed=1)
    assert found.note is None


def test_graded_without_clusters_is_students_t() -> None:
    values = [0.1, -0.2, 0.4, 0.3, 0.0, 0.25, -0.1, 0.5, 0.2, 0.15, 0.3]
    found = paired_difference(values, seed=1)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.method == "t"
    assert "few independent queries (11)" in (found.note or "")


def test_clusters_are_flipped_and_measured_whole() -> None:
    values = [0.5, 0.4, -0.1, 0.2] * 6
    found = paired_difference(values, [n // 2 for n in range(24)], seed=1)
    assert found.method == "cluster t"
    assert found.clusters == 12
    assert found.p == sign_flip(np.array(values), number_clusters([n // 2 for n in range(24)], 24), seed=1)


@pytest.mark.parametrize("clusters", [None, [n // 3 for n in range(27)]])
def test_too_few_are_given_an_interval_and_no_significance(clusters: list[int] | None) -> None:
    count = 9 if clusters is None else 27
    found = paired_difference([0.1 * (n % 5) for n in range(count)], clusters, seed=1)
    assert found.p is None
    assert found.interval is not None
    assert "too few for a statement of significance" in (found.note or "")


def test_undefined_is_none_and_not_zero() -> None:
    nothing = paired_difference([], seed=1)
    assert (nothing.mean, nothing.interval, nothing.p) == (None, None, None)
    single = paired_difference([0.4], seed=1)
    assert single.mean == 0.4
    assert single.interval is None


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_equal_differences_still_have_width(value: float) -> None:
    found = paired_difference([value] * 20, [n // 2 for n in range(20)], seed=1)
    assert found.method == "dirichlet"
    assert found.interval is not None
    assert found.interval.low < found.interval.high


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=2, max_size=30), st.integers(0, 9))
def test_swapping_the_systems_mirrors_everything(values: list[float], seed: int) -> None:
    clusters = [n // 2 for n in range(len(values))]
    forth = paired_difference(values, clusters, seed=seed)
    back = paired_difference([-value for value in values], clusters, seed=seed)
    assert forth.mean == pytest.approx(-(back.mean or 0.0))
    assert (forth.p is None) == (back.p is None)
    if forth.p is not None and back.p is not None:
        assert forth.p == pytest.approx(back.p)
    if forth.method == "cluster t" and forth.interval and back.interval:
        assert forth.interval.low == pytest.approx(-back.interval.high)
