from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.calibrate import abstention_threshold
from groundtune.experiment.scorers import SCORERS
from groundtune.records import Answer, Query

EXACT = SCORERS["exact_match"]


def asked(number: int, answer: str = "yes") -> Query:
    return Query(id=str(number), question="?", answers=(answer,) if answer else (), answerable=bool(answer))


def said(number: int, text: str, confidence: float | None) -> Answer:
    return Answer(query=str(number), system="rag", text=text, confidence=confidence)


def test_it_abstains_where_answers_earned_nothing() -> None:
    texts = ["no", "no", "yes", "no", "yes", "yes"]
    answers = [said(n, text, confidence=(n + 1) / 10) for n, text in enumerate(texts)]
    assert abstention_threshold(answers, [asked(n) for n in range(6)], EXACT) == pytest.approx(0.25)


def test_it_answers_always_where_answers_are_right() -> None:
    answers = [said(n, "yes", confidence=0.1 * n) for n in range(5)]
    assert abstention_threshold(answers, [asked(n) for n in range(5)], EXACT) == 0.0


def test_it_never_answers_where_no_answer_was_right() -> None:
    answers = [said(n, "no", confidence=0.1 * n) for n in range(5)]
    assert abstention_threshold(answers, [asked(n) for n in range(5)], EXACT) > 0.4


def test_an_unanswerable_query_rewards_the_abstention() -> None:
    answers = [said(0, "guess", 0.3), said(1, "yes", 0.6)]
    assert 0.3 < abstention_threshold(answers, [asked(0, ""), asked(1)], EXACT) < 0.6


def test_answers_without_confidence_are_left_alone() -> None:
    assert abstention_threshold([said(0, "no", None)], [asked(0)], EXACT) == 0.0


def test_a_largest_wrong_rate_comes_before_the_score() -> None:
    texts = ["no", "yes", "yes", "no", "yes"]
    answers = [said(n, text, confidence=(n + 1) / 10) for n, text in enumerate(texts)]
    queries = [asked(n) for n in range(5)]
    assert abstention_threshold(answers, queries, EXACT) == pytest.approx(0.15)
    assert abstention_threshold(answers, queries, EXACT, max_wrong_rate=0.1) == pytest.approx(0.45)
    assert abstention_threshold(answers[:1], queries[:1], EXACT, max_wrong_rate=0.0) > 0.1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_no_other_threshold_scores_more_than_a_point_better(rows: list[tuple[float, bool, bool]]) -> None:
    queries = [asked(n, "yes" if answerable else "") for n, (_, _, answerable) in enumerate(rows)]
    answers = [said(n, "yes" if right else "no", confidence) for n, (confidence, right, _) in enumerate(rows)]

    def mean_score(threshold: float) -> float:
        pairs = [(q.answerable, (c >= threshold) and right) for q, (c, right, _) in zip(queries, rows, strict=True)]
        kept = [c >= threshold for c, _, _ in rows]
        return sum(hit if able else not said_so for (able, hit), said_so in zip(pairs, kept, strict=True)) / len(rows)

    chosen = abstention_threshold(answers, queries, EXACT)
    assert all(mean_score(chosen) >= mean_score(other) - 0.0101 for other in [0.0, *(c for c, _, _ in rows), 1.01])
