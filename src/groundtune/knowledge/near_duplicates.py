"""Near duplicates: copies of a text that would take the place of something new."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from groundtune.records import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Distinct"]

_SAME_VECTOR = 1.0
"""From this threshold on only the words are compared: a cosine of 1 proves nothing that they do not."""


class Distinct:
    """Admits passages one after another, best first, except those that say what an admitted one says."""

    def __init__(self, threshold: float) -> None:
        """Compare by words, and by vectors where ``threshold``, a cosine in (0, 1], is below 1."""
        self._threshold = threshold
        self._texts: set[tuple[str, str | None]] = set()
        self._vectors: list[NDArray[np.float32]] = []

    def admits(self, passage: Passage, vector: NDArray[np.float32]) -> bool:
        """Whether the passage is new; then later ones are compared with it too.

        Two demonstrations of the same question with different answers are both new.

        Args:
            passage: The next one.
            vector: Its unit vector, shape (dimensions,).
        """
        text = (_normal(passage.text), passage.answer)
        if text in self._texts:
            return False
        if self._threshold < _SAME_VECTOR and passage.answer is None:
            if any(float(vector @ other) >= self._threshold for other in self._vectors):
                return False
            self._vectors.append(vector)
        self._texts.add(text)
        return True


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
