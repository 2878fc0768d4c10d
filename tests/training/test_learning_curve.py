from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import GateClosed, ModelError, ProjectError
from groundtune.training.learning_curve import LearningCurve, Measurement, draw_curve, learning_curve, nested_shares

labels = st.lists(st.sampled_from("aaaabbc"), min_size=1, max_size=60)


def curve(examples: Sequence[int], seed: int) -> tuple[float, float]:
    """Training whose score is known: no noise, 0.9 at the most."""
    return 0.9 - 0.45 * (len(examples) / 50) ** -0.5, 0.01


@given(strata=labels, data=st.data(), seed=st.integers(0, 5))
def test_smaller_shares_are_part_of_larger_ones(strata: list[str], data: st.DataObject, seed: int) -> None:
    sizes = sorted(data.draw(st.sets(st.integers(1, len(strata)), min_size=1)))
    shares = nested_shares(range(len(strata)), sizes, strata=strata, seed=seed)
    assert [len(share) for share in shares] == sizes
    assert all(len(set(share)) == len(share) for share in shares)
    for smaller, larger in pairwise(shares):
        assert set(smaller) <= set(larger)


@given(strata=labels, data=st.data())
def test_shares_have_each_label_in_proportion(strata: list[str], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(strata)))
    (share,) = nested_shares(range(len(strata)), [size], strata=strata, seed=1)
    found, all_of = Counter(strata[i] for i in share), Counter(strata)
    for label, count in all_of.items():
        assert found[label] <= math.ceil(count * size / len(strata))
    assert len(found) == min(size, len(all_of))


def test_shares_are_random_and_the_same_for_the_same_seed() -> None:
    one, same, other = (nested_shares(range(100), [10], seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert sorted(one[0]) != list(range(10))


def test_a_curve_is_measured_from_the_smallest_share_on() -> None:
    seen: list[tuple[int, int]] = []

    def train(examples: Sequence[int], seed: int) -> tuple[float, float]:
        seen.append((len(examples), seed))
        return curve(examples, seed)

    found = learning_curve(range(400), train, seeds=(3, 4), target=0.88)
    assert seen == [(size, seed) for size in (50, 100, 200, 400) for seed in (3, 4)]
    assert found.law is not None
    assert found.law.floor == pytest.approx(0.1, abs=0.01)
    assert [forecast.examples for forecast in found.forecasts] == [400, 800, 1600]
    assert json.loads(json.dumps(found.to_json()))["law"]["floor"] == found.law.floor


def test_each_seed_trains_on_its_own_nested_choice() -> None:
    seen: dict[tuple[int, int], set[int]] = {}

    def train(examples: Sequence[int], seed: int) -> tuple[float, float]:
        seen[len(examples), seed] = set(examples)
        return curve(examples, seed)

    learning_curve(range(80), train)
    assert seen[10, 1] < seen[20, 1] < seen[40, 1] < seen[80, 1] == set(range(80))
    assert seen[20, 1] != seen[20, 2]


@pytest.mark.parametrize("error", [ModelError, GateClosed])
def test_a_share_that_cannot_be_trained_on_is_a_record(error: type[Exception]) -> None:
    def train(examples: Sequence[int], seed: int) -> tuple[float, float]:
        if len(examples) == 50:
            raise error("too few examples")
        return curve(examples, seed)

    found = learning_curve(range(400), train)
    assert found.law is not None
    assert found.measurements[0] == Measurement(
        examples=50, seed=1, score=None, standard_error=None, note="too few examples"
    )


def test_what_the_user_must_put_right_stops_the_curve() -> None:
    def train(examples: Sequence[int], seed: int) -> tuple[float, float]:
        raise ProjectError("no such file")

    with pytest.raises(ProjectError):
        learning_curve(range(400), train)


def test_an_interrupted_curve_goes_on_where_it_was() -> None:
    kept: list[Measurement] = []

    def stops(examples: Sequence[int], seed: int) -> tuple[float, float]:
        if len(examples) == 200:
            raise KeyboardInterrupt
        return curve(examples, seed)

    with pytest.raises(KeyboardInterrupt):
        learning_curve(range(400), stops, report=kept.append)
    assert [m.examples for m in kept] == [50, 50, 100, 100]
    trained: list[int] = []

    def train(examples: Sequence[int], seed: int) -> tuple[float, float]:
        trained.append(len(examples))
        return curve(examples, seed)

    assert learning_curve(range(400), train, done=kept) == learning_curve(range(400), curve)
    assert trained == [200, 200, 400, 400]


def test_too_little_for_a_curve_is_said() -> None:
    measured = [Measurement(examples=n, seed=1, score=0.5, standard_error=0.1) for n in (50, 100)]
    found = draw_curve(measured, target=0.9)
    assert (found.law, found.needed, found.forecasts) == (None, None, ())
    assert "fewer than three sizes" in found.says


def says(target: float | None) -> str:
    found: LearningCurve = learning_curve(range(400), curve, target=target)
    return found.says


def test_the_answer_is_a_range_or_that_there_is_none() -> None:
    assert "With twice the examples (800)" in says(None)
    assert "at hand reach the target of 0.6" in says(0.6)
    assert "more examples. Collect them in several rounds" in says(0.77)
    assert "not reachable" in says(0.97)


@pytest.mark.parametrize(("shares", "seeds"), [((0.5, 1.0), (1,)), ((0.5, 1.0), (1, 1)), ((0.0, 1.0), (1, 2))])
def test_one_seed_or_an_empty_share_is_refused(shares: tuple[float, ...], seeds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="given"):
        learning_curve(range(400), curve, shares=shares, seeds=seeds)
