"""What a search is tuned with when there are no questions: vectors that are as far from the passages as questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtune.knowledge.lance.vectors import matrix_of

if TYPE_CHECKING:
    import numpy as np
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["NEAREST", "RECALL", "like_questions"]

RECALL = 0.985
"""Share of the exact nearest that a search must find of what was sampled, so that it is 0.98 of real questions."""
NEAREST = 10
"""How many of the nearest are looked for."""
_NOISE = 1.8
"""Length of the noise in spreads of the passages: with it the best cosine is 0.53, as it is for real questions."""


def like_questions(table: Table, count: int) -> NDArray[np.float32]:
    """Unit vectors, at most ``count``: passages from all over the table with noise, the same ones each time.

    A passage itself, or the middle between two, has neighbours that are much easier to find than those of a question:
    it lies among passages. See docs/decisions/0033-vectors-in-memory.md for a comparison with real questions.
    """
    import numpy as np

    rows = int(table.count_rows())
    places = [place * rows // count for place in range(count)] if rows > count else list(range(rows))
    passages = matrix_of(table.take_offsets(places).select(["vector"]).to_arrow())
    noise = np.random.default_rng(0).standard_normal(passages.shape).astype(np.float32)
    spread = np.linalg.norm(passages - passages.mean(axis=0), axis=1) / np.linalg.norm(noise, axis=1)
    noisy = passages + _NOISE * spread[:, None] * noise
    unit: NDArray[np.float32] = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
    return unit
