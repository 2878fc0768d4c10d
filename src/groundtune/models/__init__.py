"""Ports to models: what replies to prompts, what embeds text, and what orders texts by a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from groundtune.records import Completion, Message, Prompt, Reply

__all__ = ["Chat", "EmbeddingModel", "Model", "Reranker"]


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


class Reranker(Protocol):
    """Reads a question and a text together and says how well the one answers the other; safe in many threads."""

    @property
    def name(self) -> str:
        """Provider and weights in one line, the same for the same scores."""
        ...

    def score(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """A finite score for each text, higher is better; comparable only within one call.

        Raises:
            ModelError: when it failed.
        """
        ...


class Chat(Protocol):
    """A model that writes the next turn of a conversation: an endpoint, or local weights."""

    @property
    def name(self) -> str:
        """Everything that determines what it writes besides the conversation: endpoint, model, weights, sampling."""
        ...

    @property
    def context_window(self) -> int | None:
        """Most tokens of a conversation with its next turn; None where nobody knows."""
        ...

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        """Write the next turn.

        Args:
            messages: The conversation so far.
            schema: JSON Schema that the text should satisfy; enforced where the provider can, not checked here.
            choices: Texts of which it should write one; enforced where the provider can, not checked here.

        Raises:
            ModelError: when it failed for good: after retries, where retrying was worth it.
        """
        ...

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        """Write the next turn piece by piece; the last item is the whole `Completion`.

        Raises:
            ModelError: also half way, when the stream is cut.
        """
        ...
