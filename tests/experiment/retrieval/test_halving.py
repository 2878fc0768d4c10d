"""Successive halving: the same queries for all who are compared, none asked twice, the clearly best never lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.retrieval.halving import FIRST, halve
from groundtune.records import Query


def queries(count: int) -> list[Query]:
    return [Query(id=str(n), question="?") for n in range(count)]


class Counted:
    """Arm ``n`` is worth ``worth[n]`` on every query; remembers what was asked."""

    def __init__(self, worth: Sequence[float]) -> None:
        self.worth = worth
        self.asked: list[tuple[int, str]] = []

    def __call__(self, arm: int, some: Sequence[Query]) -> Mapping[str, float]:
        self.asked += [(arm, query.id) for query in some]
        return {query.id: self.worth[arm] for query in some}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 200), st.integers(0, 9))
def test_the_best_wins_of_equals_the_first_and_nothing_is_asked_twice(worth: list[int], count: int, seed: int) -> None:
    values = Counted([float(value) for value in worth])
    best, rounds = halve(range(len(worth)), queries(count), values, seed=seed)
    assert best == worth.index(max(worth))
    assert len(values.asked) == len(set(values.asked)) <= len(worth) * count
    assert rounds[0] == (len(worth), min(count, FIRST))


def test_rounds_by_hand() -> None:
    _, rounds = halve(range(27), queries(100), Counted([float(n) for n in range(27)]), seed=0)
    assert rounds == [(27, 15), (9, 45), (3, 100)]


def test_a_query_without_a_value_counts_for_nobody() -> None:
    best, _ = halve(["a", "b"], queries(20), lambda arm, some: {} if arm == "a" else {some[0].id: 0.1}, seed=0)
    assert best == "b"


def test_every_arm_of_a_round_sees_the_same_queries() -> None:
    values = Counted([1.0, 2.0, 3.0])
    halve(range(3), queries(60), values, seed=3)
    first = [{query for arm, query in values.asked[: 3 * FIRST] if arm == n} for n in range(3)]
    assert first[0] == first[1] == first[2]
    assert len(first[0]) == pytest.approx(FIRST)
