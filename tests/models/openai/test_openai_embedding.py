"""Vectors from an endpoint: in order, of length 1, refused when they are no vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ModelError
from groundtune.models.openai.embedding import OpenAIEmbedding, _vectors
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.failures import Unreadable
from groundtune.models.openai.sending import Patience
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.faulty import Fault, in_front_of
from groundtune.testing.serving import running

TEXTS = [f"text {n}" for n in range(300)]


def embedding(url: str, *, tries: int = 3) -> OpenAIEmbedding:
    endpoint = Endpoint(base_url=f"{url}/v1", key="", timeout_seconds=20)
    return OpenAIEmbedding("tiny", endpoint, patience=Patience(total_seconds=30, first_wait=0.01, tries=tries))


@contextmanager
def server(**given: Any) -> Iterator[tuple[ScriptedEndpoint, str]]:
    scripted = ScriptedEndpoint(lambda _: "", **given)
    with running(scripted.app()) as address:
        yield scripted, address


def test_vectors_come_in_the_order_of_the_texts_and_have_length_one() -> None:
    with server() as (scripted, address):
        model = embedding(address)
        vectors = model.embed(TEXTS)
        single = np.concatenate([model.embed([text]) for text in TEXTS[:3]])
        assert model.dimensions == vectors.shape[1]
        assert model.embed([]).shape == (0, model.dimensions)
    assert vectors.shape == (300, 8)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(vectors[:3], single, rtol=1e-6)
    assert len(scripted.asked[0]["input"]) == 128


def test_a_server_without_base64_or_for_smaller_batches_gives_the_same_vectors() -> None:
    with server() as (_, address):
        usual = embedding(address).embed(TEXTS)
    with server(refuses=frozenset({"encoding_format=base64"}), most_texts=50) as (scripted, address):
        model = embedding(address)
        np.testing.assert_allclose(model.embed(TEXTS), usual, rtol=1e-6)
        taken = len(scripted.asked)
        assert [len(body["input"]) for body in scripted.asked] == [32] * 9 + [12]
        model.embed(TEXTS[:1])
        assert len(scripted.asked) == taken + 1


@pytest.mark.parametrize("fault", ["429", "500", "drops", "cut", "malformed"])
def test_passing_trouble_is_tried_again(fault: Fault) -> None:
    with server() as (_, target), in_front_of(target, fault, fault) as (address, proxy):
        assert embedding(address).embed(["a"]).shape == (1, 8)
        assert proxy.seen == [fault, fault, "none"]


def test_lasting_trouble_is_an_error() -> None:
    faults: list[Fault] = ["malformed"] * 9
    with server() as (_, target), in_front_of(target, *faults) as (address, proxy):
        with pytest.raises(ModelError, match="not JSON"):
            embedding(address).embed(["a"])
        assert len(proxy.seen) == 3


@pytest.mark.parametrize(
    "rows",
    [
        [],
        None,
        "no",
        [None, None],
        [{"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [0.0]}, {"index": 1, "embedding": [0.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}],
        [{"index": 0, "embedding": None}, {"index": 1, "embedding": "?"}],
        [{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": "AAAA"}],
        [{"index": 0, "embedding": [1.0, None]}, {"index": 1, "embedding": [1.0, 1.0]}],
        [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}],
    ],
)
def test_what_is_no_vector_for_each_text_is_refused(rows: Any) -> None:
    with pytest.raises(Unreadable):
        _vectors({"data": rows}, 2)


def test_rows_without_an_index_are_in_order() -> None:
    vectors = _vectors({"data": [{"embedding": [2.0, 0.0]}, {"embedding": [0.0, 3.0]}]}, 2)
    np.testing.assert_array_equal(vectors, [[1, 0], [0, 1]])


@given(st.permutations(range(5)))
def test_the_order_of_the_answer_does_not_matter(order: list[int]) -> None:
    rows = [{"index": n, "embedding": [float(n + 1), 1.0]} for n in range(5)]
    shuffled = _vectors({"data": [rows[n] for n in order]}, 5)
    np.testing.assert_array_equal(shuffled, _vectors({"data": rows}, 5))
