"""The BERT encoder in torch, with the parameter names of the published checkpoint.

What is trained here is exported by name to the OpenVINO graph of `groundtune.models.embedded.graph`; a test holds
both to the same output. The architecture is BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805), post-norm,
exact GELU.

Attention is written out (two products and a softmax) because torch's fused CPU kernel has a slow backward pass:
written out, a training step takes two thirds of the time at 180 tokens.

Shapes: b rows of a batch, t tokens of its longest row, w width of a token state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Encoder", "EncoderSizes", "load_encoder", "trained_tensors"]

_MASKED = -10_000.0  # added to the attention score of padding: exp() of it is 0 in float32 and in bfloat16


class EncoderSizes(Protocol):
    """Sizes of the encoder, as `groundtune.models.embedded.weights.EncoderConfig` reads them."""

    @property
    def num_attention_heads(self) -> int:
        """Attention heads of each layer."""

    @property
    def num_hidden_layers(self) -> int:
        """Number of layers."""

    @property
    def layer_norm_eps(self) -> float:
        """Added to the variance in every layer norm."""


class _Embeddings(nn.Module):
    def __init__(self, words: int, positions: int, types: int, width: int, eps: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(words, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(types, width)
        self.LayerNorm = nn.LayerNorm(width, eps=eps)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        summed = self.word_embeddings(ids) + self.token_type_embeddings(types) + self.position_embeddings(places)
        normed: Tensor = self.LayerNorm(summed)
        return normed


class _Projections(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)


class _Output(nn.Module):
    """A linear map whose result is added to what came before, then normed."""

    def __init__(self, inner: int, width: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=eps)

    def forward(self, inner: Tensor, residual: Tensor, dropout: float, noise: torch.Generator | None) -> Tensor:
        normed: Tensor = self.LayerNorm(residual + _drop(self.dense(inner), dropout, noise))
        return normed


class _Attention(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.self = _Projections(width)
        self.output = _Output(width, width, eps)


class _Intermediate(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, inner)


class _Layer(nn.Module):
    def __init__(self, width: int, inner: int, heads: int, eps: float) -> None:
        super().__init__()
        self.attention = _Attention(width, eps)
        self.intermediate = _Intermediate(width, inner)
        self.output = _Output(inner, width, eps)
        self.heads = heads

    def forward(self, states: Tensor, bias: Tensor | None, dropout: float, noise: torch.Generator | None) -> Tensor:
        states = self.attention.output(self._attend(states, bias), states, dropout, noise)
        inner = functional.gelu(self.intermediate.dense(states))
        out: Tensor = self.output(inner, states, dropout, noise)
        return out

    def _attend(self, states: Tensor, bias: Tensor | None) -> Tensor:
        rows, tokens, width = states.shape
        size = width // self.heads
        parts = self.attention.self
        query, key, value = (
            part(states).view(rows, tokens, self.heads, size).transpose(1, 2)
            for part in (parts.query, parts.key, parts.value)
        )
        scores = (query * size**-0.5) @ key.transpose(-1, -2)
        if bias is not None:
            scores = scores + bias.to(scores.dtype)
        mixed: Tensor = torch.softmax(scores, -1, dtype=scores.dtype) @ value
        return mixed.transpose(1, 2).reshape(rows, tokens, width)


class _Stack(nn.Module):
    def __init__(self, layers: list[_Layer]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(layers)


class Encoder(nn.Module):
    """BERT without its pooler; every parameter has the name that it has in the published checkpoint."""

    def __init__(self, sizes: EncoderSizes, shapes: Mapping[str, tuple[int, ...]], dropout: float = 0.1) -> None:
        """Make an encoder with random weights.

        Args:
            sizes: Layers, heads and epsilon.
            shapes: Shape of each tensor of the checkpoint, from which widths and table sizes follow.
            dropout: Share of the features of a sublayer's output that is set to zero in training, in [0, 1).
        """
        super().__init__()
        words, width = shapes["embeddings.word_embeddings.weight"]
        positions = shapes["embeddings.position_embeddings.weight"][0]
        types = shapes["embeddings.token_type_embeddings.weight"][0]
        inner = shapes["encoder.layer.0.intermediate.dense.weight"][0]
        eps = sizes.layer_norm_eps
        self.embeddings = _Embeddings(words, positions, types, width, eps)
        self.encoder = _Stack(
            [_Layer(width, inner, sizes.num_attention_heads, eps) for _ in range(sizes.num_hidden_layers)]
        )
        self.width = width
        self.dropout = dropout

    def forward(self, ids: Tensor, types: Tensor, lengths: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Token states of the last layer.

        Args:
            ids: Token ids, shape (b, t), padded with anything.
            types: Segment of each token (0 or 1), shape (b, t).
            lengths: Tokens of each row, shape (b,).
            noise: Source of dropout; None switches dropout off (evaluation).

        Returns:
            States, shape (b, t, w); those of padding mean nothing.
        """
        states: Tensor = self.embeddings(ids, types)
        bias = _padding_bias(lengths, ids.shape[1])
        for layer in self.encoder.layer:
            states = layer(states, bias, self.dropout, noise)
        return states

    def freeze_tables(self) -> None:
        """Keep the word and position tables, over half of all parameters: a little data only damages them."""
        self.embeddings.word_embeddings.requires_grad_(False)
        self.embeddings.position_embeddings.requires_grad_(False)


def load_encoder(tensors: Mapping[str, NDArray[Any]], sizes: EncoderSizes, *, dropout: float = 0.1) -> Encoder:
    """An encoder with the given weights.

    Args:
        tensors: Weights under the names of the published checkpoint; others (``pooler``, heads) are passed over.
        sizes: Layers, heads and epsilon.
        dropout: See `Encoder`.

    Raises:
        KeyError: when a weight is missing.
    """
    encoder = Encoder(sizes, {name: tensor.shape for name, tensor in tensors.items()}, dropout)
    wanted = encoder.state_dict()
    encoder.load_state_dict({name: torch.from_numpy(np.array(tensors[name], np.float32)) for name in wanted})
    return encoder


def trained_tensors(module: nn.Module, *, prefix: str = "") -> dict[str, NDArray[np.float32]]:
    """Copies of the parameters of ``module`` that are trained, by name without ``prefix``."""
    return {
        name.removeprefix(prefix): parameter.detach().float().cpu().numpy().copy()
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


def _padding_bias(lengths: Tensor, tokens: int) -> Tensor | None:
    """What is added to attention scores, shape (b, 1, 1, t): 0 for tokens, a large negative number for padding."""
    if int(lengths.min()) == tokens:
        return None
    padding = torch.arange(tokens, device=lengths.device) >= lengths[:, None]
    return torch.zeros(padding.shape, device=lengths.device).masked_fill(padding, _MASKED)[:, None, None, :]


def _drop(states: Tensor, share: float, noise: torch.Generator | None) -> Tensor:
    """Dropout with one mask per row for all of its tokens: as good a regulariser, and 7% of a step faster."""
    if noise is None or share == 0.0:
        return states
    kept = torch.rand(states.shape[0], 1, states.shape[2], generator=noise) >= share
    return states * (kept.to(states.device, states.dtype) / (1.0 - share))
