"""Batches of rows of similar length, so that little of a step is spent on padding."""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["by_length"]


def by_length(
    lengths: Sequence[int], *, tokens: int, rng: random.Random, rows: int = 512, window: int = 512
) -> list[list[int]]:
    """Put row numbers into batches: shuffled, sorted by length inside windows, cut by padded size, shuffled again.

    Args:
        lengths: Tokens of each row.
        tokens: Padded tokens of a batch at most (rows of the batch times its longest row); a longer single row is a
            batch of its own.
        rng: Source of both shuffles.
        rows: Rows of a batch at most.
        window: Rows that are sorted together; smaller mixes better, larger pads less.

    Returns:
        Every row number exactly once, as batches in training order.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), window):
        batches.extend(_cut(sorted(order[start : start + window], key=lengths.__getitem__), lengths, tokens, rows))
    rng.shuffle(batches)
    return batches


def _cut(ordered: Sequence[int], lengths: Sequence[int], tokens: int, rows: int) -> list[list[int]]:
    batches: list[list[int]] = []
    for row in ordered:  # ascending, so the row at hand is the longest of its batch
        if not batches or len(batches[-1]) == rows or (len(batches[-1]) + 1) * lengths[row] > tokens:
            batches.append([])
        batches[-1].append(row)
    return batches
