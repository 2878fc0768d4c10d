"""The sufficiency model takes over where dev shows that it knows better, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from groundtune.experiment.calibrate import abstention_threshold, calibrate, can_be_held
from groundtune.experiment.scorers import SCORERS
from groundtune.experiment.sufficient import confidence_auroc, fit_sufficiency
from groundtune.records import Answer, Hit, Passage, Query
from groundtune.training.calibrate import logistic

EXACT = SCORERS["exact_match"]


def dev(count: int, *, seed: int, confidence: str = "none", signal: float = 2.0) -> tuple[list[Answer], list[Query]]:
    """Queries half of which are answered rightly, with a higher top score by ``signal`` standard deviations."""
    random = np.random.default_rng(seed)
    answers, queries = [], []
    for n in range(count):
        right = bool(n % 2)
        top = 0.5 + 0.1 * (random.normal() + signal * right)
        sure = {"none": None, "random": float(random.random()), "knows": 0.9 if right else 0.1}[confidence]
        answers.append(
            Answer(
                query=f"q{n}",
                system="rag",
                text="yes" if right else "no",
                confidence=sure,
                hits=tuple(hit(rank, score) for rank, score in enumerate([top, 0.3, 0.2], start=1)),
            )
        )
        queries.append(Query(id=f"q{n}", question="Is it so?", answers=("yes",)))
    return answers, queries


def hit(rank: int, score: float) -> Hit:
    passage = Passage(
        id=str(rank), document="d", source="d", title="", headings=(), start=0, end=5, text="Words", answer=None
    )
    return Hit(rank=rank, score=score, passage=passage)


def clusters(queries: list[Query]) -> dict[str, str]:
    return {query.id: query.id for query in queries}


def test_a_model_without_confidence_gets_one_from_what_was_found() -> None:
    answers, queries = dev(80, seed=1)
    found = calibrate(answers, queries, EXACT, clusters=clusters(queries))
    assert found.model_auroc is None
    assert found.sufficiency is not None
    assert found.auroc is not None
    assert found.auroc > 0.8  # two standard deviations apart: 0.92 in the limit
    assert found.sufficiency.weights["top"].weight > 0
    assert found.curve.points[0].risk < found.curve.points[-1].risk == pytest.approx(0.5)


@pytest.mark.parametrize(("confidence", "taken"), [("random", True), ("knows", False)])
def test_the_better_confidence_wins(confidence: str, taken: bool) -> None:
    answers, queries = dev(80, seed=2, confidence=confidence)
    found = calibrate(answers, queries, EXACT, clusters=clusters(queries))
    assert (found.sufficiency is not None) is taken


def test_noise_is_not_preferred_to_a_confidence_that_knows_something() -> None:
    answers, queries = dev(60, seed=3, signal=0.0, confidence="knows")
    assert calibrate(answers, queries, EXACT, clusters=clusters(queries)).sufficiency is None


def test_few_answers_of_one_kind_fit_nothing() -> None:
    answers, queries = dev(38, seed=4)
    assert fit_sufficiency(answers, queries, EXACT, clusters(queries)) is None
    assert calibrate(answers, queries, EXACT, clusters=clusters(queries)).sufficiency is None


def test_predictions_are_out_of_fold_and_clusters_are_not_torn() -> None:
    answers, queries = dev(80, seed=5, signal=0.0)
    together = {query.id: f"pair {int(query.id[1:]) // 2}" for query in queries}
    found = fit_sufficiency(answers, queries, EXACT, together)
    assert found is not None
    assert set(found.confidences) == {query.id for query in queries}
    assert found.auroc < 0.7  # noise that was fitted to itself would look like knowledge
    assert confidence_auroc(answers, queries, EXACT) is None


def test_the_wrong_rate_is_held_with_one_more_wrong_answer_than_was_seen() -> None:
    answers, queries = dev(40, seed=6, confidence="knows")
    answers = [Answer(query=a.query, system="rag", text=a.text, confidence=n / 40) for n, a in enumerate(answers)]
    threshold = abstention_threshold(answers, queries, EXACT, max_wrong_rate=0.1)
    wrong = sum(a.text == "no" and (a.confidence or 0) >= threshold for a in answers)
    assert (wrong + 1) / 41 <= 0.1
    assert can_be_held(0.1, 40)
    assert not can_be_held(0.1, 8)


def test_the_wrong_rate_on_new_queries_is_what_was_asked_for() -> None:
    random = np.random.default_rng(7)
    rates = []
    for _ in range(200):
        sure = random.random(100)
        right = random.random(100) < sure
        texts = ["yes" if each else "no" for each in right]
        answers = [
            Answer(query=str(n), system="rag", text=text, confidence=float(c))
            for n, (text, c) in enumerate(zip(texts, sure, strict=True))
        ]
        queries = [Query(id=str(n), question="?", answers=("yes",)) for n in range(100)]
        threshold = abstention_threshold(answers[:50], queries[:50], EXACT, max_wrong_rate=0.1)
        rates.append(np.mean([not r and c >= threshold for r, c in zip(right[50:], sure[50:], strict=True)]))
    assert np.mean(rates) <= 0.1 + 3 * np.std(rates) / np.sqrt(len(rates))


def test_logistic_regression_agrees_with_a_general_optimiser() -> None:
    random = np.random.default_rng(8)
    features = np.column_stack([np.ones(60), random.normal(size=(60, 2))])
    labels = (random.random(60) < 0.5 + 0.3 * np.tanh(features[:, 1])).astype(float)

    def loss(weights: np.ndarray) -> float:
        logits = features @ weights
        return float(np.logaddexp(0, logits).sum() - labels @ logits + 0.5 * (weights[1:] ** 2).sum())

    assert logistic(features, labels, ridge=1.0) == pytest.approx(minimize(loss, np.zeros(3)).x, abs=1e-4)
