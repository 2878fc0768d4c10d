"""Fit on dev how probably an answer is right, from the signals of retrieval and the model's own confidence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.records import Answer, Query
from groundtune.systems.sufficiency import Sufficiency, Weight, signals
from groundtune.training.calibrate import auroc, logistic

__all__ = ["FEWEST", "Judged", "confidence_auroc", "fit_sufficiency", "with_confidence"]

FEWEST = 20
"""Right answers, and wrong ones, below which nothing is fitted: the model's own confidence decides."""

_FEWEST_IN_FOLDS = 10

_FOLDS = 5
_RIDGE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A fitted model with what it says of dev answers that it was not fitted on.

    Attributes:
        confidences: Probability that the answer is right, by query id, out of fold.
        auroc: Probability that a right answer has more of it than a wrong one.
    """

    model: Sufficiency
    confidences: Mapping[str, float]
    auroc: float


@dataclass(frozen=True, slots=True)
class _Row:
    query: str
    fold: int
    signals: Mapping[str, float]
    right: bool


def fit_sufficiency(
    answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer, clusters: Mapping[str, str]
) -> Judged | None:
    """A logistic model of right answers, with predictions across folds; None where dev is too small for one.

    Args:
        answers: What a system with retrieval said on dev while it answered everything.
        queries: The dev queries, in the same order.
        scorer: Tells what is right.
        clusters: Query id to cluster: what belongs together is in one fold.
    """
    rows = _rows(answers, queries, scorer, clusters)
    if _rarer(rows) < FEWEST:
        return None
    names = _telling(rows)
    held_out: dict[str, float] = {}
    for fold in range(_FOLDS):
        model = _fit([row for row in rows if row.fold != fold], names)
        if model is None:
            return None
        for row in rows:
            probability = model.probability(row.signals) if row.fold == fold else None
            if probability is not None:
                held_out[row.query] = probability
    model = _fit(rows, names)
    if model is None:
        return None
    return Judged(
        model=model,
        confidences=held_out,
        auroc=auroc([held_out[row.query] for row in rows], [row.right for row in rows]),
    )


def confidence_auroc(answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer) -> float | None:
    """AUROC of the confidences that the answers carry; None where there are not both kinds of answers with one."""
    pairs = [
        (answer.confidence, right)
        for answer, query, right in _judged(answers, queries, scorer)
        if answer.confidence is not None
    ]
    if len({right for _, right in pairs}) < 2:
        return None
    return auroc([confidence for confidence, _ in pairs], [right for _, right in pairs])


def with_confidence(answers: Sequence[Answer], confidences: Mapping[str, float]) -> list[Answer]:
    """The answers with these confidences in place of their own, where there is one."""
    return [replace(a, confidence=confidences.get(a.query, a.confidence)) for a in answers]


def _judged(answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer) -> list[tuple[Answer, Query, bool]]:
    found = []
    for answer, query in zip(answers, queries, strict=True):
        right = is_right(scorer, score_answer(scorer, answer, query), answer, query)
        if right is not None and not answer.abstained:
            found.append((answer, query, right))
    return found


def _rows(
    answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer, clusters: Mapping[str, str]
) -> list[_Row]:
    rows = []
    for answer, query, right in _judged(answers, queries, scorer):
        found = signals(query.question, answer.hits, answer.text, answer.confidence)
        if found:
            fold = int(hashlib.sha256(clusters[query.id].encode()).hexdigest()[:8], 16) % _FOLDS
            rows.append(_Row(query.id, fold, found, right))
    return rows


def _rarer(rows: Sequence[_Row]) -> int:
    """How many answers there are of the kind, right or wrong, that has fewer."""
    right = sum(row.right for row in rows)
    return min(right, len(rows) - right)


def _telling(rows: Sequence[_Row]) -> list[str]:
    """Signals that every row has, and that differ."""
    names = set.intersection(*(set(row.signals) for row in rows)) if rows else set()
    return sorted(name for name in names if len({row.signals[name] for row in rows}) > 1)


def _fit(rows: Sequence[_Row], names: Sequence[str]) -> Sufficiency | None:
    if not names or _rarer(rows) < _FEWEST_IN_FOLDS:
        return None
    right = np.array([row.right for row in rows], np.float64)
    values: NDArray[np.float64] = np.array([[row.signals[name] for name in names] for row in rows])
    means, scales = values.mean(0), values.std(0) + 1e-9
    standard = np.column_stack([np.ones(len(rows)), (values - means) / scales])
    bias, *weights = logistic(standard, right, ridge=_RIDGE).tolist()
    columns = zip(names, means.tolist(), scales.tolist(), weights, strict=True)
    return Sufficiency(
        bias=bias,
        weights={name: Weight(mean=mean, scale=scale, weight=weight) for name, mean, scale, weight in columns},
    )
