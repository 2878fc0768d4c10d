"""Ports to models: anything that replies to prompts, and anything that embeds text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from groundtune.records import Prompt, Reply

__all__ = ["EmbeddingModel", "Model"]


class Model(Protocol):
    """A generator: base or tuned weights that reply to prompts."""

    @property
    def name(self) -> str:
        """Provider, model and weights in one line, the same for the same behaviour (a cache key)."""
        ...

    def reply(self, prompt: Prompt) -> Reply:
        """Reply to one prompt.

        Raises:
            ModelError: when the model failed; `CannotDo` when it is not able to do this task.
        """
        ...


class EmbeddingModel(Protocol):
    """Turns text into unit vectors; cosine similarity is their dot product."""

    @property
    def name(self) -> str:
        """Identifies the weights: vectors of two names are never mixed."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimensions), each row of length 1."""
        ...
