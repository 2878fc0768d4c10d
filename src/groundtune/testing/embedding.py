"""An embedding model without weights: hashed words, the same on every machine, for tests and dry runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from groundtune.models.embedded.tokens import Encoding

__all__ = ["HashedTokens", "HashedWords"]

_WORD = re.compile(r"\w+|[^\w\s]")


class HashedTokens:
    """Words and single marks, lower-cased and hashed to ids."""

    cls = 1
    sep = 2

    def encode(self, text: str) -> Encoding:
        """The tokens of one text; offsets in code points."""
        offsets = [found.span() for found in _WORD.finditer(text)]
        return Encoding([_id(text[start:end].lower()) for start, end in offsets], offsets)

    def encode_batch(self, texts: Sequence[str]) -> list[Encoding]:
        """`encode` for many texts."""
        return [self.encode(text) for text in texts]


class HashedWords:
    """Embeds a text as the normalised sum of a fixed random direction for each word: shared words make texts near."""

    name = "fake/hashed-words"

    def __init__(self, dimensions: int = 32) -> None:
        """Give vectors of ``dimensions`` numbers; ``embedded`` counts the texts that were embedded."""
        self.dimensions = dimensions
        self.tokens = HashedTokens()
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions)."""
        return self.embed_ids([encoding.ids for encoding in self.tokens.encode_batch(texts)])

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors (len(ids), dimensions) of texts given as token ids; a text without words gets the first axis."""
        self.embedded += len(ids)
        rows = np.zeros((len(ids), self.dimensions), np.float32)
        for row, text in zip(rows, ids, strict=True):
            for number in text:
                row += _direction(number, self.dimensions)
            length = float(np.linalg.norm(row))
            if length > 0:
                row /= length
            else:
                row[0] = 1.0
        return rows


def _id(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:4], "big")


@lru_cache(maxsize=65536)
def _direction(number: int, dimensions: int) -> NDArray[np.float32]:
    return np.random.default_rng(number).normal(size=dimensions).astype(np.float32)
