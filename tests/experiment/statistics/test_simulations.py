"""The statistics keep their promises where the truth is known (METHODS section 12): coverage, errors, power, verdicts.

Bounds leave room for the simulation's own error, about three standard errors of each share.
"""

from __future__ import annotations

import pytest

from groundtune.testing.simulations import (
    coverage_of_clusters,
    coverage_of_pairs,
    coverage_of_rates,
    error_of_clusters,
    error_of_families,
    error_of_mcnemar,
    power_of_effects,
    verdicts,
)


@pytest.mark.parametrize("n", [30, 50, 100])
def test_intervals_of_right_or_wrong_pairs_hold_the_truth(n: int) -> None:
    found = coverage_of_pairs(n, gap=0.05, disagreement=0.1, seed=n, replications=1500)
    assert 0.93 <= found <= 0.98


def test_and_the_percentile_bootstrap_does_not_on_few_queries() -> None:
    found = coverage_of_pairs(30, gap=0.05, disagreement=0.1, seed=1, replications=500, bootstrap=True)
    assert found < 0.93


@pytest.mark.parametrize("sizes", [[5] * 20, [5] * 10, [1, 1, 2, 3, 18] * 4])
@pytest.mark.parametrize("icc", [0.2, 0.5])
def test_intervals_of_clusters_hold_the_truth(sizes: list[int], icc: float) -> None:
    # Four clusters that hold most queries leave few degrees of freedom: there the interval is a little short.
    assert 0.92 <= coverage_of_clusters(sizes, icc=icc, seed=1, replications=1500) <= 0.98


@pytest.mark.parametrize(("n", "rate"), [(30, 0.7), (50, 0.9), (100, 0.5)])
def test_intervals_of_a_rate_hold_the_truth(n: int, rate: float) -> None:
    assert 0.92 <= coverage_of_rates(n, rate=rate, seed=1, replications=3000) <= 0.98


@pytest.mark.parametrize("n", [50, 100, 200])
def test_mcnemar_midp_keeps_its_level_without_wasting_it(n: int) -> None:
    assert 0.025 <= error_of_mcnemar(n, disagreement=0.2, seed=n, replications=20_000) <= 0.055


@pytest.mark.parametrize("clusters", [10, 20])
def test_ignoring_clusters_cries_wolf_and_the_cluster_t_does_not(clusters: int) -> None:
    naive = error_of_clusters(clusters, 5, icc=0.2, method="naive", seed=1, replications=1000)
    robust = error_of_clusters(clusters, 5, icc=0.2, method="t", seed=1, replications=1000)
    assert naive > 0.10
    assert robust <= 0.07


def test_sign_flips_of_whole_clusters_keep_their_level() -> None:
    assert error_of_clusters(20, 5, icc=0.2, method="sign flip", seed=1, replications=400) <= 0.085


def test_three_contrasts_at_once_keep_the_family_level() -> None:
    assert error_of_families(150, seed=2, replications=400) <= 0.085


@pytest.mark.slow
def test_the_main_effect_finds_what_one_pair_does_not() -> None:
    effect, pair = power_of_effects(100, seed=1, replications=600)
    assert effect == pytest.approx(0.67, abs=0.07)
    assert pair == pytest.approx(0.40, abs=0.07)


@pytest.mark.slow
@pytest.mark.parametrize("rates", [(0.7, 0.7, 0.7, 0.7), (0.5, 0.65, 0.5, 0.65), (0.5, 0.6, 0.6, 0.7)])
def test_verdicts_that_settle_are_seldom_wrong(rates: tuple[float, float, float, float]) -> None:
    settled, wrong = verdicts(rates, 200, seed=1, replications=100)
    assert wrong <= 0.10
    assert wrong <= settled
