"""Pairs of texts that are nearly the same, by their letters and by their meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from groundtune.errors import MissingExtra
from groundtune.training.gate.wording import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["JACCARD", "SAME_MEANING", "Near", "near_in_letters", "near_in_meaning"]

JACCARD = 0.8
SAME_MEANING = 0.95
_PERMUTATIONS = 128
_SHINGLE = 5
_FALSE_POSITIVES, _FALSE_NEGATIVES = 0.05, 0.95
_BLOCK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Two texts, by their places (``first`` < ``second``): Jaccard or cosine similarity as ``strength``."""

    first: int
    second: int
    how: Literal["letters", "meaning"]
    strength: float


def near_in_letters(texts: Sequence[str]) -> list[Near]:
    """Pairs whose sets of 5 letters in a row have a Jaccard similarity of at least 0.8.

    MinHash (Broder 1997) with 128 permutations finds the candidates; each is then counted exactly, so that no pair is
    wrong. The index is tuned to miss few: its misses are the price of not comparing all pairs.

    Raises:
        MissingExtra: when datasketch is not installed.
    """
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        raise MissingExtra("Finding near duplicates", "gate") from None
    index = MinHashLSH(threshold=JACCARD, num_perm=_PERMUTATIONS, weights=(_FALSE_POSITIVES, _FALSE_NEGATIVES))
    shingled = ([shingle.encode(errors="surrogatepass") for shingle in _shingles(text)] for text in texts)
    found = []
    for place, sketch in enumerate(MinHash.generator(shingled, num_perm=_PERMUTATIONS)):
        for other in sorted(index.query(sketch)):
            strength = _jaccard(_shingles(texts[other]), _shingles(texts[place]))
            if strength >= JACCARD:
                found.append(Near(first=other, second=place, how="letters", strength=strength))
        index.insert(place, sketch, check_duplication=False)
    return found


@lru_cache(maxsize=20_000)
def _shingles(text: str) -> frozenset[str]:
    plain = " ".join(words(text))
    return frozenset(plain[start : start + _SHINGLE] for start in range(max(1, len(plain) - _SHINGLE + 1)))


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def near_in_meaning(vectors: NDArray[np.float32]) -> list[Near]:
    """Pairs with a cosine similarity of at least 0.95.

    Args:
        vectors: Unit vectors, shape (texts, dimensions).
    """
    return list(_cosines(vectors))


def _cosines(vectors: NDArray[np.float32]) -> Iterator[Near]:
    # Blocks keep the table of similarities small; only pairs above the diagonal are looked at.
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        cosines = block @ vectors[start:].T
        for row, column in np.argwhere(cosines >= SAME_MEANING):
            if column > row:
                strength = float(cosines[row, column])
                yield Near(first=start + int(row), second=start + int(column), how="meaning", strength=strength)
