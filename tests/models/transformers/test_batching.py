"""Requests that wait together run together, within the bound of tokens, and none is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.errors import ModelError
from groundtune.models.transformers.batching import Batcher
from groundtune.models.transformers.request import Finished, Request


class Nothing:
    """A tokenizer of empty tokens."""

    def decode(self, ids: list[int], **options: Any) -> str:
        return ""


def request(prompt: int = 3, limit: int = 2) -> Request:
    return Request([0] * prompt, limit=limit, ends=frozenset(), tokenizer=Nothing())


class Held:
    """A model that is busy with its first batch until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []
        self.started = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, batch: Sequence[Request]) -> None:
        self.batches.append(list(batch))
        self.started.set()
        self.go_on.wait()
        for one in batch:
            for _ in range(one.limit):
                one.take(0)


def all_batches(requests: Sequence[Request], batcher: Callable[[Held], Batcher]) -> list[list[Request]]:
    """What runs after a first request, when ``requests`` came while the model was busy with it."""
    model = Held()
    batches = batcher(model)
    first = request(1, 1)
    batches.submit(first)
    model.started.wait()
    for one in requests:
        batches.submit(one)
    model.go_on.set()
    for one in requests:
        assert list(one.follow()) == [Finished("length")]
    return model.batches[1:]


def test_who_waits_goes_along_in_one_batch() -> None:
    waiting = [request() for _ in range(5)]
    assert all_batches(waiting, lambda run: Batcher(run, tokens=100, window=None)) == [waiting]


def test_after_a_batch_of_several_the_next_waits_for_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """With time enough to come back, threads that ask in step stay together."""
    monkeypatch.setattr("groundtune.models.transformers.batching._GATHER_SECONDS", 60)
    model = Held()
    batches = Batcher(model, tokens=100, window=None)
    rounds = [[request()], [request() for _ in range(3)], [request() for _ in range(3)]]
    batches.submit(rounds[0][0])
    model.started.wait()
    for one in rounds[1]:
        batches.submit(one)
    model.go_on.set()
    assert [list(one.follow()) for one in rounds[1]] == [[Finished("length")]] * 3
    for one in rounds[2]:
        batches.submit(one)
    assert [list(one.follow()) for one in rounds[2]] == [[Finished("length")]] * 3
    assert model.batches == rounds


@settings(max_examples=30)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 10)), min_size=1, max_size=12),
    tokens=st.integers(10, 120),
)
def test_no_batch_is_larger_than_allowed_and_order_is_kept(sizes: list[tuple[int, int]], tokens: int) -> None:
    waiting = [request(*size) for size in sizes]
    batches = all_batches(waiting, lambda run: Batcher(run, tokens=tokens, window=40))
    assert [one for batch in batches for one in batch] == waiting
    for batch in batches:
        row = max(len(one.prompt) for one in batch) + max(one.limit for one in batch)
        assert len(batch) == 1 or (len(batch) * row <= tokens and row <= 40)


def test_a_request_that_was_given_up_is_not_run() -> None:
    kept, left = request(), request()
    left.done = True
    model = Held()
    model.go_on.set()
    batches = Batcher(model, tokens=100, window=None)
    batches.submit(left)
    batches.submit(kept)
    assert list(kept.follow()) == [Finished("length")]
    assert [one for batch in model.batches for one in batch] == [kept]


@pytest.mark.parametrize("error", [ModelError("broken"), KeyError("a fault of ours")])
def test_a_failure_reaches_all_of_its_batch_and_the_next_runs(error: Exception) -> None:
    failing = True

    def run(batch: Sequence[Request]) -> None:
        if failing:
            raise error
        for one in batch:
            one.take(0)

    batches = Batcher(run, tokens=100, window=None)
    waiting = [request(limit=1) for _ in range(3)]
    for one in waiting:
        batches.submit(one)
    for one in waiting:
        with pytest.raises(type(error)):
            list(one.follow())
    failing = False
    after = request(limit=1)
    batches.submit(after)
    assert list(after.follow()) == [Finished("length")]
