"""Successive halving: many settings on few queries, then fewer settings on more, all on the same ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from groundtune.records import Query

__all__ = ["FIRST", "Round", "halve"]

Arm = TypeVar("Arm")

FIRST = 15
"""Queries of the first round (METHODS 1.7: at least so many)."""

_KEPT = 3  # one of so many goes on, on so many times the queries (eta of Jamieson and Talwalkar, AISTATS 2016)

Round = tuple[int, int]
"""How many arms were compared, on how many queries."""

Values = Callable[[Arm, Sequence[Query]], Mapping[str, float]]
"""The value of an arm for each of these queries that has one."""


def halve(arms: Sequence[Arm], queries: Sequence[Query], values: Values[Arm], *, seed: int) -> tuple[Arm, list[Round]]:
    """The best arm, and the rounds in which it was found.

    An arm keeps what it was measured on, so that each is asked each query at most once. Of equals the earlier one wins:
    give the plain ones first.

    Args:
        arms: At least one.
        queries: Dev queries; each round takes more of them, in an order that the seed gives.
        values: Measures an arm.
        seed: Of the order.
    """
    order = list(queries)
    random.Random(seed).shuffle(order)
    alive, measured, rounds, size = list(range(len(arms))), [dict[str, float]() for _ in arms], list[Round](), 0
    while True:
        size, before = min(len(order), max(FIRST, size * _KEPT)), size
        for arm in alive:
            measured[arm] |= values(arms[arm], order[before:size])
        rounds.append((len(alive), size))
        alive.sort(key=lambda arm: (-_mean(measured[arm]), arm))
        if size == len(order) or len(alive) == 1:
            return arms[alive[0]], rounds
        alive = alive[: max(1, -(-len(alive) // _KEPT))]


def _mean(values: Mapping[str, float]) -> float:
    return round(sum(values.values()) / len(values), 9) if values else 0.0
