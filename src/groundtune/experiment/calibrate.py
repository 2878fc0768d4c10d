"""When to abstain, chosen on dev before the test queries are touched: one rule for all systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.records import Answer, Query

__all__ = ["abstention_threshold"]

SPARE = 0.01
"""Mean score on dev that may be given up to abstain more: the point that the verdict, too, does not ask about."""

NEVER = 1.01
"""A threshold that no confidence reaches."""


def abstention_threshold(
    answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer, *, max_wrong_rate: float | None = None
) -> float:
    """The least confidence to answer with: abstain where on dev answering earned next to nothing.

    The score is what the systems are compared by, so it is not given away: among the thresholds whose mean dev score is
    within `SPARE` of the best, the one that abstains most is taken. An abstention scores 1 where the query is
    unanswerable, else 0.

    Args:
        answers: What a system said on dev while it answered everything; those without a confidence do not count.
        queries: The dev queries, in the same order.
        scorer: What decides.
        max_wrong_rate: Only thresholds that keep the share of wrong dev answers within this are considered.

    Returns:
        A threshold half-way between two confidences that were seen, so that it does not cling to either; 0 answers
        always, above 1 never.
    """
    rows = sorted(_gains(answers, queries, scorer))
    allowed = len(queries) if max_wrong_rate is None else max_wrong_rate * len(queries)
    total, wrong = 0.0, sum(is_wrong for _, _, is_wrong in rows)
    options = [(total, 0.0)] if wrong <= allowed else []
    for place, (confidence, gain, is_wrong) in enumerate(rows):
        total, wrong = total - gain, wrong - is_wrong
        following = rows[place + 1][0] if place + 1 < len(rows) else NEVER
        if following > confidence and wrong <= allowed:
            between = (confidence + following) / 2
            options.append((total, between if between > confidence else following))
    best = max((worth for worth, _ in options), default=0.0)
    return max((threshold for worth, threshold in options if worth >= best - SPARE * len(queries)), default=NEVER)


def _gains(answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer) -> Iterator[tuple[float, float, bool]]:
    """Confidence of each answer, what it scores more than an abstention in its place, and whether it is wrong."""
    for answer, query in zip(answers, queries, strict=True):
        score = score_answer(scorer, answer, query)
        if answer.confidence is None or answer.abstained or score.value is None:
            continue
        wrong = is_right(scorer, score, answer, query) is False
        yield answer.confidence, score.value - float(query.answerable is False), wrong
