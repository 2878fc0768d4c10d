"""Questions made from unlabelled paragraphs: a sentence with one span taken out and a question word in its place.

As in Lewis et al. 2019 (https://arxiv.org/abs/1906.04980), with words left out, moved, and exchanged for neighbours in
the model's own word table, so that matching letters is not enough. A quarter asks about another name, date or number
than the sentence tells of, and has no answer.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spans import MINOR_WORDS, Kind, Span, answer_spans

from groundtune.models.embedded.sentences import sentences
from groundtune.training.rows import ReadingRow

_ASK: Mapping[Kind, Sequence[str]] = {
    "date": ("when", "in what year", "what year", "when"),
    "number": ("how many", "how many", "what number of", "how much", "what"),
    "name": ("who", "what", "which", "who", "where", "what"),
    "phrase": ("what", "what type of", "what kind of", "what", "what did"),
    "reason": ("why", "for what reason"),
    "manner": ("how",),
}
_PLACES = ("where", "what place", "what country", "what city", "what")
_LONGEST_PASSAGE = 2200  # characters; longer ones would be cut anyway
_SHORTEST_SENTENCE = 40


def word_neighbours(
    table: NDArray[np.float32], vocabulary: Mapping[str, int], *, most: int = 5, least: float = 0.35
) -> dict[str, list[str]]:
    """For each whole word, those whose vectors point the same way (cosine at least ``least``, the table centred)."""
    words = [word for word in vocabulary if word.isalpha() and len(word) > 2 and word not in MINOR_WORDS]
    vectors: NDArray[Any] = table[[vocabulary[word] for word in words]]
    vectors = vectors - vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near: dict[str, list[str]] = {}
    for low in range(0, len(words), 2048):
        cosines = vectors[low : low + 2048] @ vectors.T
        cosines[np.arange(len(cosines)), np.arange(low, low + len(cosines))] = -1
        for row, best in enumerate(np.argpartition(-cosines, most, axis=1)[:, :most]):
            if chosen := [words[other] for other in best if cosines[row, other] > least]:
                near[words[low + row]] = chosen
    return near


class ClozeMaker:
    """Makes rows from paragraphs."""

    def __init__(self, paragraphs: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> None:
        """Prepare the paragraphs; neighbours in the sequence should be of one article."""
        self._paragraphs = [text for text in paragraphs if len(text) <= _LONGEST_PASSAGE]
        self._sentences = [sentences(text) for text in self._paragraphs]
        self._neighbours = neighbours
        self._names = [self._names_of(number) for number in range(len(self._paragraphs))]

    def rows(self, count: int, rng: random.Random) -> list[ReadingRow]:
        """Make ``count`` rows: about 60% with an answer, the rest with a plausible span or from another paragraph."""
        made: list[ReadingRow] = []
        while len(made) < count:
            number = rng.randrange(len(self._paragraphs))
            low, high = rng.choice(self._sentences[number])
            sentence = self._paragraphs[number][low:high]
            spans = answer_spans(sentence)
            if len(sentence) >= _SHORTEST_SENTENCE and spans:
                kind = rng.choice(sorted({span.kind for span in spans}))
                asked = rng.choice([span for span in spans if span.kind == kind])
                made += self._row(number, low, sentence, asked, rng)
        return made

    def _row(self, number: int, low: int, sentence: str, asked: Span, rng: random.Random) -> list[ReadingRow]:
        passage, where = self._paragraphs[number], (low + asked.start, low + asked.end)
        draw = rng.random()
        if draw < 0.25:
            changed = self._exchange(number, sentence, asked, rng)
            if changed is None:
                return []
            return [ReadingRow(question=self._question(*changed, rng), passage=passage, span=None, plausible=where)]
        question = self._question(sentence, asked, rng)
        if draw < 0.37:
            other = self._near(number, rng)
            return (
                [ReadingRow(question=question, passage=self._paragraphs[other], span=None)] if other != number else []
            )
        return [ReadingRow(question=question, passage=passage, span=where)]

    def _exchange(self, number: int, sentence: str, asked: Span, rng: random.Random) -> tuple[str, Span] | None:
        """The sentence with another name, date or number in it, taken from a near paragraph."""
        others = [
            span
            for span in answer_spans(sentence)
            if span.kind in ("name", "date", "number") and (span.end <= asked.start or span.start >= asked.end)
        ]
        pool = [name for name in self._names[self._near(number, rng)] if name not in self._paragraphs[number]]
        if not others or not pool:
            return None
        gone, new = rng.choice(others), rng.choice(pool)
        shift = len(new) - (gone.end - gone.start) if gone.start < asked.start else 0
        return sentence[: gone.start] + new + sentence[gone.end :], Span(
            asked.kind, asked.start + shift, asked.end + shift
        )

    def _question(self, sentence: str, asked: Span, rng: random.Random) -> str:
        left = sentence[: asked.start].split()[-rng.randint(4, 14) :]
        right = sentence[asked.end :].split()[: rng.randint(4, 14)]
        place = asked.kind == "name" and left and left[-1].lower() in ("in", "at", "from", "near")
        ask = rng.choice(_PLACES if place else _ASK[asked.kind])
        before, after = self._noisy(left, rng), self._noisy(right, rng)
        orders = ([ask, *before, *after], [ask, *after, *before], [*before, ask, *after], [*after, *before, ask])
        words = rng.choices(orders, (0.45, 0.3, 0.15, 0.1))[0]
        return " ".join(words) + rng.choice(("?", "", " ?"))

    def _noisy(self, words: Sequence[str], rng: random.Random) -> list[str]:
        """Lower case, some words left out, some exchanged for a neighbour."""
        kept = []
        for word in words:
            bare = word.strip('.,;:()"').lower()
            minor = bare in MINOR_WORDS
            if not bare or rng.random() < (0.3 if minor else 0.15):
                continue
            if not minor and bare in self._neighbours and rng.random() < 0.2:
                bare = rng.choice(self._neighbours[bare])
            kept.append(bare)
        return kept

    def _near(self, number: int, rng: random.Random) -> int:
        return max(0, min(len(self._paragraphs) - 1, number + rng.choice((-3, -2, -1, 1, 2, 3))))

    def _names_of(self, number: int) -> list[str]:
        text = self._paragraphs[number]
        return [
            text[low + span.start : low + span.end]
            for low, high in self._sentences[number]
            for span in answer_spans(text[low:high])
            if span.kind in ("name", "date")
        ]
