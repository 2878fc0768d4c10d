"""Any cross-encoder of sentence-transformers, by path, as a reranker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from groundtune.errors import MissingExtra, WeightsError
from groundtune.models.transformers.fingerprint import weights_sha256

__all__ = ["SentenceReranker"]

_BATCH = 16


class SentenceReranker:
    """Scores with local weights; calls take turns, as the weights serve one at a time."""

    def __init__(self, encoder: Any, name: str) -> None:
        """Wrap a loaded ``CrossEncoder``; ``name`` identifies its weights."""
        self.name = name
        self._encoder = encoder
        self._turn = threading.Lock()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load weights from a folder; nothing is fetched, and no code of the folder is run.

        Raises:
            MissingExtra: when sentence-transformers is not installed.
            WeightsError: when the folder holds no cross-encoder with one score.
        """
        try:
            from sentence_transformers import CrossEncoder
        except ImportError:
            raise MissingExtra("A cross-encoder of sentence-transformers", "train") from None
        if not (folder / "config.json").is_file():
            raise WeightsError(
                f"{folder} holds no cross-encoder: there is no config.json. Name the folder of downloaded weights in "
                "[model.reranker] name."
            )
        try:
            encoder = CrossEncoder(str(folder), local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(f"{folder} holds no cross-encoder that can be used: {error}") from error
        if encoder.num_labels != 1:
            raise WeightsError(f"{folder} gives {encoder.num_labels} scores for a pair; a reranker gives one.")
        return cls(encoder, f"transformers/{folder.name}@{weights_sha256(folder)[:12]}")

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, as the weights were trained to say it."""
        if not texts:
            return []
        pairs = [(question, text) for text in texts]
        with self._turn:
            return [float(score) for score in self._encoder.predict(pairs, batch_size=_BATCH, show_progress_bar=False)]
