from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from groundtune.models.embedded.recall import PRIOR, Recall, Trust, trust_of


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def test_the_nearest_question_answers() -> None:
    recall = Recall(np.eye(3, dtype=np.float32), ["a", "b", "c"], Trust(2.0, -1.0))
    found = recall.best(np.array([0.6, 0.8, 0.0], np.float32))
    assert found is not None
    assert (found.answer, found.index) == ("b", 1)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-0.6)), rel=1e-5)


def test_nothing_learned_recalls_nothing() -> None:
    assert Recall(np.empty((0, 3), np.float32), []).best(np.ones(3, np.float32)) is None


def test_few_questions_leave_the_prior() -> None:
    assert trust_of(np.eye(1, dtype=np.float32), ["a"]) == PRIOR


def test_trust_rises_where_neighbours_agree_and_falls_where_they_do_not() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(40, 16)), 2, axis=0)
    vectors = unit(centres + 0.3 * rng.normal(size=centres.shape))
    agree = trust_of(vectors, [f"Answer {i // 2}" if i % 2 else f" answer  {i // 2}" for i in range(80)])
    differ = trust_of(vectors, [f"answer {i}" for i in range(80)])
    assert agree.probability(0.95) > 0.9 > PRIOR.probability(0.95) > 0.1 > differ.probability(0.95)


def test_the_fit_is_the_maximum_of_the_penalised_likelihood() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(60, 3)))
    answers = [str(int(vector[0] > 0)) for vector in vectors]
    fitted = trust_of(vectors, answers)
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(cosines, -2)
    nearest = cosines.argmax(1)
    points = np.linspace(0.5, 1, 11)
    features = np.concatenate([cosines.max(1), points])
    wanted = np.concatenate(
        [[answers[i] == answers[j] for i, j in enumerate(nearest)], [*map(PRIOR.probability, points)]]
    )
    weight = np.concatenate([np.ones(60), np.full(11, 10 / 11)])

    def loss(parameters: NDArray[np.float64]) -> float:
        logits = parameters[0] * features + parameters[1]
        return float((weight * (np.logaddexp(0, logits) - wanted * logits)).sum())

    best = minimize(loss, np.array([PRIOR.slope, PRIOR.intercept]), method="Nelder-Mead", options={"maxiter": 4000})
    assert loss(np.array([fitted.slope, fitted.intercept])) == pytest.approx(best.fun, abs=1e-3)
