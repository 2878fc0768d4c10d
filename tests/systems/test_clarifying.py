"""An abstention names the nearest topics that were found, and nothing that was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.cli import show
from groundtune.records import Answer, Hit, Passage
from groundtune.service.chat import spoken
from groundtune.systems.clarifying import clarifying_question, nearest_topics
from groundtune.systems.wire import AnswerView


def hit(title: str, headings: tuple[str, ...], text: str = "Words.", answer: str | None = None) -> Hit:
    passage = Passage(
        id=text,
        document=title,
        source=title,
        title=title,
        headings=headings,
        start=0,
        end=len(text),
        text=text,
        answer=answer,
    )
    return Hit(rank=1, score=1.0, passage=passage)


GATE = hit("Manual", ("House", "Gate"))
DOGS = hit("Manual", ("House",), "## Dogs <a name='x'></a>\n\nOutside.")
ABSTAINED = Answer(query="q", system="rag", text="", reason="not sure", hits=(GATE, GATE, DOGS))


def test_topics_are_titles_and_headings_each_once() -> None:
    assert nearest_topics([GATE, GATE, DOGS]) == ("Manual > House > Gate", "Manual > House > Dogs")
    assert nearest_topics([hit(f"T{n}", ()) for n in range(9)]) == ("T0", "T1", "T2")
    assert nearest_topics([hit("House", ("House", "Gate")), hit("", ()), hit("", (), "Hi", answer="card")]) == (
        "House > Gate",
    )


def test_the_question_back_names_them() -> None:
    question = clarifying_question(ABSTAINED)
    assert question is not None
    assert question.startswith("The nearest topics are “Manual > House > Gate”; “Manual > House > Dogs”.")
    one = clarifying_question(replace(ABSTAINED, hits=(GATE,)))
    assert one == "The nearest topic is “Manual > House > Gate”. Is your question about it?"


def test_nothing_is_asked_where_it_answered_or_found_nothing() -> None:
    assert clarifying_question(replace(ABSTAINED, reason=None, text="At eight.")) is None
    assert clarifying_question(replace(ABSTAINED, hits=())) is None
    assert clarifying_question(replace(ABSTAINED, error="the model failed")) is None


def test_it_is_sent_and_said_wherever_answers_are(capsys: pytest.CaptureFixture[str]) -> None:
    question = clarifying_question(ABSTAINED)
    view = AnswerView.of(ABSTAINED)
    assert (view.clarifying_question, view.topics) == (question, ["Manual > House > Gate", "Manual > House > Dogs"])
    assert spoken(ABSTAINED) == f"I do not know. not sure\n\n{question}"
    show.answer(replace(ABSTAINED, milliseconds={"total": 1.0}))
    assert question is not None
    assert question in capsys.readouterr().out
    answered = replace(ABSTAINED, reason=None, text="At eight.")
    view = AnswerView.of(answered)
    assert (view.clarifying_question, view.topics, spoken(answered)) == (None, [], "At eight.")
