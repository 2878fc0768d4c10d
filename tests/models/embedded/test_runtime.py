from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.models.embedded.graph import encoder_graph
from groundtune.models.embedded.runtime import (
    _LONE_ROWS_BEFORE,
    Encoder,
    _batches,
    _LoneRow,
    _padded_length,
    encoder_options,
    fastest_precision,
)
from groundtune.testing.encoders import TINY, tiny_tensors

ROWS = [[2, *range(4, 4 + n), 3] for n in (3, 20, 0, 7, 1, 12)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(tiny_tensors(), TINY, precision="f32")


def test_vectors_are_unit_and_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    together = encoder.embed(ROWS)
    assert together.shape == (6, TINY.hidden_size)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    for row, vector in zip(ROWS, together, strict=True):
        np.testing.assert_allclose(encoder.embed([row])[0], vector, atol=1e-6)


def test_the_embedding_is_the_unit_mean_of_the_states(encoder: Encoder) -> None:
    states = encoder.token_states(ROWS)
    assert [state.shape for state in states] == [(len(row), TINY.hidden_size) for row in ROWS]
    means = np.stack([state.mean(0) / np.linalg.norm(state.mean(0)) for state in states])
    np.testing.assert_allclose(encoder.embed(ROWS), means, atol=1e-5)


def test_segments_count(encoder: Encoder) -> None:
    row = [2, 4, 3, 5, 3]
    first, second = encoder.token_states([row, row], [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
    assert not np.allclose(first, second)


def test_many_threads_get_their_own_answers(encoder: Encoder) -> None:
    alone = [encoder.embed([row])[0] for row in ROWS]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda turn: encoder.embed([ROWS[turn % 6]])[0], range(60)))
    for turn, vector in enumerate(found):
        np.testing.assert_allclose(vector, alone[turn % 6], atol=1e-6)


def test_no_rows_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, TINY.hidden_size)
    assert encoder.token_states([]) == []


@pytest.mark.parametrize("row", [[], [2] * 513])
def test_rows_without_tokens_or_with_too_many_are_refused(encoder: Encoder, row: list[int]) -> None:
    with pytest.raises(ValueError, match="1 to 512 tokens"):
        encoder.embed([[2, 3], row])


@given(lengths=st.lists(st.integers(1, 512), max_size=60), streams=st.integers(1, 8))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], streams: int) -> None:
    batches = _batches(lengths, streams)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 512


@pytest.mark.parametrize(
    ("flags", "precision"), [("avx512f avx512_bf16", "bf16"), ("amx_tile amx_bf16", "bf16"), ("avx512f", "f32")]
)
def test_bf16_only_where_the_processor_has_it(tmp_path: Path, flags: str, precision: str) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor : 0\nflags : fpu {flags}\n")
    assert fastest_precision(path) == precision


def test_an_unknown_processor_gets_f32(tmp_path: Path) -> None:
    assert fastest_precision(tmp_path / "missing") == "f32"


@given(longest=st.integers(1, 500))
def test_rows_are_padded_by_less_than_an_eighth_and_never_beyond_the_model(longest: int) -> None:
    padded = _padded_length(longest, 500)
    assert longest <= padded <= min(500, longest + min(15, longest // 8))


def test_rows_are_padded_to_few_lengths() -> None:
    assert [_padded_length(longest, 500) for longest in (1, 15, 17, 33, 100, 130, 490, 499)] == [
        *(1, 15, 18, 36, 104, 144, 496, 500)
    ]
    assert len({_padded_length(longest, 512) for longest in range(1, 513)}) <= 64


@settings(deadline=None, max_examples=30)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=40), row=st.integers(1, 60))
def test_a_vector_does_not_depend_on_what_it_is_embedded_with(encoder: Encoder, lengths: list[int], row: int) -> None:
    rows = [[2 + (length + place) % 30 for place in range(length)] for length in (row, *lengths)]
    np.testing.assert_allclose(encoder.embed(rows)[0], encoder.embed(rows[:1])[0], atol=1e-5)


@pytest.fixture
def lone_row() -> _LoneRow:
    return _LoneRow(encoder_graph(tiny_tensors(), TINY), encoder_options("f32"), ThreadPoolExecutor(1))


def test_a_lone_row_on_all_cores_has_the_vector_of_a_stream(
    encoder: Encoder, lone_row: _LoneRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "_lone", None)
    in_streams = [encoder.embed([row]) for row in ROWS]
    lone_row._compile()
    monkeypatch.setattr(encoder, "_lone", lone_row)
    for row, vector in zip(ROWS, in_streams, strict=True):
        np.testing.assert_array_equal(encoder.embed([row]), vector)


def test_all_cores_are_compiled_for_when_more_lone_rows_are_expected(lone_row: _LoneRow) -> None:
    for _ in range(_LONE_ROWS_BEFORE):
        assert lone_row._request is None
        with lone_row.free_request() as request:
            assert request is None
    lone_row._workers.shutdown(wait=True)
    with lone_row.free_request() as request:
        assert request is not None


def test_a_second_caller_does_not_wait_for_the_first(lone_row: _LoneRow) -> None:
    lone_row._compile()
    with lone_row.free_request() as first, lone_row.free_request() as second:
        assert first is not None
        assert second is None
    with lone_row.free_request() as third:
        assert third is not None
