"""Recall: the answer of the most similar learned question, the embedded model's stand-in for knowledge in weights.

Like that knowledge it needs no passage, can be wrong with confidence, and goes stale. How far a similarity is to be
trusted is fitted by asking each learned question of all the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PRIOR", "Recall", "Recalled", "Trust", "trust_of"]


@dataclass(frozen=True, slots=True)
class Trust:
    """Probability that a recalled answer is right: sigmoid(slope * cosine + intercept) (Platt 1999)."""

    slope: float
    intercept: float

    def probability(self, cosine: float) -> float:
        """In [0, 1], rising with the cosine."""
        return float(1.0 / (1.0 + np.exp(-(self.slope * cosine + self.intercept))))


PRIOR = Trust(20.0, -18.0)
"""Before any evidence: as likely right as wrong at cosine 0.9, where a question may be the same in other words."""

_PRIOR_CASES = 10  # learned questions that the prior counts as


@dataclass(frozen=True, slots=True)
class Recalled:
    """A recalled answer: the number of its question, and the probability in [0, 1] that it is right."""

    answer: str
    index: int
    probability: float


class Recall:
    """Learned questions with their answers."""

    def __init__(self, vectors: NDArray[np.float32], answers: Sequence[str], trust: Trust = PRIOR) -> None:
        """Remember.

        Args:
            vectors: Unit vectors of the questions, shape (n, dimensions).
            answers: The n answers.
            trust: How far a similarity is to be trusted.
        """
        self._vectors = vectors
        self._answers = tuple(answers)
        self._trust = trust

    def best(self, vector: NDArray[np.float32]) -> Recalled | None:
        """The answer of the nearest question; None when nothing was learned."""
        if not self._answers:
            return None
        cosines = self._vectors @ vector
        index = int(cosines.argmax())
        return Recalled(self._answers[index], index, self._trust.probability(float(cosines[index])))


def trust_of(vectors: NDArray[np.float32], answers: Sequence[str]) -> Trust:
    """Fit the trust by leaving each question out: was the answer of its nearest neighbour the right one?

    Logistic regression on the cosine by Newton's method; the prior counts as cases, so a few questions move it little.

    Args:
        vectors: Unit vectors of the questions, shape (n, dimensions).
        answers: The n answers; they agree when they are equal but for case and white space.
    """
    if len(answers) < 2:
        return PRIOR
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.argmax(1)
    plain = [" ".join(answer.casefold().split()) for answer in answers]
    right = np.array([plain[i] == plain[j] for i, j in enumerate(nearest)], np.float64)
    return _logistic(cosines[np.arange(len(answers)), nearest].astype(np.float64), right)


def _logistic(cosines: NDArray[np.float64], right: NDArray[np.float64]) -> Trust:
    points = np.linspace(0.5, 1.0, 11)
    believed = np.array([PRIOR.probability(point) for point in points])
    features = np.concatenate([cosines, points])
    target = np.concatenate([right, believed])
    weight = np.concatenate([np.ones(len(cosines)), np.full(len(points), _PRIOR_CASES / len(points))])
    design = np.stack([features, np.ones_like(features)], 1)
    parameters = np.array([PRIOR.slope, PRIOR.intercept])
    for _ in range(50):
        probability = 1.0 / (1.0 + np.exp(-np.clip(design @ parameters, -30, 30)))
        gradient = design.T @ (weight * (target - probability))
        curvature = weight * probability * (1.0 - probability)
        # A small ridge keeps the step finite when every probability is 0 or 1.
        step = np.linalg.solve((design.T * curvature) @ design + 1e-3 * np.eye(2), gradient)
        parameters = parameters + np.clip(step, -5.0, 5.0)
        if np.abs(step).max() < 1e-6:
            break
    return Trust(float(parameters[0]), float(parameters[1]))
