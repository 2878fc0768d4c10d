"""The chooser: which label of a closed set fits a question, perhaps with passages.

A kernel classifier (Nadaraya 1964, Watson 1964) on the cosine of embeddings. Every label has one prototype, and every
solved case (few-shot example, retrieved demonstration) speaks for its own label:

    mass(label) = weight * k(question, prototype) + sum of k(question, case) over its solved cases
    k(a, b) = exp((a.b - 1) / 0.05)

and the probability of a label is its share of the mass. With base weights the prototype is the embedding of the label's
name; tuned weights bring learned prototypes in a tuned space. Documents beside the question enter through its vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from groundtune.models.embedded.vectors import VectorMemory
from groundtune.records import Demonstration, Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.embed import EmbeddedEmbedding
    from groundtune.models.embedded.tokens import Tokens

__all__ = ["MAX_PAIR_TOKENS", "TEMPERATURE", "Choice", "Chooser", "question_rows", "verbalise"]

TEMPERATURE = 0.05
"""Of the kernel: the inverse of the scale 20 with which sentence encoders are trained (METHODS 5.4)."""

BASE_LABEL_WEIGHT = 1.0
"""How many solved cases a label's name counts as; 0.3 to 3 made no difference on banking77's training set."""

MAX_PAIR_TOKENS = 384
"""Tokens of a question with its passages; the rest is cut."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The label that was chosen.

    Attributes:
        label: One of the closed set.
        probability: Its share of the mass, in [0, 1].
        support: Numbers of the passages that spoke for it, the strongest first.
    """

    label: str
    probability: float
    support: tuple[int, ...]


def verbalise(label: str) -> str:
    """The words of a label's name: ``card_arrival`` is "card arrival"."""
    return " ".join(label.replace("_", " ").replace("-", " ").split())


def question_rows(tokens: Tokens, question: str, texts: Sequence[str]) -> list[list[int]]:
    """The question as a row of token ids, and, where there are texts, a second row of it with them."""
    asked = tokens.encode(question).ids[: MAX_PAIR_TOKENS // 2]
    rows = [[tokens.cls, *asked, tokens.sep]]
    if texts:
        context = [number for encoding in tokens.encode_batch(texts) for number in encoding.ids]
        rows.append([*rows[0], *context[: MAX_PAIR_TOKENS - len(rows[0]) - 1], tokens.sep])
    return rows


class Chooser:
    """Chooses with one set of weights; safe to call from many threads."""

    def __init__(
        self,
        embedding: EmbeddedEmbedding,
        prototypes: Mapping[str, NDArray[np.float32]] | None = None,
        label_weight: float = BASE_LABEL_WEIGHT,
    ) -> None:
        """Wrap an embedding.

        Args:
            embedding: Base weights, or tuned ones together with ``prototypes``.
            prototypes: Learned unit vector of each label; a label without one has the embedding of its name.
            label_weight: How many solved cases a prototype counts as.
        """
        self._embedding = embedding
        self._memory = VectorMemory(embedding)
        self._prototypes = dict(prototypes or {})
        self._label_weight = label_weight

    def choose(
        self,
        question: str,
        labels: Sequence[str],
        examples: Sequence[Demonstration] = (),
        passages: Sequence[Passage] = (),
    ) -> Choice:
        """Choose one of ``labels``, which must not be empty.

        Args:
            question: What is to be labelled.
            labels: The closed set; cases with another answer do not count.
            examples: Solved cases.
            passages: Retrieved; those with an answer are solved cases, the others are read beside the question.
        """
        solved = [i for i, passage in enumerate(passages) if passage.answer in labels]
        texts = [passage.text for passage in passages if passage.answer is None]
        cases = [e for e in examples if e.answer in labels]
        vector = self._question(question, texts)
        kernel = self._kernel(vector, [e.question for e in cases] + [passages[i].text for i in solved])
        answers = [e.answer for e in cases] + [str(passages[i].answer) for i in solved]
        mass = dict(zip(labels, self._label_weight * self._prior(vector, labels), strict=True))
        for answer, part in zip(answers, kernel, strict=True):
            mass[answer] += part
        best = max(labels, key=mass.__getitem__)
        support = sorted((-kernel[len(cases) + turn], i) for turn, i in enumerate(solved) if passages[i].answer == best)
        return Choice(best, float(mass[best] / sum(mass.values())), tuple(i for _, i in support))

    def _prior(self, vector: NDArray[np.float32], labels: Sequence[str]) -> NDArray[np.float64]:
        unknown = [label for label in labels if label not in self._prototypes]
        named = dict(zip(unknown, self._memory.of([verbalise(label) for label in unknown]), strict=True))
        prototypes = np.stack(
            [self._prototypes[label] if label in self._prototypes else named[label] for label in labels]
        )
        return _exp(prototypes @ vector)

    def _kernel(self, vector: NDArray[np.float32], texts: Sequence[str]) -> list[float]:
        return [float(value) for value in _exp(self._memory.of(texts) @ vector)]

    def _question(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """The question's vector, or the mean of it alone and of it with the texts."""
        total = self._embedding.encoder.embed(question_rows(self._embedding.tokens, question, texts)).sum(0)
        vector: NDArray[np.float32] = total / np.linalg.norm(total)
        return vector


def _exp(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.exp((cosines.astype(np.float64) - 1.0) / TEMPERATURE)
