"""The curve keeps its promises where the truth is known (METHODS section 12, the learning-curve recipe)."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from groundtune.training.power_law import PowerLawFit, fit_power_law

SIZES = [50, 100, 200, 400] * 2
NOISE = 0.03

scores_of_curves = st.lists(st.floats(0, 1), min_size=len(SIZES), max_size=len(SIZES))


def truth(best: float, decay: float) -> PowerLawFit:
    """A curve known exactly: accuracy 0.45 at 50 examples, rising to ``best``."""
    scores = best - (best - 0.45) * (np.array(SIZES) / 50) ** -decay
    return fit_power_law(SIZES, scores.tolist(), [1e-6] * len(SIZES), seed=0)


def noisy(best: float, decay: float, *, noise: float, seed: int, draws: int = 60) -> PowerLawFit:
    scores = best - (best - 0.45) * (np.array(SIZES) / 50) ** -decay
    seen = scores + np.random.default_rng(seed).normal(0, noise, len(SIZES))
    return fit_power_law(SIZES, seen.tolist(), [noise] * len(SIZES), seed=seed, draws=draws)


@cache
def replications(best: float, decay: float) -> tuple[PowerLawFit, ...]:
    return tuple(noisy(best, decay, noise=NOISE, seed=seed) for seed in range(300))


@pytest.mark.parametrize("best", [0.75, 0.92])
@pytest.mark.parametrize("decay", [0.3, 0.7])
@pytest.mark.parametrize("times", [2, 4])
def test_the_interval_of_a_forecast_holds_the_truth(best: float, decay: float, times: int) -> None:
    expected = best - (best - 0.45) * (times * 400 / 50) ** -decay
    forecasts = [fit.forecast(times * 400) for fit in replications(best, decay)]
    assert np.mean([forecast.low <= expected <= forecast.high for forecast in forecasts]) >= 0.85
    assert np.mean([forecast.high - forecast.low for forecast in forecasts]) < 0.2  # and it says something


def test_a_forecast_is_about_as_good_as_it_can_be() -> None:
    expected = 0.85 - 0.40 * (800 / 50) ** -0.5
    errors = [fit.forecast(800).score - expected for fit in replications(0.85, 0.5)]
    assert np.sqrt(np.mean(np.square(errors))) < 0.036  # METHODS 5.2: 3.4 points with one seed, 2.2 with three


def test_scatter_of_the_training_widens_the_interval() -> None:
    scores = [0.45, 0.55, 0.62, 0.70, 0.55, 0.45, 0.72, 0.60]
    told, quiet = ([e] * 8 for e in (0.06, 0.01))
    wide, same = (fit_power_law(SIZES, scores, e, seed=1).forecast(800) for e in (told, quiet))
    assert same.high - same.low == pytest.approx(wide.high - wide.low, rel=0.3)


@pytest.mark.parametrize(("best", "decay"), [(0.75, 0.3), (0.85, 0.5), (1.0, 0.7)])
def test_a_curve_without_noise_is_found(best: float, decay: float) -> None:
    law = truth(best, decay).law
    assert law.floor == pytest.approx(1 - best, abs=0.01)
    assert law.decay == pytest.approx(decay, rel=0.02)


@given(scores=scores_of_curves, errors=st.lists(st.floats(0.01, 0.1), min_size=8, max_size=8))
def test_no_other_curve_fits_better(scores: list[float], errors: list[float]) -> None:
    n, y, spread = np.array(SIZES, float), 1 - np.array(scores), np.array(errors)

    def misfit(law: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray((law[0] + law[1] * (n / 100) ** -law[2] - y) / spread)

    rival = min(
        least_squares(misfit, (0.1, 0.3, start), bounds=([0, 0, 0.05], [np.inf, np.inf, 2])).cost
        for start in (0.1, 0.5, 1.5)
    )
    law = fit_power_law(SIZES, scores, errors, seed=0, draws=1).law
    ours = 0.5 * float((misfit(np.array([law.floor, law.scale * 100**-law.decay, law.decay])) ** 2).sum())
    assert ours <= rival * 1.001 + 1e-3


@given(scores=scores_of_curves)
def test_the_fitted_curve_keeps_its_bounds_and_never_falls(scores: list[float]) -> None:
    fit = fit_power_law(SIZES, scores, [NOISE] * 8, seed=0, draws=50)
    assert (fit.draws[:, :2] >= 0).all()
    assert ((fit.draws[:, 2] >= 0.05 - 1e-9) & (fit.draws[:, 2] <= 2 + 1e-9)).all()
    ahead = [fit.forecast(n) for n in (50, 400, 800, 1600)]
    for less, more in pairwise(ahead):
        assert less.score <= more.score + 1e-12
        assert less.low <= more.low + 1e-12
        assert less.high <= more.high + 1e-12


ANSWERS = ["reached", "more", "beyond", "unreachable"]


@given(scores=scores_of_curves, targets=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_a_higher_target_never_takes_fewer_examples(scores: list[float], targets: list[float]) -> None:
    fit = fit_power_law(SIZES, scores, [NOISE] * 8, seed=0, draws=50)
    lower, higher = (fit.needed(target) for target in targets)
    assert ANSWERS.index(lower.answer) <= ANSWERS.index(higher.answer)
    assert lower.unreachable <= higher.unreachable
    if lower.answer == higher.answer == "more":
        assert (lower.low or 0) <= (higher.low or 0)
        assert (lower.high or 10**9) <= (higher.high or 10**9)
    for needed in (lower, higher):
        assert needed.high is None or needed.high <= 3 * 400  # never beyond four times those at hand


@pytest.mark.parametrize("target", [0.85, 0.95])
def test_an_unreachable_target_is_said_to_be(target: float) -> None:
    answers = [noisy(0.75, 0.5, noise=0.01, seed=seed).needed(target).answer for seed in range(100)]
    assert answers.count("unreachable") >= 80
    assert set(answers) <= {"unreachable", "beyond"}


def test_a_reachable_target_is_given_as_a_range_that_holds_the_number() -> None:
    target = 0.85 - 0.40 * (700 / 50) ** -0.5  # 300 more than the 400 at hand
    found = [noisy(0.85, 0.5, noise=0.01, seed=seed).needed(target) for seed in range(100)]
    assert [needed.answer for needed in found].count("more") >= 95
    held = [n.low is not None and n.low <= 300 and (n.high is None or n.high >= 300) for n in found]
    assert np.mean(held) >= 0.85


def test_what_is_reached_takes_no_more() -> None:
    assert truth(0.9, 0.5).needed(0.6).answer == "reached"


def test_nothing_is_said_beyond_four_times_the_examples() -> None:
    fit = truth(0.9, 0.5)
    assert fit.forecast(1600).examples == 1600
    with pytest.raises(ValueError, match="allowed: 1 to 1600"):
        fit.forecast(1601)


def test_two_sizes_make_no_curve() -> None:
    with pytest.raises(ValueError, match="3 different sizes"):
        fit_power_law([50, 100, 100], [0.5, 0.6, 0.6], [0.1] * 3, seed=0)
