"""Unit vectors in memory in two lengths: one bit a dimension finds candidates, sixteen compare them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from groundtune.knowledge.lance.slices import in_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLOSED", "WIDER", "Compressed", "Signs"]

WIDER = 8
"""How many times the candidates are left by the first half of the bits: it costs one in 200 of them, and saves half."""
CLOSED = np.uint16(1 << 14)
"""A distance beyond that of any two codes."""
_UNIT = 32767
"""What stands for 1 in sixteen bits: the most that a component of a unit vector can be."""
_WORD = 64
_AT_ONCE = 512
"""Rows that are widened to floats together, so that they stay in the processor's cache."""
_WORTH_A_CORE, _GATHERED_WORTH_A_CORE, _COMPARED_WORTH_A_CORE = 100_000, 20_000, 4_000
"""Rows that take a third of a millisecond: of codes in a row, of codes from here and there, of vectors."""
_COUNTED = 65_536
"""Rows that are enough to tell at which distance the wanted number ends."""


class Signs:
    """Codes of vectors: on which side of a mean each component lies, one bit a dimension.

    The share of bits in which two codes differ estimates the angle between their vectors (Charikar, STOC 2002). The
    mean is taken off because vectors of many models share a direction, in which their signs would all be equal.

    Attributes:
        dimensions: Of the vectors.
        words: Of a code, 64 bits each.
        half: How many of them make its first half.
    """

    def __init__(self, mean: NDArray[np.float32]) -> None:
        """Compare with a mean of vectors, shape (dimensions,)."""
        self._mean = mean
        self.dimensions = len(mean)
        self.words = -(-self.dimensions // _WORD)
        self.half = -(-self.words // 2)

    def of(self, vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
        """Codes of vectors (rows, dimensions), shape (words, rows)."""
        packed = np.packbits(vectors > self._mean, axis=1)
        padded = np.zeros((len(vectors), self.words * _WORD // 8), np.uint8)
        padded[:, : packed.shape[1]] = packed
        return np.ascontiguousarray(padded.view(np.uint64).T)

    @staticmethod
    def distances(codes: NDArray[np.uint64], code: NDArray[np.uint64]) -> NDArray[np.uint16]:
        """In how many bits codes (words, rows) differ from one (words,), shape (rows,)."""
        bits = np.zeros(codes.shape[1], np.uint16)

        def count(part: slice) -> None:
            _count(codes[:, part], code, bits[part])

        in_slices(len(bits), _WORTH_A_CORE, count)
        return bits


class Compressed:
    """Vectors with the numbers of their rows; never changed once made, so that versions can share them.

    Attributes:
        numbers: Of the rows, rising, shape (rows,).
        signs: What their codes are made with.
    """

    def __init__(
        self,
        numbers: NDArray[np.uint64],
        signs: Signs,
        batches: Iterable[tuple[NDArray[np.uint64], NDArray[np.float32]]],
    ) -> None:
        """Take in the unit vectors (n, dimensions) of ``numbers``: ``batches`` has them all with their numbers (n,)."""
        self.numbers = numbers
        self.signs = signs
        self._codes = np.empty((signs.words, len(numbers)), np.uint64)
        self._vectors = np.empty((len(numbers), signs.dimensions), np.int16)
        for rows, vectors in batches:
            places = np.searchsorted(numbers, rows)
            self._codes[:, places] = signs.of(vectors)
            self._vectors[places] = np.rint(vectors * np.float32(_UNIT))

    def nearest(
        self, vector: NDArray[np.float32], depth: int, candidates: int, closed: NDArray[np.uint16] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Places and cosines of the ``depth`` rows that are nearest to a unit vector, in any order.

        Args:
            vector: Shape (dimensions,).
            depth: How many.
            candidates: How many are compared, about; as many as there are make the search exact.
            closed: `CLOSED` for each row that must not be found, else 0; None when all may.
        """
        places = self._candidates(vector, max(depth, candidates), closed)
        cosines = self.cosines(places, vector)
        if depth < len(places):
            best = np.argpartition(cosines, -depth)[-depth:]
            places, cosines = places[best], cosines[best]
        return places, cosines

    def cosines(self, places: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines of the rows in these places to a unit vector, right to 1e-5."""
        cosines = np.empty(len(places), np.float32)
        scaled = vector / np.float32(_UNIT)

        def compare(part: slice) -> None:
            wide = np.empty((_AT_ONCE, len(vector)), np.float32)
            for low in range(part.start, part.stop, _AT_ONCE):
                some = places[low : min(low + _AT_ONCE, part.stop)]
                wide[: len(some)] = self._vectors.take(some, axis=0)
                # einsum stays in this thread: a BLAS product waits longer for its threads than it computes.
                np.einsum("ij,j->i", wide[: len(some)], scaled, out=cosines[low : low + len(some)])

        in_slices(len(places), _COMPARED_WORTH_A_CORE, compare)
        return cosines

    def vectors(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Unit vectors of the rows in these places, shape (len(places), dimensions)."""
        return self._vectors[places].astype(np.float32) / np.float32(_UNIT)

    def _candidates(
        self, vector: NDArray[np.float32], wanted: int, closed: NDArray[np.uint16] | None
    ) -> NDArray[np.int64]:
        """Places of about as many rows as are wanted: half of the bits choose those of which all bits are looked at."""
        code, half = self.signs.of(vector[None])[:, 0], self.signs.half
        bits = Signs.distances(self._codes[:half], code[:half])
        if closed is not None:
            bits |= closed
        places = _least(bits, WIDER * wanted)
        bits = bits[places]

        def count(part: slice) -> None:
            _count(self._codes[half:].take(places[part], axis=1), code[half:], bits[part])

        in_slices(len(places), _GATHERED_WORTH_A_CORE, count)
        return places[_least(bits, wanted)]


def _count(codes: NDArray[np.uint64], code: NDArray[np.uint64], bits: NDArray[np.uint16]) -> None:
    """Add to ``bits`` (rows,) in how many bits ``codes`` (words, rows) differ from ``code`` (words,)."""
    for words, word in zip(codes, code, strict=True):
        bits += np.bitwise_count(words ^ word)


def _least(bits: NDArray[np.uint16], wanted: int) -> NDArray[np.int64]:
    """Places of the smallest distances, rising: about as many as are wanted, and all that equal one of them."""
    step = max(1, len(bits) // _COUNTED)
    counts = np.cumsum(np.bincount(bits[::step], minlength=1))
    farthest = min(int(np.searchsorted(counts, -(-wanted // step))), int(CLOSED) - 1)
    return np.flatnonzero(bits <= farthest)
