from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from groundtune.training.after.non_inferiority import Change, change_of, compare_pairs, not_worse
from groundtune.training.card import GateResult

scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0]))


@cache
def verdict(wins: int, losses: int, items: int) -> bool | None:
    differences = [1.0] * wins + [-1.0] * losses + [0.0] * (items - wins - losses)
    return not_worse("x", change_of(differences)).passed


def share(passed: bool | None, *, loss: float, items: int, disagreement: float) -> float:
    """Share of 2,000 suites with this verdict, where the true loss is known."""
    chances = ((disagreement - loss) / 2, (disagreement + loss) / 2, 1 - disagreement)
    draws = np.random.default_rng(1).multinomial(items, chances, size=2_000)
    return float(np.mean([verdict(int(wins), int(losses), items) is passed for wins, losses, _ in draws]))


@pytest.mark.parametrize("items", [56, 280])
def test_a_loss_of_the_margin_is_seldom_passed_and_seldom_failed(items: int) -> None:
    assert share(True, loss=0.03, items=items, disagreement=0.1) <= 0.07
    assert share(False, loss=0.03, items=items, disagreement=0.1) <= 0.07


def test_no_loss_is_never_failed_and_shown_where_there_are_enough_items() -> None:
    assert share(False, loss=0.0, items=56, disagreement=0.1) <= 0.01
    assert share(True, loss=0.0, items=280, disagreement=0.02) >= 0.9


def test_a_clear_loss_is_found() -> None:
    assert share(False, loss=0.2, items=56, disagreement=0.25) >= 0.85


def test_a_set_of_the_suite_without_any_change_just_rules_the_margin_out() -> None:
    assert verdict(0, 0, 56) is True
    assert verdict(0, 0, 40) is None


def test_few_items_show_nothing() -> None:
    result = not_worse("x", change_of([0.0] * 20))
    assert result.passed is None
    assert "too few items to rule out" in result.note
    assert not_worse("x", change_of([0.25])).passed is None
    assert not_worse("x", None) == GateResult(name="x", passed=None, margin=-0.03, note="nothing could be compared")


def test_safety_fails_on_what_is_seen() -> None:
    two_lost = change_of([-1.0, -1.0, *[0.0] * 54])
    assert not_worse("x", two_lost).passed is None
    assert not_worse("x", two_lost, strict=True).passed is False
    one_lost = change_of([-1.0, *[0.0] * 55])
    assert not_worse("x", one_lost, strict=True).passed is None


def test_graded_differences_take_the_t_interval() -> None:
    values = np.random.default_rng(3).normal(0.1, 0.2, size=40).clip(-1, 1)
    found = change_of(values.tolist())
    assert found is not None
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert found.interval == pytest.approx((expected.low, expected.high))


def test_equal_clusters_take_the_t_interval_of_their_means() -> None:
    values = np.random.default_rng(3).normal(0.1, 0.2, size=(12, 5)).clip(-1, 1)
    found = change_of(values.ravel().tolist(), [cluster for cluster in range(12) for _ in range(5)])
    expected = stats.ttest_1samp(values.mean(axis=1), 0).confidence_interval(0.9)
    assert found is not None
    assert found.interval == pytest.approx((expected.low, expected.high))


def test_equal_graded_losses_below_the_margin_are_none() -> None:
    assert not_worse("x", change_of([-0.01] * 60)).passed is True
    assert not_worse("x", change_of([-0.1] * 60)).passed is False


@given(values=st.lists(st.floats(-1, 1), min_size=2, max_size=30), clusters=st.integers(1, 30))
def test_the_interval_holds_the_mean_and_stays_in_range(values: list[float], clusters: int) -> None:
    found = change_of(values, [place % clusters for place in range(len(values))])
    assert found is not None
    if found.interval is not None:
        low, high = found.interval
        assert -1 <= low <= high <= 1


@given(pairs=st.lists(st.tuples(scores, scores), max_size=40), strict=st.booleans())
def test_the_verdict_follows_from_the_interval(pairs: list[tuple[float | None, float | None]], strict: bool) -> None:
    result = compare_pairs("x", pairs, strict=strict)
    failed = sum(base is not None and tuned is None for base, tuned in pairs)
    if result.passed is True:
        assert result.interval is not None
        assert result.interval[0] > -0.03
        assert failed == 0
    if strict and result.value is not None and result.value < -0.03:
        assert result.passed is False


def test_a_tuned_model_that_fails_cannot_pass() -> None:
    good = [(1.0, 1.0)] * 300
    assert compare_pairs("x", good).passed is True
    assert compare_pairs("x", [*good, (None, 0.0), (None, None)]).passed is True
    some = compare_pairs("x", [*good, (1.0, None)])
    assert some.passed is None
    assert some.note.endswith("the tuned model failed on 1 of 301 items")
    assert compare_pairs("x", [*good[:85], *[(1.0, None)] * 15]).passed is False


def test_the_mean_is_that_of_the_items_both_replied_to() -> None:
    assert compare_pairs("x", [(1.0, 0.5), (0.5, 0.5), (None, 1.0), (1.0, None)]).value == -0.25
    assert change_of([]) is None
    assert change_of([0.5]) == Change(mean=0.5, interval=None, items=1)
