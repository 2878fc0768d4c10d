"""Choices made on dev, before the test queries are touched: the few-shot set and when to abstain.

The same two rules serve all systems, so no cell of the 2x2 is tuned harder than another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.records import Answer, Query

__all__ = ["WRONG_COST", "abstention_threshold", "best_on_dev", "utility"]

WRONG_COST = 1.0
"""What a wrong answer costs, where a right one gains 1 and an abstention nothing (METHODS 3.3)."""

NEVER = 1.01
"""A threshold that no confidence reaches."""

Candidate = TypeVar("Candidate")


def best_on_dev(
    candidates: Sequence[Candidate],
    answer: Callable[[Candidate, Query], Answer],
    dev: Sequence[Query],
    scorer: Scorer,
) -> Candidate:
    """The candidate with the highest mean score on dev; the first among equals, and the only one without asking."""
    if len(candidates) == 1 or not dev:
        return candidates[0]

    def mean_score(candidate: Candidate) -> float:
        scores = [score_answer(scorer, answer(candidate, query), query).value for query in dev]
        return sum(value for value in scores if value is not None) / len(dev)

    return max(candidates, key=mean_score)


def utility(answer: Answer, query: Query, scorer: Scorer) -> tuple[float, float, bool]:
    """What an answer is worth, what an abstention in its place would be worth, and whether the answer is wrong.

    The score less `WRONG_COST` when it is wrong; an abstention is worth 1 where the query is unanswerable, else 0.
    An answer that could not be scored counts nothing either way.
    """
    abstained = float(query.answerable is False)
    score = score_answer(scorer, answer, query)
    if answer.abstained or score.value is None:
        return abstained, abstained, False
    wrong = is_right(scorer, score, answer, query) is False
    return score.value - WRONG_COST * wrong, abstained, wrong


def abstention_threshold(
    answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer, *, max_wrong_rate: float | None = None
) -> float:
    """The least confidence to answer with, in [0, 1]: the one with the highest total `utility` on dev.

    Args:
        answers: What a system said on dev while it answered everything; those without a confidence do not count.
        queries: The dev queries, in the same order.
        scorer: What decides.
        max_wrong_rate: Only thresholds that keep the share of wrong dev answers within this are considered.

    Returns:
        A threshold half-way between two confidences that were seen, so that it does not cling to either; 0 answers
        always, above 1 never. Among equals the one that abstains least.
    """
    pairs = zip(answers, queries, strict=True)
    rows = sorted((a.confidence, *utility(a, q, scorer)) for a, q in pairs if a.confidence is not None)
    total, wrong = sum(worth for _, worth, _, _ in rows), sum(is_wrong for _, _, _, is_wrong in rows)
    allowed = len(queries) if max_wrong_rate is None else max_wrong_rate * len(queries)
    best = (total, 0.0) if wrong <= allowed else (-float("inf"), NEVER)
    for place, (confidence, worth, abstained, is_wrong) in enumerate(rows):
        total, wrong = total + abstained - worth, wrong - is_wrong
        following = rows[place + 1][0] if place + 1 < len(rows) else NEVER
        if following > confidence and wrong <= allowed and total > best[0] + 1e-9:
            between = (confidence + following) / 2
            best = (total, between if between > confidence else following)
    return best[1]
