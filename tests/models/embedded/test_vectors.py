from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from groundtune.models.embedded import vectors
from groundtune.models.embedded.vectors import VectorMemory


class Counting:
    """Embeds a text as its length and remembers what it was asked."""

    name = "counting"
    dimensions = 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text)] for text in texts], np.float32)


def test_each_text_is_embedded_once() -> None:
    embedding = Counting()
    memory = VectorMemory(embedding)
    assert memory.of(["a", "bbb", "a"]).tolist() == [[1], [3], [1]]
    assert memory.of(["bbb", "cc"]).tolist() == [[3], [2]]
    assert embedding.asked == ["a", "bbb", "cc"]
    assert memory.of([]).shape == (0, 1)


def test_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_KEPT", 2)
    embedding = Counting()
    memory = VectorMemory(embedding)
    memory.of(["a", "b"])
    memory.of(["a"])
    assert memory.of(["a", "b", "c", "d"]).shape == (4, 1)
    embedding.asked.clear()
    memory.of(["d"])
    assert embedding.asked == []
    memory.of(["a"])
    assert embedding.asked == ["a"]
