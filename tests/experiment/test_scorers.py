"""Scores agree with the published definitions; what cannot be scored is not zero."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ProjectError
from groundtune.experiment.normalise import normalise
from groundtune.experiment.scorers import (
    SCORERS,
    Scorer,
    exact_match,
    is_right,
    json_match,
    label_match,
    primary_scorer,
    score_answer,
    token_f1,
)
from groundtune.records import Answer, Query

F1 = SCORERS["token_f1"]


def said(text: str) -> Answer:
    return Answer(query="q", system="rag", text=text)


ABSTAINED = Answer(query="q", system="rag", text="", reason="nothing found")
FAILED = Answer(query="q", system="rag", text="", error="timeout")


def asks(*answers: str, answerable: bool | None = None) -> Query:
    return Query(id="q", question="?", answers=answers, answerable=answerable)


@pytest.mark.parametrize(
    ("text", "normal"),
    [("The  Cat, a DOG!", "cat dog"), ("An apple-pie", "applepie"), ("$1,000.50", "100050"), ("Ａ－Ｂ «é»", "ab é")],
)
def test_normalisation_is_that_of_squad_beyond_ascii(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("text", "accepted", "f1"),
    # By hand: 2 * common / (given + wanted) words.
    [
        ("in the 10th century", "10th century", 2 * 2 / (3 + 2)),
        ("the cat", "cat", 1.0),
        ("dog dog", "dog", 2 * 1 / 3),
        ("dog", "cat", 0.0),
        ("the", "", 1.0),
        ("cat", "the", 0.0),
    ],
)
def test_token_f1_by_hand(text: str, accepted: str, f1: float) -> None:
    assert token_f1(text, accepted) == pytest.approx(f1)


@given(st.text(max_size=40), st.text(max_size=40))
def test_every_agreement_lies_in_0_to_1_and_is_1_with_itself(first: str, second: str) -> None:
    for agreement in (token_f1, exact_match, label_match):
        assert 0 <= agreement(first, second) <= 1
        assert agreement(first, first) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_json_match_is_symmetric_and_1_with_itself(first: object, second: object) -> None:
    a, b = json.dumps(first), json.dumps(second)
    assert json_match(a, a) == 1
    assert json_match(a, b) == json_match(b, a)
    assert 0 <= json_match(a, b) <= 1


def test_json_match_counts_slots() -> None:
    accepted = '{"people": "4", "time": "7 pm", "notes": ["quiet", "window"]}'
    assert json_match('{"time": "7 PM", "people": "4", "notes": ["window", "quiet"]}', accepted) == 1
    assert json_match('{"people": "4"}', accepted) == pytest.approx(2 * 1 / (1 + 4))
    assert json_match("people: 4", accepted) == 0
    assert json_match("{}", "{}") == 1


def test_the_best_accepted_answer_counts() -> None:
    assert score_answer(F1, said("Paris"), asks("Lyon", "Paris")).value == 1


def test_an_unanswerable_query_wants_an_abstention_and_any_other_an_answer() -> None:
    unanswerable = asks(answerable=False)
    assert score_answer(F1, ABSTAINED, unanswerable).value == 1
    assert score_answer(F1, said("Paris"), unanswerable).value == 0
    assert score_answer(F1, ABSTAINED, asks("Paris")).value == 0


def test_what_cannot_be_scored_has_no_value_and_a_reason() -> None:
    for answer, query, reason in (
        (FAILED, asks("Paris"), "no answer: timeout"),
        (said("Paris"), asks(), "no accepted answer"),
        (said("{}"), asks("not json"), "scorer json_match failed: JSONDecodeError"),
    ):
        score = score_answer(SCORERS["json_match"], answer, query)
        assert score.value is None
        assert reason in (score.note or "")
        assert is_right(F1, score, answer, query) is None


@pytest.mark.parametrize("error", [ValueError, KeyError, ZeroDivisionError, AttributeError, RecursionError])
def test_a_failing_scorer_is_a_record(error: type[Exception]) -> None:
    def fails(text: str, accepted: str) -> float:
        raise error("broken")

    score = score_answer(Scorer(name="mine", version="1", agreement=fails), said("x"), asks("y"))
    assert score.value is None
    assert f"{error.__name__}" in (score.note or "")


def test_right_is_half_of_the_words_or_a_sentence_that_holds_the_answer() -> None:
    def right(text: str, *accepted: str) -> bool | None:
        query = asks(*accepted)
        return is_right(F1, score_answer(F1, said(text), query), said(text), query)

    assert right("10th century", "in the 10th century")
    assert right("The service listens on port 8421 unless it is told otherwise.", "port 8421")
    assert right("port 84213 is used by something else", "8421") is False
    assert right("port 8421 " + "word " * 60, "port 8421") is False
    assert right("no idea", "port 8421") is False


def test_an_abstention_is_right_only_where_there_is_no_answer() -> None:
    for query, expected in ((asks("Paris"), False), (asks(answerable=False), True)):
        assert is_right(F1, score_answer(F1, ABSTAINED, query), ABSTAINED, query) is expected


def test_the_usual_scorer_of_each_task() -> None:
    usual = {task: primary_scorer("auto", task).name for task in ("answer", "classify", "extract", "write")}
    assert usual == {"answer": "token_f1", "classify": "label_match", "extract": "json_match", "write": "token_f1"}
    assert primary_scorer("exact_match", "answer").name == "exact_match"
    with pytest.raises(ProjectError, match=r"allowed in .*: auto, token_f1, exact_match, label_match, json_match"):
        primary_scorer("bleu", "answer")
