"""Posterior and bootstrap against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from groundtune.experiment.statistics import (
    bootstrap_draws,
    bootstrap_interval,
    compare,
    expected_regret,
    posterior_means,
)
from groundtune.experiment.statistics.resampling import quantile


def test_one_system_has_the_beta_posterior() -> None:
    scores = np.array([[1.0]] * 17 + [[0.0]] * 8)
    draws = posterior_means(scores, seed=1, draws=50_000)[:, 0]
    expected = stats.beta(17.75, 8.75)
    assert draws.mean() == pytest.approx(expected.mean(), abs=0.002)
    assert np.quantile(draws, [0.05, 0.95]) == pytest.approx(expected.ppf([0.05, 0.95]), abs=0.005)


def test_two_systems_have_the_dirichlet_posterior_of_win_tie_and_loss() -> None:
    scores = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0]] * 4 + [[1.0, 1.0]] * 12)
    draws = posterior_means(scores, seed=1, draws=50_000)
    found = draws[:, 0] - draws[:, 1]
    shares = np.random.default_rng(2).dirichlet((9.375, 12.75, 4.375), size=50_000)
    expected = shares[:, 0] - shares[:, 2]
    assert np.quantile(found, [0.025, 0.5, 0.975]) == pytest.approx(
        np.quantile(expected, [0.025, 0.5, 0.975]), abs=0.01
    )


def test_many_queries_agree_with_the_normal_approximation() -> None:
    scores = np.random.default_rng(5).random((2000, 3))
    draws = posterior_means(scores, seed=1)
    assert draws.mean(axis=0) == pytest.approx(scores.mean(axis=0), abs=0.002)
    assert draws.std(axis=0) == pytest.approx(scores.std(axis=0) / 2000**0.5, rel=0.05)


def test_clusters_widen_the_posterior() -> None:
    scores = np.repeat(np.random.default_rng(5).random((40, 1)), 5, axis=0)
    clustered = posterior_means(scores, [n // 5 for n in range(200)], seed=1)
    assert clustered.std() == pytest.approx(5**0.5 * posterior_means(scores, seed=1).std(), rel=0.15)


def test_three_queries_that_agree_are_not_certainty() -> None:
    draws = posterior_means(np.ones((3, 2)), seed=1)
    assert compare(draws[:, 0], draws[:, 1], zone=0.03).equal < 0.9


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 99))
def test_draws_are_means_and_the_seed_decides_them(n: int, k: int, seed: int) -> None:
    scores = np.random.default_rng(seed).random((n, k))
    draws = posterior_means(scores, seed=seed, draws=200)
    assert draws.shape == (200, k)
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert np.array_equal(draws, posterior_means(scores, seed=seed, draws=200))
    regret = expected_regret(draws)
    assert (regret >= 0).all()
    better, equal, worse = compare(draws[:, 0], draws[:, -1], zone=0.03)
    assert better + equal + worse == pytest.approx(1)


def test_expected_regret_by_hand() -> None:
    draws = np.array([[0.5, 0.6], [0.7, 0.3]])
    assert expected_regret(draws).tolist() == pytest.approx([0.05, 0.2])


def test_the_bootstrap_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(6).random(60)
    found = bootstrap_interval(values.tolist(), lambda sample: float(sample.mean()), seed=1)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=5000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert found == pytest.approx((expected.low, expected.high), abs=0.01)


def test_the_bootstrap_takes_whole_clusters() -> None:
    draws = bootstrap_draws([1.0, 1.0, 0.0, 0.0], lambda sample: float(sample.mean()), ["a", "a", "b", "b"], seed=1)
    assert set(draws.tolist()) == {0.0, 0.5, 1.0}
    assert bootstrap_interval([1.0, 2.0], np.max, ["a", "a"], seed=1) is None
    assert bootstrap_interval([], np.max, seed=1) is None
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_draws([], np.max, seed=1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_that_of_the_empirical_distribution(times: list[float], share: float) -> None:
    assert quantile(np.array(times), share) == np.quantile(times, share, method="inverted_cdf")


def test_a_quantile_is_a_value_that_was_seen() -> None:
    times = np.array([10.0, 20.0, 30.0, 1000.0])
    assert quantile(times, 0.5) == 20
    assert quantile(times, 0.95) == 1000
