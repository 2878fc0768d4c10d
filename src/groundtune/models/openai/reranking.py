"""`EndpointReranker`: scores from an endpoint that ranks, in the form of Cohere and Jina or of TEI."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from groundtune.errors import ProjectError
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.failures import Unreadable
from groundtune.models.openai.receiving import received_json
from groundtune.models.openai.sending import Limit, Patience

if TYPE_CHECKING:
    import openai

__all__ = ["EndpointReranker", "Form"]

Form = Literal["cohere", "tei"]
"""``cohere`` (also Jina, vLLM, llama.cpp): {model, query, documents} -> {results: [{index, relevance_score}]};
``tei`` (text-embeddings-inference): {query, texts} -> [{index, score}]."""

_STREAMED = {"X-Stainless-Raw-Response": "stream"}
"""Asks the SDK for the answer as it comes in, as its ``with_streaming_response`` does for calls that it knows."""


class EndpointReranker:
    """The port `Reranker` over HTTP; refusals and cuts are retried as for every other endpoint."""

    def __init__(
        self,
        model: str,
        url: str,
        key: str,
        *,
        form: Form = "cohere",
        patience: Patience | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        """Nothing is sent yet.

        Args:
            model: The endpoint's name for it; may be empty where it serves one.
            url: The whole address that ranks.
            key: Environment variable with the key; empty sends none.
            form: How it is asked.
            patience: How often it is tried.
            timeout_seconds: Longest time for one call.

        Raises:
            ProjectError: when the address has no path to ask at.
        """
        base, _, self._path = url.rstrip("/").rpartition("/")
        if base.endswith(("/", ":")) or not base:
            raise ProjectError(
                f"base_url = {url!r} names no path that ranks. Give one such as {url.rstrip('/')}/rerank."
            )
        self._model = model
        self._form = form
        self._endpoint = Endpoint(base_url=base, key=key, timeout_seconds=timeout_seconds)
        self._patience = patience or Patience(total_seconds=60.0)

    @property
    def name(self) -> str:
        """Endpoint and model."""
        return f"http/{self._model or self._form}@{self._endpoint.url}/{self._path}"

    @cached_property
    def _client(self) -> openai.OpenAI:
        client = self._endpoint.client()
        weakref.finalize(self, client.close)
        return client

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Relevance of each text, on the endpoint's own scale.

        Raises:
            ModelError: when it failed for good, or gave no score for a text.
            ProjectError: when the key or the model is wrong.
        """
        if not texts:
            return []

        def asked(limit: Limit) -> list[float]:
            return _scores(received_json(self._posted, self._request(question, texts), limit), len(texts))

        with self._patience.slot():
            return self._patience.send_within(asked, self._endpoint, self._model or self._path)

    def _request(self, question: str, texts: Sequence[str]) -> dict[str, Any]:
        if self._form == "tei":
            return {"query": question, "texts": list(texts), "truncate": True}
        named = {"model": self._model} if self._model else {}
        return {**named, "query": question, "documents": list(texts), "top_n": len(texts)}

    @contextmanager
    def _posted(self, timeout: float, **body: Any) -> Iterator[Any]:
        response: Any = self._client.post(
            f"/{self._path}", cast_to=object, body=body, options={"headers": _STREAMED, "timeout": timeout}
        )
        try:
            yield response
        finally:
            response.close()


def _scores(answer: Any, wanted: int) -> list[float]:
    """A score for each text, in the order of the texts.

    Raises:
        Unreadable: when there is not exactly one finite score for each.
    """
    rows = answer.get("results", answer.get("data")) if isinstance(answer, dict) else answer
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    found = {str(row.get("index")): row.get("relevance_score", row.get("score")) for row in listed}
    scores = [found.get(str(place)) for place in range(wanted)]
    if len(listed) != wanted or not all(_is_number(score) for score in scores):
        raise Unreadable(f"{wanted} texts were sent, and no finite score came for each")
    return [float(score) for score in scores if score is not None]


def _is_number(score: object) -> bool:
    return isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
