"""What old facts cost, against the integral that the formula stands for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.freshness import freshness_of, longest_interval, stale_loss


@given(st.floats(1e-7, 0.5), st.floats(0.5, 2000), st.floats(0.05, 1))
def test_the_loss_is_the_mean_share_of_changed_facts(rate: float, days: float, worst: float) -> None:
    changed, _ = quad(lambda day: 1 - math.exp(-rate * day), 0, days)
    assert stale_loss(rate, days, worst) == pytest.approx(worst * changed / days, rel=1e-5, abs=1e-9)


@given(st.floats(1e-5, 0.5), st.floats(0.001, 0.4))
def test_the_longest_interval_loses_what_is_allowed(rate: float, allowed: float) -> None:
    assert stale_loss(rate, longest_interval(rate, allowed)) == pytest.approx(allowed, rel=1e-6)


def test_facts_that_never_change_are_never_old() -> None:
    still = freshness_of(Assumptions().with_knowledge_changes("never"))
    assert still is not None
    assert set(still.loss.values()) == {0.0}
    assert math.isinf(still.days)
    assert still.to_json()["days_for_loss"]["days"] is None


def test_faster_changes_lose_more_and_live_ones_cannot_be_told() -> None:
    losses = []
    for changes in ("yearly", "monthly", "weekly", "daily"):
        found = freshness_of(Assumptions().with_knowledge_changes(changes))
        assert found is not None
        losses.append(found.loss[30])
    assert losses == sorted(losses)
    assert len(set(losses)) == 4
    assert freshness_of(Assumptions().with_knowledge_changes("live")) is None
