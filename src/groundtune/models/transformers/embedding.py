"""Any embedding model of sentence-transformers, by path or by its name on the hub."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from groundtune.errors import MissingExtra, ModelError, WeightsError
from groundtune.models.transformers.fingerprint import embedding_sha256
from groundtune.models.transformers.places import find_embedding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SentenceEmbedding"]

_BATCH = 32


class SentenceEmbedding:
    """The port `EmbeddingModel` over local weights; calls take turns, as the weights serve one at a time.

    What the model wants put before a question or before a passage stands in its folder, and is put there.
    """

    def __init__(self, encoder: Any, name: str) -> None:
        """Wrap a loaded ``SentenceTransformer``; ``name`` identifies its weights and prompts."""
        self.name = name
        self._encoder = encoder
        self._turn = threading.Lock()

    @classmethod
    def load(cls, name: str) -> Self:
        """Load weights by path or hub name; no code that comes with them is run.

        Raises:
            MissingExtra: when sentence-transformers is not installed.
            WeightsError: when the weights are nowhere, incomplete, or no embedding model.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise MissingExtra("An embedding model of sentence-transformers", "train") from None
        folder = find_embedding(name)
        try:
            encoder = SentenceTransformer(str(folder), local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            raise WeightsError(f"{folder} holds no embedding model that can be used: {error}") from error
        if not encoder.get_embedding_dimension():
            raise WeightsError(f"{folder} does not say how long its vectors are.")
        shown = folder.resolve().name if Path(name).expanduser().is_dir() else name
        return cls(encoder, f"transformers/{shown}@{embedding_sha256(folder)[:12]}")

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return int(self._encoder.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions) of passages.

        Raises:
            ModelError: when the device failed.
        """
        return self._embedded(self._encoder.encode_document, texts)

    def embed_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions) of questions.

        Raises:
            ModelError: when the device failed.
        """
        return self._embedded(self._encoder.encode_query, texts)

    def _embedded(self, encode: Any, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        try:
            with self._turn:
                found = encode(list(texts), batch_size=_BATCH, show_progress_bar=False, normalize_embeddings=True)
        except RuntimeError as error:
            raise ModelError(f"{self.name} failed: {str(error).splitlines()[0]}") from error
        return np.asarray(found, np.float32)
