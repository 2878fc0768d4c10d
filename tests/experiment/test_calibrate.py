from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.calibrate import abstention_threshold, best_on_dev, utility
from groundtune.experiment.scorers import SCORERS
from groundtune.records import Answer, Query

EXACT = SCORERS["exact_match"]


def asked(number: int, answer: str = "yes") -> Query:
    return Query(id=str(number), question="?", answers=(answer,) if answer else (), answerable=bool(answer))


def said(number: int, text: str, confidence: float | None) -> Answer:
    return Answer(query=str(number), system="rag", text=text, confidence=confidence)


def test_it_abstains_where_answers_are_more_often_wrong_than_right() -> None:
    texts = ["no", "no", "yes", "no", "yes", "yes"]
    answers = [said(n, text, confidence=(n + 1) / 10) for n, text in enumerate(texts)]
    assert abstention_threshold(answers, [asked(n) for n in range(6)], EXACT) == 0.25


def test_it_answers_always_where_answers_are_right() -> None:
    answers = [said(n, "yes", confidence=0.1 * n) for n in range(5)]
    assert abstention_threshold(answers, [asked(n) for n in range(5)], EXACT) == 0.0


def test_an_unanswerable_query_rewards_the_abstention() -> None:
    answers = [said(0, "guess", 0.3), said(1, "yes", 0.6)]
    assert 0.3 < abstention_threshold(answers, [asked(0, ""), asked(1)], EXACT) < 0.6


def test_answers_without_confidence_are_left_alone() -> None:
    assert abstention_threshold([said(0, "no", None)], [asked(0)], EXACT) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=20))
def test_no_other_threshold_is_worth_more_on_dev(rows: list[tuple[float, bool, bool]]) -> None:
    queries = [asked(n, "yes" if answerable else "") for n, (_, _, answerable) in enumerate(rows)]
    answers = [said(n, "yes" if right else "no", confidence) for n, (confidence, right, _) in enumerate(rows)]

    def worth(threshold: float) -> float:
        values = [utility(a, q, EXACT) for a, q in zip(answers, queries, strict=True)]
        return sum(v[0] if (a.confidence or 0) >= threshold else v[1] for v, a in zip(values, answers, strict=True))

    chosen = abstention_threshold(answers, queries, EXACT)
    assert all(worth(chosen) >= worth(other) - 1e-6 for other in [0.0, *(c for c, _, _ in rows), 1.01])


def test_the_best_candidate_is_the_one_that_answers_dev_best() -> None:
    dev = [asked(0), asked(1)]
    chosen = best_on_dev(["no", "yes", "also yes"], lambda text, query: said(int(query.id), text, None), dev, EXACT)
    assert chosen == "yes"


def test_a_largest_wrong_rate_comes_before_utility() -> None:
    texts = ["no", "yes", "yes", "no", "yes"]
    answers = [said(n, text, confidence=(n + 1) / 10) for n, text in enumerate(texts)]
    queries = [asked(n) for n in range(5)]
    assert abstention_threshold(answers, queries, EXACT) == pytest.approx(0.15)
    assert abstention_threshold(answers, queries, EXACT, max_wrong_rate=0.1) == pytest.approx(0.45)
    assert abstention_threshold(answers[:1], queries[:1], EXACT, max_wrong_rate=0.0) > 0.1
