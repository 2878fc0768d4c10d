"""A random encoder of a few thousand parameters, under the published names, and a tokenizer for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import EncoderConfig

__all__ = ["TINY", "tiny_tensors", "tiny_tokens"]

TINY = EncoderConfig(
    hidden_size=8,
    intermediate_size=16,
    num_attention_heads=2,
    num_hidden_layers=2,
    max_position_embeddings=512,
    vocab_size=200,
    layer_norm_eps=1e-12,
)
"""Sizes of the tiny encoder."""


def tiny_tensors(config: EncoderConfig = TINY, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Random weights; layer norms start as the identity."""
    width, inner = config.hidden_size, config.intermediate_size
    shapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, width),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm": (width,),
    }
    for layer in range(config.num_hidden_layers):
        at = f"encoder.layer.{layer}."
        shapes |= {f"{at}attention.self.{part}.weight": (width, width) for part in ("query", "key", "value")}
        shapes |= {f"{at}attention.output.dense.weight": (width, width), f"{at}attention.output.LayerNorm": (width,)}
        shapes |= {f"{at}intermediate.dense.weight": (inner, width), f"{at}output.dense.weight": (width, inner)}
        shapes |= {f"{at}output.LayerNorm": (width,)}
    rng = np.random.default_rng(seed)
    tensors: dict[str, NDArray[Any]] = {}
    for name, shape in shapes.items():
        if name.endswith("LayerNorm"):
            tensors |= {f"{name}.weight": np.ones(shape, np.float32), f"{name}.bias": np.zeros(shape, np.float32)}
            continue
        tensors[name] = rng.normal(0.0, 0.3, shape).astype(np.float32)
        if "layer." in name:
            tensors[name.replace("weight", "bias")] = np.zeros(shape[0], np.float32)
    return tensors


def tiny_tokens(folder: Path, words: Iterable[str]) -> Tokens:
    """A WordPiece tokenizer that knows ``words`` (lower case) and single ASCII characters; all else is unknown.

    Args:
        folder: Where its tokenizer.json is written.
        words: Whole words; together with the characters fewer than the vocabulary of the encoder that reads the ids.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys([*words, *characters])]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return Tokens(path)
