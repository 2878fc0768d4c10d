"""Rerankers of the embedded model: the shipped reader's own judgement, or a cross-encoder that a project tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groundtune.errors import WeightsError
from groundtune.models.embedded.checkpoint import read_checkpoint
from groundtune.models.embedded.runtime import Encoder
from groundtune.models.embedded.shipped import READER_SHA256, shipped_reader
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.windows import MAX_QUESTION_TOKENS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.read import Reader
    from groundtune.models.embedded.weights import BaseWeights

__all__ = ["MAX_PAIR_TOKENS", "ReaderReranker", "TunedReranker", "pair_row"]

MAX_PAIR_TOKENS = 256
"""Tokens of a question with a text; the rest of the text is cut."""


def pair_row(tokens: Tokens, question: Sequence[int], text: Sequence[int]) -> tuple[list[int], list[int]]:
    """``[CLS] question [SEP] text [SEP]`` as token ids, and the segment of each token.

    Args:
        tokens: Names the special tokens.
        question: Token ids, without special ones.
        text: Token ids, without special ones.
    """
    asked = [tokens.cls, *question[:MAX_QUESTION_TOKENS], tokens.sep]
    read = [*text[: MAX_PAIR_TOKENS - len(asked) - 1], tokens.sep]
    return [*asked, *read], [0] * len(asked) + [1] * len(read)


class ReaderReranker:
    """Orders texts by how surely the reader finds an answer in them; what it was tuned for is reading, not ranking."""

    def __init__(self, reader: Reader, name: str) -> None:
        """Wrap a reader; ``name`` identifies its weights."""
        self.name = name
        self._reader = reader

    @classmethod
    def load(cls, base: BaseWeights) -> ReaderReranker:
        """The shipped reader.

        Raises:
            WeightsError: when its file is damaged.
        """
        return cls(shipped_reader(base).reader(base), f"embedded/reader@{READER_SHA256[:12]}")

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Logit that a text answers the question, with the certainty of its best span; -inf never occurs."""
        calibration = self._reader.calibration
        found = dict(self._reader.findings([(question, texts)])[0])
        lowest = min((calibration.ranking(f.answer, f.span, 0) for f in found.values()), default=0.0)
        return [
            calibration.ranking(found[place].answer, found[place].span, 0) if place in found else lowest - 1.0
            for place in range(len(texts))
        ]


class TunedReranker:
    """A cross-encoder: question and text go through the encoder together, a linear head scores the first token."""

    def __init__(self, encoder: Encoder, tokens: Tokens, tensors: Mapping[str, NDArray[Any]], name: str) -> None:
        """Wrap a compiled encoder whose weights were tuned with the head in ``tensors``.

        Raises:
            WeightsError: when there is no head.
        """
        try:
            self._weight, self._bias = tensors["reranker.weight"][0], float(tensors["reranker.bias"][0])
        except KeyError as error:
            raise WeightsError(f"These weights hold no reranker: the tensor {error} is missing.") from error
        self.name = name
        self._encoder = encoder
        self._tokens = tokens

    @classmethod
    def load(cls, base: BaseWeights, checkpoint: Path) -> TunedReranker:
        """A tuned reranker from its folder.

        Raises:
            WeightsError: when it is damaged, no reranker, or was tuned from other base weights.
        """
        tuned = read_checkpoint(checkpoint, base)
        encoder = Encoder(tuned.tensors, base.config)
        return cls(encoder, Tokens(base.tokenizer_path), tuned.tensors, f"embedded/reranker@{tuned.id}")

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Logit that a text answers the question."""
        asked = self._tokens.encode(question).ids
        rows = [pair_row(self._tokens, asked, text.ids) for text in self._tokens.encode_batch(texts)]
        states = self._encoder.token_states([ids for ids, _ in rows], [types for _, types in rows])
        if not states:
            return []
        first = np.stack([state[0] for state in states])
        return [float(score) for score in first @ self._weight + self._bias]
