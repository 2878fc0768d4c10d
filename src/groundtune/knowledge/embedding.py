"""How passages and questions reach an embedding model.

Passages go as tokens where it shares the splitter's tokenisation, as text elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from groundtune.knowledge.passages import TokenSource
from groundtune.models import EmbeddingModel
from groundtune.models.embedded.tokens import Encoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["QuestionEmbedding", "TokenEmbedding", "WordTokens", "question_vector", "token_source"]

_WORD = re.compile(r"\w{1,6}|[^\w\s]")


@runtime_checkable
class TokenEmbedding(Protocol):
    """An embedding model that takes token ids, so that a text is tokenised once."""

    @property
    def tokens(self) -> TokenSource:
        """Its tokenizer."""
        ...

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors (len(ids), dimensions) of texts given as token ids without special tokens."""
        ...


@runtime_checkable
class QuestionEmbedding(Protocol):
    """An embedding model that reads a question otherwise than a passage, such as with words put before it."""

    def embed_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions) of questions, to compare with those of passages."""
        ...


def question_vector(embedding: EmbeddingModel, question: str) -> NDArray[np.float32]:
    """The unit vector (dimensions,) to search with.

    Raises:
        ModelError: when the model failed.
    """
    embed = embedding.embed_questions if isinstance(embedding, QuestionEmbedding) else embedding.embed
    vector: NDArray[np.float32] = embed([question])[0]
    return vector


class WordTokens:
    """Counts tokens for a model whose tokenizer is not at hand: words in pieces of at most six characters."""

    def encode(self, text: str) -> Encoding:
        """Pieces of words and single marks; the ids mean nothing but equality."""
        offsets = [found.span() for found in _WORD.finditer(text)]
        return Encoding([_number(text[start:end]) for start, end in offsets], offsets)


def _number(piece: str) -> int:
    return int.from_bytes(piece.encode("utf-8", "surrogatepass"), "big")


def token_source(embedding: EmbeddingModel) -> TokenSource:
    """The tokenisation to cut passages by."""
    return embedding.tokens if isinstance(embedding, TokenEmbedding) else WordTokens()
