"""Embeddings in torch: the mean of a row's token states, scaled to length 1, as the OpenVINO graph pools them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from groundtune.training.encoder import Encoder
from groundtune.training.precision import autocast, best_precision

__all__ = ["embed_rows", "unit_vectors"]

_CHUNK = 16  # rows that run together, of similar length: a whole batch at once would be padded to its longest row


def unit_vectors(encoder: Encoder, rows: Sequence[Sequence[int]], noise: torch.Generator | None) -> Tensor:
    """Unit vectors of rows of token ids, with gradient.

    Args:
        encoder: What embeds.
        rows: Token ids with their special tokens.
        noise: Source of dropout; None switches it off.

    Returns:
        Shape (len(rows), width), float32, in the order of ``rows``.
    """
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    chunks = [order[low : low + _CHUNK] for low in range(0, len(order), _CHUNK)]
    pooled = torch.cat([_pooled(encoder, [rows[row] for row in chunk], noise) for chunk in chunks])
    back = torch.empty(len(rows), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(rows))
    return functional.normalize(pooled[back], dim=1)


def embed_rows(encoder: Encoder, rows: Sequence[Sequence[int]]) -> Tensor:
    """`unit_vectors` without gradient and without dropout."""
    if not rows:
        return torch.empty(0, encoder.width)
    with torch.no_grad(), autocast(best_precision()):
        return unit_vectors(encoder, rows, None)


def _pooled(encoder: Encoder, rows: Sequence[Sequence[int]], noise: torch.Generator | None) -> Tensor:
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    states = encoder(ids, torch.zeros_like(ids), lengths, noise).float()
    mask = (torch.arange(longest) < lengths[:, None]).float()[..., None]
    mean: Tensor = (states * mask).sum(1) / mask.sum(1)
    return mean
