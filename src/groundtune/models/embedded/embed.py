"""The embedding model that comes with Groundtune: all-MiniLM-L6-v2, or a tuned version of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groundtune.models.embedded.runtime import Encoder, Precision
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import BaseWeights, base_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_TEXT_TOKENS", "EmbeddedEmbedding"]

MAX_TEXT_TOKENS = 254
"""Tokens of a text that are embedded, the rest is cut: the model was trained on 256 with its two special tokens."""


class EmbeddedEmbedding:
    """Embeds text with the same numbers as sentence-transformers; safe to call from many threads."""

    def __init__(self, encoder: Encoder, tokens: Tokens, name: str) -> None:
        """Wrap a compiled encoder; ``name`` identifies its weights."""
        self.name = name
        self.tokens = tokens
        self.encoder = encoder

    @classmethod
    def load(cls, folder: Path | None = None, *, precision: Precision | None = None) -> EmbeddedEmbedding:
        """Load the base weights.

        Args:
            folder: Where the weights are; None looks in the usual places, see `base_weights`.
            precision: None takes the fastest that this processor has.

        Raises:
            WeightsError: when the weights are missing or are not the published ones.
        """
        return cls.of(base_weights(folder), precision=precision)

    @classmethod
    def of(
        cls, weights: BaseWeights, checkpoint: Path | None = None, *, precision: Precision | None = None
    ) -> EmbeddedEmbedding:
        """Compile weights that are loaded already; ``checkpoint`` is the folder of a tuned version.

        Raises:
            WeightsError: when the checkpoint cannot be used with these base weights.
        """
        name, tensors = f"embedded/all-MiniLM-L6-v2@{weights.sha256[:12]}", weights.tensors
        if checkpoint is not None:
            from groundtune.models.embedded.checkpoint import read_checkpoint

            tuned = read_checkpoint(checkpoint, weights)
            name, tensors = f"{name}+{tuned.card.kind}@{tuned.id}", tuned.tensors
        encoder = Encoder(tensors, weights.config, precision=precision)
        return cls(encoder, Tokens(weights.tokenizer_path), name)

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self.encoder.dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, shape (len(texts), dimensions)."""
        return self.embed_ids([encoding.ids for encoding in self.tokens.encode_batch(texts)])

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors of texts that are tokenised already (`Tokens.encode`, without special tokens)."""
        cls, sep = self.tokens.cls, self.tokens.sep
        return self.encoder.embed([[cls, *row[:MAX_TEXT_TOKENS], sep] for row in ids])
