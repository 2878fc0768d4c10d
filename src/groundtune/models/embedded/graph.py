"""The encoder as an OpenVINO graph, built straight from its tensors: no torch, no transformers, no ONNX.

The architecture is BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805), post-norm, exact GELU; the embedding
is the mean of the token states under the mask, scaled to length 1, as sentence-transformers does it for this model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from openvino import opset13 as op

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.weights import EncoderConfig

__all__ = ["encoder_graph"]

_MASKED = -10_000.0  # added to the attention score of padding: exp() of it is 0 in float32 and in bfloat16


def encoder_graph(tensors: Mapping[str, NDArray[np.float32]], config: EncoderConfig) -> ov.Model:
    """Build the graph, sharing memory with ``tensors``.

    Inputs, int32, shape (batch, tokens): ``input_ids``, ``token_type_ids`` and ``attention_mask`` (1 token, 0 padding).
    Outputs, float32: ``embedding``, unit vectors, shape (batch, hidden); ``states``, shape (batch, tokens, hidden).

    Args:
        tensors: Weights under the names of the published checkpoint.
        config: Sizes of the encoder.
    """
    inputs = {name: _input(name) for name in ("input_ids", "token_type_ids", "attention_mask")}
    mask = op.convert(inputs["attention_mask"], np.float32)
    states = _Layers(tensors, config).states(inputs["input_ids"], inputs["token_type_ids"], mask)
    embedding = _unit_mean(states, mask)
    embedding.output(0).set_names({"embedding"})
    states.output(0).set_names({"states"})
    return ov.Model([embedding, states], list(inputs.values()), "encoder")


class _Layers:
    """The layers of one encoder, as functions from node to node."""

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]], config: EncoderConfig) -> None:
        self._tensors = tensors
        self._config = config

    def states(self, ids: ov.Node, types: ov.Node, mask: ov.Node) -> ov.Node:
        """Token states of the last layer, shape (batch, tokens, hidden)."""
        hidden = self._embed(ids, types)
        bias = op.multiply(op.subtract(_scalar(1.0), op.unsqueeze(mask, _ints(1, 2))), _scalar(_MASKED))
        for layer in range(self._config.num_hidden_layers):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, bias)
        return hidden

    def _embed(self, ids: ov.Node, types: ov.Node) -> ov.Node:
        length = op.gather(op.shape_of(ids), _ints(1), _ints(0))
        positions = op.slice(
            self._weight("embeddings.position_embeddings.weight"), _ints(0), length, _ints(1), _ints(0)
        )
        words = op.gather(self._weight("embeddings.word_embeddings.weight"), ids, _ints(0))
        segments = op.gather(self._weight("embeddings.token_type_embeddings.weight"), types, _ints(0))
        return self._normalize(op.add(op.add(words, segments), positions), "embeddings.LayerNorm")

    def _layer(self, prefix: str, hidden: ov.Node, bias: ov.Node) -> ov.Node:
        attended = self._linear(self._attend(prefix, hidden, bias), prefix + "attention.output.dense")
        hidden = self._normalize(op.add(attended, hidden), prefix + "attention.output.LayerNorm")
        inner = op.gelu(self._linear(hidden, prefix + "intermediate.dense"), "erf")
        outer = self._linear(inner, prefix + "output.dense")
        return self._normalize(op.add(outer, hidden), prefix + "output.LayerNorm")

    def _attend(self, prefix: str, hidden: ov.Node, bias: ov.Node) -> ov.Node:
        heads, size = self._config.num_attention_heads, self._config.hidden_size
        query, key, value = (
            op.transpose(
                op.reshape(
                    self._linear(hidden, f"{prefix}attention.self.{part}"), _ints(0, 0, heads, size // heads), True
                ),
                _ints(0, 2, 1, 3),
            )
            for part in ("query", "key", "value")
        )
        scores = op.multiply(op.matmul(query, key, False, True), _scalar((size // heads) ** -0.5))
        mixed = op.matmul(op.softmax(op.add(scores, bias), 3), value, False, False)
        return op.reshape(op.transpose(mixed, _ints(0, 2, 1, 3)), _ints(0, 0, size), True)

    def _linear(self, node: ov.Node, name: str) -> ov.Node:
        return op.add(op.matmul(node, self._weight(name + ".weight"), False, True), self._weight(name + ".bias"))

    def _normalize(self, node: ov.Node, name: str) -> ov.Node:
        scaled = op.mvn(node, _ints(-1), True, self._config.layer_norm_eps, "inside_sqrt")
        return op.add(op.multiply(scaled, self._weight(name + ".weight")), self._weight(name + ".bias"))

    def _weight(self, name: str) -> ov.Node:
        return op.constant(self._tensors[name], shared_memory=True)


def _unit_mean(states: ov.Node, mask: ov.Node) -> ov.Node:
    column = op.unsqueeze(mask, _ints(2))
    mean = op.divide(op.reduce_sum(op.multiply(states, column), _ints(1)), op.reduce_sum(column, _ints(1)))
    return op.normalize_l2(mean, _ints(1), 1e-12, "add")


def _input(name: str) -> ov.Node:
    node = op.parameter([-1, -1], np.int32, name=name)
    node.output(0).set_names({name})
    return node


def _ints(*values: int) -> ov.Node:
    return op.constant(np.array(values, np.int64))


def _scalar(value: float) -> ov.Node:
    return op.constant(np.array(value, np.float32))
