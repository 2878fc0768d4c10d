from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from groundtune.errors import WeightsError
from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.read import MAX_ANSWER_TOKENS, Heads, Reader
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.windows import MAX_WINDOW_TOKENS, passage_tokens, windows
from groundtune.testing.encoders import tiny_tokens

WORDS = ("the", "cat", "dog", "sat", "ran", "on", "mat", "final", "status", "where", "did", "sit")
START, END, EVIDENCE = 0, 1, 2

Tensors = dict[str, NDArray[Any]]


def heads(*, answer: float = 1.0) -> Tensors:
    """Heads that read start, end and sentence logit off a state, and the answerable logit off the first state."""
    hidden = np.zeros((1, 9), np.float32)
    hidden[0, 0] = 0.01  # small, so that tanh is nearly the identity
    return {
        "reader.span.weight": np.eye(3, dtype=np.float32),
        "reader.span.bias": np.zeros(3, np.float32),
        "reader.hidden.weight": hidden,
        "reader.hidden.bias": np.zeros(1, np.float32),
        "reader.answer.weight": np.full((1, 1), 100 * answer, np.float32),
        "reader.answer.bias": np.zeros(1, np.float32),
    }


class Marked:
    """States in which chosen tokens speak for start, end or sentence; a row with the first of them is answerable."""

    def __init__(self, marks: dict[int, tuple[float, float, float]]) -> None:
        self.marks = marks
        self.rows: list[list[int]] = []

    def token_states(
        self, ids: Sequence[Sequence[int]], type_ids: Sequence[Sequence[int]] | None = None
    ) -> list[NDArray[np.float32]]:
        self.rows += [list(row) for row in ids]
        states = [np.array([self.marks.get(token, (0.0, 0.0, 0.0)) for token in row], np.float32) for row in ids]
        for row, state in zip(ids, states, strict=True):
            state[0, 0] = 2.0 if set(row) & set(self.marks) else -2.0
        return states


class Noise:
    def token_states(
        self, ids: Sequence[Sequence[int]], type_ids: Sequence[Sequence[int]] | None = None
    ) -> list[NDArray[np.float32]]:
        seeds = [zlib.crc32(repr(list(row)).encode()) for row in ids]
        return [
            np.random.default_rng(seed).normal(0, 3, (len(row), 3)).astype(np.float32)
            for seed, row in zip(seeds, ids, strict=True)
        ]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return tiny_tokens(tmp_path_factory.mktemp("tokens"), WORDS)


def marked(tokens: Tokens, **marks: tuple[float, float, float]) -> Marked:
    return Marked({tokens.encode(word).ids[0]: mark for word, mark in marks.items()})


def test_the_span_is_cut_from_the_right_passage(tokens: Tokens) -> None:
    encoder = marked(tokens, mat=(5.0, 5.0, 1.0))
    reader = Reader(encoder, tokens, Heads(heads()), Calibration())
    reading = reader.read("where did the cat sit", ["The dog ran.", "A dog. The cat sat on the Mat. Final."])
    assert reading is not None
    assert (reading.passage, reading.text, reading.sentence) == (1, "Mat", (7, 30))
    assert reading.not_here == pytest.approx(1 / (1 + np.exp(2.0)), rel=1e-3)


def test_every_passage_is_read_in_one_call_best_first(tokens: Tokens) -> None:
    encoder = marked(tokens, mat=(5.0, 5.0, 1.0))
    readings = Reader(encoder, tokens, Heads(heads()), Calibration()).read_each("where", ["the dog", "", "on the mat"])
    assert [reading.passage for reading in readings] == [2, 0]
    assert readings[0].score > readings[1].score
    assert readings[0].not_here < readings[1].not_here


def test_the_sentence_comes_before_the_span(tokens: Tokens) -> None:
    encoder = marked(tokens, cat=(5.0, 5.0, -9.0), dog=(4.0, 4.0, 9.0))
    passage = "the cat sat. The dog ran."
    texts = []
    for weight in (0.0, 1.0):
        found = Reader(encoder, tokens, Heads(heads()), Calibration(evidence=weight)).read("where", [passage])
        texts.append(found.text if found else None)
    assert texts == ["cat", "dog"]


