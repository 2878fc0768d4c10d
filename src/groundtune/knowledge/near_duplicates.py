"""Near duplicates: copies of a text that would take the place of something new."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from groundtune.records import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Distinct"]


class Distinct:
    """Admits passages one after another, best first, except those that say what an admitted one says."""

    def __init__(self, threshold: float) -> None:
        """Compare by words and, where ``threshold``, a cosine in [0, 1], is below 1, by vectors; 0 admits all."""
        self._threshold = threshold
        self._texts: set[tuple[str, str | None]] = set()
        self._vectors: list[NDArray[np.float32]] = []

    @property
    def looks_at_vectors(self) -> bool:
        """Whether it needs them: a cosine of 1 proves nothing that the words do not."""
        return 0.0 < self._threshold < 1.0

    def admits(self, passage: Passage, vector: NDArray[np.float32] | None = None) -> bool:
        """Whether the passage is new; then later ones are compared with it too.

        Two demonstrations of the same question with different answers are both new.

        Args:
            passage: The next one.
            vector: Its unit vector, shape (dimensions,), where it looks at vectors.
        """
        if not self._threshold:
            return True
        text = (_normal(passage.text), passage.answer)
        if text in self._texts:
            return False
        if self.looks_at_vectors and passage.answer is None and vector is not None:
            if any(float(vector @ other) >= self._threshold for other in self._vectors):
                return False
            self._vectors.append(vector)
        self._texts.add(text)
        return True


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
