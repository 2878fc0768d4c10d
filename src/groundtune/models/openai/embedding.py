"""`OpenAIEmbedding`: vectors from any endpoint in OpenAI's form."""

from __future__ import annotations

import base64
import binascii
import weakref
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from groundtune.errors import ModelError
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.failures import Unreadable, said
from groundtune.models.openai.receiving import received
from groundtune.models.openai.sending import Limit, Patience

if TYPE_CHECKING:
    import numpy as np
    import openai
    from numpy.typing import NDArray

__all__ = ["OpenAIEmbedding"]

_BATCH = 128


class OpenAIEmbedding:
    """The port `EmbeddingModel` over ``/embeddings``; vectors are brought to length 1.

    A server that takes fewer texts at once, or sends no base64, says so once.
    """

    def __init__(self, model: str, endpoint: Endpoint, *, patience: Patience | None = None) -> None:
        """Nothing is sent yet; ``model`` is the endpoint's name for it."""
        self._model = model
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._batch = _BATCH
        self._encoding = "base64"

    @property
    def name(self) -> str:
        """Endpoint and model."""
        return f"openai/{self._model}@{self._endpoint.url}"

    @cached_property
    def dimensions(self) -> int:
        """Length of each vector, as the endpoint gives it; asks once.

        Raises:
            ModelError: when it cannot be asked.
        """
        return int(self.embed(["dimensions"]).shape[1])

    @cached_property
    def _client(self) -> openai.OpenAI:
        client = self._endpoint.client()
        weakref.finalize(self, client.close)  # its connections end with whoever asks
        return client

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimensions), each row of length 1.

        Raises:
            ModelError: when the endpoint failed for good, or gave vectors that are none.
            ProjectError: when the key or the model's name is wrong.
        """
        import numpy as np

        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return np.concatenate(list(self._batches(texts)))

    def _batches(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        first, length = 0, None
        while first < len(texts):

            def asked(limit: Limit, first: int = first) -> NDArray[np.float32]:
                return self._accepted(texts, first, limit)

            with self._patience.slot():
                vectors = self._patience.send_within(asked, self._endpoint, self._model)
            if length not in (None, vectors.shape[1]):
                raise ModelError(f"{self.name} gave vectors of {length} and of {vectors.shape[1]} numbers.")
            first, length = first + len(vectors), vectors.shape[1]
            yield vectors

    def _accepted(self, texts: Sequence[str], first: int, limit: Limit) -> NDArray[np.float32]:
        """The next batch in a form and size that the server accepts, learned from what it refuses."""
        import openai

        while True:
            batch = texts[first : first + self._batch]
            try:
                return self._asked(batch, limit)
            except openai.APIStatusError as refusal:
                words = f"{said(refusal)} {refusal.param or ''}".lower()
                if refusal.status_code not in (400, 413, 422):
                    raise
                if "batch" in words and len(batch) > 1:
                    self._batch = len(batch) // 2
                elif self._encoding == "base64" and ("encoding" in words or "base64" in words):
                    self._encoding = "float"
                else:
                    raise

    def _asked(self, texts: Sequence[str], limit: Limit) -> NDArray[np.float32]:
        # An empty text is refused by most servers; a space means as little.
        sent = [text or " " for text in texts]
        request = {"model": self._model, "input": sent, "encoding_format": self._encoding}
        return _vectors(received(self._client.embeddings.with_streaming_response.create, request, limit), len(sent))


def _vectors(answer: dict[str, Any], wanted: int) -> NDArray[np.float32]:
    """Unit vectors in the order of the texts: shape (wanted, dimensions).

    Raises:
        Unreadable: when the answer does not hold one proper vector for each text.
    """
    import numpy as np

    data = answer.get("data")
    listed = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    rows = {str(row.get("index", place)): _numbers(row.get("embedding")) for place, row in enumerate(listed)}
    lengths = {len(numbers) for numbers in rows.values()}
    if set(rows) != {str(place) for place in range(wanted)} or len(lengths) != 1 or lengths == {0}:
        raise Unreadable(f"{wanted} texts were sent, and {len(rows)} vectors of {sorted(lengths)} numbers came")
    vectors = np.stack([rows[str(place)] for place in range(wanted)])
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise Unreadable("its vectors hold zeros alone, or no numbers")
    return np.asarray(vectors / norms, np.float32)


def _numbers(embedding: object) -> NDArray[np.float64]:
    """One vector, sent as numbers or as little-endian float32 in base64."""
    import numpy as np

    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float64)
        return np.array(embedding, np.float64).reshape(-1)
    except (ValueError, TypeError, binascii.Error):
        raise Unreadable("its vectors are neither numbers nor base64") from None
