"""The reader: which sentence of which passage answers a question, the span inside it, and how likely none does.

It is extractive: what it returns stands verbatim in a passage, so it cannot invent. A question and a passage go through
the encoder together; linear heads score each token as start and as end of the answer and as part of the answering
sentence, and a small network scores the pair as answerable. The best span is sought inside sentences only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from groundtune.errors import WeightsError
from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.windows import PassageTokens, Window, passages_tokens, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.tokens import Tokens

__all__ = ["MAX_ANSWER_TOKENS", "Finding", "Heads", "Reader", "Reading", "TokenStates"]

MAX_ANSWER_TOKENS = 30
"""Tokens of a span at most."""


class TokenStates(Protocol):
    """An encoder that gives the state of every token: `runtime.Encoder`, or one that is being trained."""

    def token_states(
        self, ids: Sequence[Sequence[int]], type_ids: Sequence[Sequence[int]] | None = None
    ) -> list[NDArray[np.float32]]:
        """States, shape (len(ids[i]), width) each."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader found.

    Attributes:
        passage: Number of the passage, from 0.
        start: Where the answer begins in the passage, in code points.
        end: Where it ends, exclusive.
        sentence: Start and end of the sentence that it stands in.
        text: The answer, ``passage[start:end]``.
        score: What passages are ranked by; higher is better.
        not_here: Calibrated probability in [0, 1] that this passage does not hold the answer; the best reading's is the
            probability that none of the passages does.
    """

    passage: int
    start: int
    end: int
    sentence: tuple[int, int]
    text: str
    score: float
    not_here: float


@dataclass(frozen=True, slots=True)
class Finding:
    """The best span of one window, before calibration.

    Attributes:
        start: Offsets of the span in its passage, end exclusive.
        sentence: Offsets of its sentence.
        answer: Answerable logit of the window.
        span: Log probability of the span's start and end, at most 0.
        evidence: Log probability of its sentence among those of the window, at most 0.
    """

    start: int
    end: int
    sentence: tuple[int, int]
    answer: float
    span: float
    evidence: float


class Heads:
    """The linear heads of the reader."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Take the tensors whose names begin with ``reader.``.

        Raises:
            WeightsError: when these weights hold no reader.
        """
        try:
            self._span, self._span_bias = tensors["reader.span.weight"], tensors["reader.span.bias"]
            self._hidden, self._hidden_bias = tensors["reader.hidden.weight"], tensors["reader.hidden.bias"]
            self._answer, self._answer_bias = tensors["reader.answer.weight"], tensors["reader.answer.bias"]
        except KeyError as error:
            raise WeightsError(f"These weights hold no reader: the tensor {error} is missing.") from error

    def find(self, states: NDArray[np.float32], window: Window, passage: PassageTokens, evidence: float) -> Finding:
        """The best span of a window.

        Args:
            states: Token states of the window, shape (tokens, width).
            window: Which tokens they are of.
            passage: The passage that the window is of.
            evidence: Weight of the sentence's log probability, see `Calibration`.
        """
        inside = states[window.first : window.first + window.high - window.low]
        logits = inside @ self._span.T + self._span_bias
        starts, ends = _log_softmax(logits[:, 0]), _log_softmax(logits[:, 1])
        spread = np.exp(_log_softmax((starts + ends) / 2))
        asked = states[1 : max(2, window.first - 1)].max(0)  # of an empty question, [SEP]
        pooled = np.concatenate([states[0], spread @ inside, asked])
        answer = float(self._answer[0] @ np.tanh(self._hidden @ pooled + self._hidden_bias) + self._answer_bias[0])
        numbers, borders = np.unique(passage.sentence_of[window.low : window.high], return_index=True)
        borders = np.append(borders, len(inside))
        means = np.add.reduceat(logits[:, 2], borders[:-1]) / np.diff(borders)
        members = _log_softmax(means)
        best = max(
            (_best_span(starts, ends, low, high, float(evidence * member)), number, float(member))
            for low, high, number, member in zip(borders[:-1], borders[1:], numbers, members, strict=True)
        )
        (total, first, last), number, member = best
        return Finding(
            start=passage.offsets[window.low + first][0],
            end=passage.offsets[window.low + last][1],
            sentence=passage.sentences[number],
            answer=answer,
            span=total - evidence * member,
            evidence=member,
        )


class Reader:
    """Reads passages with one set of weights; safe to call from many threads when its encoder is."""

    def __init__(self, encoder: TokenStates, tokens: Tokens, heads: Heads, calibration: Calibration) -> None:
        """Wrap an encoder whose weights were tuned together with ``heads``."""
        self._encoder = encoder
        self._tokens = tokens
        self._heads = heads
        self.calibration = calibration

    def read(self, question: str, passages: Sequence[str]) -> Reading | None:
        """The best answer among passages, which come best first; None only when no passage has any text."""
        return next(iter(self.read_each(question, passages)), None)

    def read_each(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """The best answer of every passage that has any text, best passage first."""
        readings = []
        for number, finding in self.findings([(question, passages)])[0]:
            readings.append(
                Reading(
                    passage=number,
                    start=finding.start,
                    end=finding.end,
                    sentence=finding.sentence,
                    text=passages[number][finding.start : finding.end],
                    score=self._score(finding, number),
                    not_here=self.calibration.not_here(finding.answer, finding.span),
                )
            )
        return sorted(readings, key=lambda reading: -reading.score)

    def findings(self, cases: Sequence[tuple[str, Sequence[str]]]) -> list[list[tuple[int, Finding]]]:
        """For each (question, passages), the best finding of each passage with its number; all in one batch."""
        rows = [
            (case, number, passage, window)
            for case, (question, passages) in enumerate(cases)
            for number, passage, window in self._rows(question, passages)
        ]
        states = self._encoder.token_states([row[3].ids for row in rows], [row[3].type_ids for row in rows])
        best: list[dict[int, Finding]] = [{} for _ in cases]
        for (case, number, passage, window), state in zip(rows, states, strict=True):
            finding = self._heads.find(state, window, passage, self.calibration.evidence)
            if number not in best[case] or self._score(finding, number) > self._score(best[case][number], number):
                best[case][number] = finding
        return [list(found.items()) for found in best]

    def _rows(self, question: str, passages: Sequence[str]) -> list[tuple[int, PassageTokens, Window]]:
        asked = self._tokens.encode(question).ids
        texts = passages_tokens(self._tokens, passages)
        return [(i, text, window) for i, text in enumerate(texts) for window in windows(self._tokens, asked, text)]

    def _score(self, finding: Finding, place: int) -> float:
        return self.calibration.ranking(finding.answer, finding.span, place)


def _best_span(
    starts: NDArray[np.float32], ends: NDArray[np.float32], low: int, high: int, bonus: float
) -> tuple[float, int, int]:
    """Log probability plus ``bonus``, first and last token of the best span inside tokens low..high."""
    sums = starts[low:high, None] + ends[None, low:high]
    length = np.arange(high - low)[None, :] - np.arange(high - low)[:, None]
    first, last = divmod(
        int(np.where((length >= 0) & (length < MAX_ANSWER_TOKENS), sums, -np.inf).argmax()), high - low
    )
    return float(sums[first, last]) + bonus, int(low + first), int(low + last)


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), np.float32)
