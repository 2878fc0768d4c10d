"""Vectors of texts that come again and again: label names, few-shot examples, retrieved demonstrations."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from groundtune.models import EmbeddingModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["VectorMemory"]

_KEPT = 20_000  # 30 MB of 384 float32


class VectorMemory:
    """Embeds texts and remembers the vectors of the last 20,000; safe to call from many threads."""

    def __init__(self, embedding: EmbeddingModel) -> None:
        """Remember for one embedding model."""
        self._embedding = embedding
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), dimensions)."""
        if not texts:
            return np.empty((0, self._embedding.dimensions), np.float32)
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, self._embedding.embed(new), strict=True))
        with self._lock:
            self._vectors.update(known)
            for text in known:
                self._vectors.move_to_end(text)
            while len(self._vectors) > _KEPT:
                self._vectors.popitem(last=False)
        return np.stack([known[text] for text in texts])
