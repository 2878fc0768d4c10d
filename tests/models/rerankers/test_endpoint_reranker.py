"""Rerankers behind HTTP, in both forms, with what networks and overloaded servers do to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ModelError, ProjectError
from groundtune.models import Reranker
from groundtune.models.openai.failures import Unreadable
from groundtune.models.openai.reranking import EndpointReranker, Form, _scores
from groundtune.models.openai.sending import Patience
from groundtune.testing.faulty import Fault, in_front_of
from groundtune.testing.rerank_endpoint import RerankEndpoint
from groundtune.testing.reranker_contract import QUESTION, TEXTS, RerankerContract
from groundtune.testing.serving import running


def reranker(address: str, form: Form = "cohere", *, key: str = "", seconds: float = 20.0) -> EndpointReranker:
    calm = Patience(total_seconds=seconds, first_wait=0.01, tries=3)
    return EndpointReranker("small", f"{address}/v1/rerank", key, form=form, patience=calm, timeout_seconds=seconds)


class _Endpoint(RerankerContract):
    form: Form

    @pytest.fixture(autouse=True)
    def _served(self) -> Iterator[None]:
        with running(RerankEndpoint(form=self.form).app()) as address:
            self.address = address
            yield

    def make(self) -> Reranker:
        return reranker(self.address, self.form)

    def test_the_text_that_shares_words_comes_first(self) -> None:
        scores = self.scored()
        assert max(range(len(TEXTS)), key=scores.__getitem__) == 1


class TestCohere(_Endpoint):
    form = "cohere"


class TestTei(_Endpoint):
    form = "tei"


@pytest.mark.parametrize("fault", ["429", "500", "drops", "cut", "malformed"])
def test_what_passes_is_tried_again(fault: Fault) -> None:
    with running(RerankEndpoint().app()) as target, in_front_of(target, fault) as (address, proxy):
        assert len(reranker(address).score(QUESTION, TEXTS)) == len(TEXTS)
    assert proxy.seen == [fault, "none"]


@pytest.mark.parametrize("fault", ["stalls", "drips"])
def test_a_server_that_never_ends_is_left(fault: Fault) -> None:
    with (
        running(RerankEndpoint().app()) as target,
        in_front_of(target, *[fault] * 9) as (address, _),
        pytest.raises(ModelError),
    ):
        reranker(address, seconds=0.3).score(QUESTION, TEXTS)


def test_the_key_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = RerankEndpoint(key="sk-right-key-123456")
    with running(endpoint.app()) as address:
        monkeypatch.setenv("RERANK_KEY", "sk-right-key-123456")
        assert len(reranker(address, key="RERANK_KEY").score(QUESTION, TEXTS)) == len(TEXTS)
        monkeypatch.setenv("RERANK_KEY", "sk-wrong-key-123456")
        with pytest.raises(ProjectError) as refused:
            reranker(address, key="RERANK_KEY").score(QUESTION, TEXTS)
    assert "RERANK_KEY" in str(refused.value)
    assert "sk-wrong" not in str(refused.value)


def test_an_address_without_a_path_is_refused() -> None:
    with pytest.raises(ProjectError, match=r"Give one such as http://localhost:80/rerank"):
        EndpointReranker("", "http://localhost:80", "")


answers = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["results", "data", "index", "score", "relevance_score"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(answers)
def test_what_is_no_ranking_is_told(answer: Any) -> None:
    with pytest.raises(Unreadable):
        _scores(answer, 2)


def test_scores_come_back_in_the_order_of_the_texts() -> None:
    rows = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    assert _scores({"results": rows}, 2) == [0.1, 0.9]
    assert _scores([{"index": 1, "score": 2}, {"index": 0, "score": -1}], 2) == [-1.0, 2.0]
