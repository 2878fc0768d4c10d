"""Question and passage as rows of tokens: ``[CLS] question [SEP] passage [SEP]``; long passages in windows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from groundtune.models.embedded.markup import silence, silent_spans
from groundtune.models.embedded.sentences import sentences
from groundtune.models.embedded.tokens import Encoding, Tokens

__all__ = [
    "MAX_QUESTION_TOKENS",
    "MAX_WINDOW_TOKENS",
    "PassageTokens",
    "Window",
    "passage_tokens",
    "passages_tokens",
    "window_at",
    "windows",
]

MAX_WINDOW_TOKENS = 384
"""Tokens of a row with its three special ones; the reader was trained on at most so many."""

MAX_QUESTION_TOKENS = 64
"""Tokens of a question that are read; the rest is cut."""

_OVERLAP = 128
"""Passage tokens that neighbouring windows share, so that an answer near an edge stands whole in one of them."""


@dataclass(frozen=True, slots=True)
class PassageTokens:
    """A passage ready to be read.

    Attributes:
        text: The passage.
        ids: Its tokens.
        offsets: Where each token stands in the text, code points, end exclusive.
        sentences: Where its sentences stand.
        sentence_of: Number of the sentence of each token.
    """

    text: str
    ids: list[int]
    offsets: list[tuple[int, int]]
    sentences: list[tuple[int, int]]
    sentence_of: list[int]

    def token_span(self, start: int, end: int) -> tuple[int, int] | None:
        """First and last token (inclusive) that a span of the text touches; None when it touches none."""
        touched = [i for i, (left, right) in enumerate(self.offsets) if left < end and right > start]
        return (touched[0], touched[-1]) if touched else None


@dataclass(frozen=True, slots=True)
class Window:
    """One row for the encoder.

    Attributes:
        ids: Token ids.
        type_ids: 0 for the question, 1 for the passage.
        first: Where in the row the passage begins.
        low: First token of the passage that is in the row.
        high: One past the last.
    """

    ids: list[int]
    type_ids: list[int]
    first: int
    low: int
    high: int


def passage_tokens(tokens: Tokens, text: str) -> PassageTokens:
    """Tokenise a passage and assign each token to its sentence."""
    return passages_tokens(tokens, [text])[0]


def passages_tokens(tokens: Tokens, texts: Sequence[str]) -> list[PassageTokens]:
    """`passage_tokens` for many passages at once."""
    return [_prepared(text, encoding) for text, encoding in zip(texts, tokens.encode_batch(texts), strict=True)]


def windows(
    tokens: Tokens, question: list[int], passage: PassageTokens, *, limit: int = MAX_WINDOW_TOKENS
) -> list[Window]:
    """Cut a passage into rows with the question before each; neighbours overlap.

    Args:
        tokens: Names the special tokens.
        question: Token ids of the question.
        passage: What is read.
        limit: Tokens of a row at most.

    Returns:
        At least one window, unless the passage has no tokens.
    """
    room = _room(question, limit)
    rows = []
    low = 0
    while low < len(passage.ids):
        rows.append(window_at(tokens, question, passage, low, limit=limit))
        if rows[-1].high == len(passage.ids):
            break
        low += max(1, room - _OVERLAP)
    return rows


def window_at(
    tokens: Tokens, question: list[int], passage: PassageTokens, low: int, *, limit: int = MAX_WINDOW_TOKENS
) -> Window:
    """The window that begins at token ``low`` of the passage."""
    asked = question[:MAX_QUESTION_TOKENS]
    high = min(len(passage.ids), low + _room(question, limit))
    ids = [tokens.cls, *asked, tokens.sep, *passage.ids[low:high], tokens.sep]
    first = len(asked) + 2
    return Window(ids, [0] * first + [1] * (len(ids) - first), first, low, high)


def _room(question: list[int], limit: int) -> int:
    """Tokens of the passage that fit beside the question and the special tokens."""
    return limit - min(len(question), MAX_QUESTION_TOKENS) - 3


def _prepared(text: str, encoding: Encoding) -> PassageTokens:
    spans = sentences(text)
    starts = [start for start, _ in spans]
    spoken = silence(encoding, silent_spans(text))
    sentence_of = [max(0, bisect_right(starts, left) - 1) for left, _ in spoken.offsets]
    return PassageTokens(text, spoken.ids, spoken.offsets, spans, sentence_of)
