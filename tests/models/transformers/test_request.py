"""Tokens are drawn from the softmax of the scores, by draws that belong to the conversation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from groundtune.errors import ModelError
from groundtune.models.transformers.request import Finished, Request, Sampling


class Letters:
    """A tokenizer whose tokens are letters."""

    def decode(self, ids: list[int], **options: Any) -> str:
        return "".join(chr(97 + token) for token in ids)


END = 25


def request(prompt: tuple[int, ...] = (1, 2), limit: int = 100, **sampling: Any) -> Request:
    return Request(prompt, limit=limit, ends=frozenset({END}), tokenizer=Letters(), sampling=Sampling(**sampling))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax(temperature: float) -> None:
    scores = np.array([2.0, 1.0, 0.0, -1.0, -np.inf], np.float32)
    drawing = request(temperature=temperature, seed=5)
    counts = np.bincount([drawing.draw(scores) for _ in range(4000)], minlength=5)
    expected = special.softmax(scores[:4].astype(float) / temperature) * 4000
    assert counts[4] == 0
    assert stats.chisquare(counts[:4], expected).pvalue > 0.001


def test_at_temperature_zero_nothing_is_drawn() -> None:
    assert not request().drawn
    with pytest.raises(ValueError, match="temperature 0"):
        request().draw(np.zeros(3, np.float32))


def test_the_end_is_told_and_not_written() -> None:
    asking = request()
    for token in (0, 1, END, 2):
        asking.take(token)
    assert list(asking.follow()) == ["a", "b", Finished("stop")]
    assert asking.written == 3


def test_the_limit_is_told() -> None:
    asking = request(limit=2)
    for token in (0, 1, 2):
        asking.take(token)
    assert list(asking.follow()) == ["a", "b", Finished("length")]


def test_a_failure_reaches_the_reader_after_what_was_written() -> None:
    asking = request()
    asking.take(0)
    asking.fail(ModelError("broken"))
    reading = asking.follow()
    assert next(reading) == "a"
    with pytest.raises(ModelError, match="broken"):
        next(reading)


def test_a_reader_that_leaves_gives_the_request_up() -> None:
    asking = request()
    asking.take(0)
    reading = asking.follow()
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert asking.done