def test_a_span_stays_inside_its_sentence(tokens: Tokens) -> None:
    encoder = marked(tokens, cat=(9.0, 0.0, 0.0), dog=(0.0, 9.0, 0.0))
    found = Reader(encoder, tokens, Heads(heads()), Calibration()).read("where", ["The cat sat. The dog ran."])
    assert found is not None
    assert found.text in ("cat sat.", "cat sat", "cat", "The dog", "dog")


def test_an_answer_at_the_end_of_a_long_passage_is_found(tokens: Tokens) -> None:
    passage = "the dog ran. " * 300 + "Status: final"
    encoder = marked(tokens, final=(5.0, 5.0, 5.0))
    found = Reader(encoder, tokens, Heads(heads()), Calibration()).read("where", [passage])
    assert found is not None
    assert found.text == "final"
    assert passage[found.start : found.end] == "final"
    assert len(encoder.rows) > 1
    assert max(map(len, encoder.rows)) <= MAX_WINDOW_TOKENS


@pytest.mark.parametrize("passages", [[], [""], [" \n "]])
def test_nothing_to_read_gives_nothing(tokens: Tokens, passages: list[str]) -> None:
    assert Reader(Noise(), tokens, Heads(heads()), Calibration()).read("where", passages) is None


@given(passage=st.text(alphabet="cat dog.\n:-É漢\U0001f600", max_size=120), evidence=st.floats(0, 3))
def test_what_is_read_stands_verbatim_in_one_sentence(tokens: Tokens, passage: str, evidence: float) -> None:
    found = Reader(Noise(), tokens, Heads(heads()), Calibration(evidence=evidence)).read("where", [passage])
    if found is None:
        assert not tokens.encode(passage).ids
        return
    assert found.text == passage[found.start : found.end] != ""
    assert found.sentence[0] <= found.start < found.end <= found.sentence[1]
    assert len(tokens.encode(found.text)) <= MAX_ANSWER_TOKENS
    assert 0.0 <= found.not_here <= 1.0


@given(length=st.integers(1, 900), question=st.integers(0, 90), limit=st.integers(100, 384))
def test_windows_cover_every_token_within_the_limit(tokens: Tokens, length: int, question: int, limit: int) -> None:
    passage = passage_tokens(tokens, "cat " * length)
    asked = tokens.encode("dog " * question).ids
    rows = windows(tokens, asked, passage, limit=limit)
    assert {i for row in rows for i in range(row.low, row.high)} == set(range(length))
    for row in rows:
        assert len(row.ids) == len(row.type_ids) <= limit
        assert row.ids[row.first : -1] == passage.ids[row.low : row.high]
        assert row.type_ids == [0] * row.first + [1] * (len(row.ids) - row.first)


def test_weights_without_a_reader_are_refused() -> None:
    with pytest.raises(WeightsError, match="hold no reader"):
        Heads({})


def test_a_calibration_survives_its_json() -> None:
    made = Calibration(evidence=0.5, rank=0.1, order=0.5, bias=0.25, answer=-1.5, span=-0.125)
    assert Calibration.from_json(made.to_json()) == made
    with pytest.raises(WeightsError, match="no usable calibration"):
        Calibration.from_json('{"evidence": 1}')


def test_not_here_is_a_probability_even_for_huge_logits() -> None:
    calibration = Calibration(answer=-1.0)
    assert calibration.not_here(1e6, 0.0) == 0.0
    assert calibration.not_here(-1e6, 0.0) == 1.0
    assert calibration.not_here(0.0, 0.0) == 0.5


def test_the_tokenizer_knows_its_words(tmp_path: Path) -> None:
    assert len(tiny_tokens(tmp_path, WORDS).encode("The cat")) == 2


def test_of_two_passages_that_read_alike_the_one_retrieved_first_wins(tokens: Tokens) -> None:
    encoder = marked(tokens, mat=(5.0, 5.0, 1.0))
    passages = ["the cat sat on the mat", "the dog ran on the mat"]
    for order in (passages, passages[::-1]):
        readings = Reader(encoder, tokens, Heads(heads()), Calibration(order=1.0)).read_each("where", order)
        assert [reading.passage for reading in readings] == [0, 1]
        assert readings[0].score - readings[1].score == pytest.approx(np.log(2))
