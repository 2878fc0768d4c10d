from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from groundtune.errors import BudgetSpent, ModelError
from groundtune.experiment.scorers import SCORERS
from groundtune.models.messages import ABSTAIN
from groundtune.records import Completion, Message, Passage
from groundtune.systems.prompt import PromptTemplate
from groundtune.training.generator import Mix, conversations, distil, licence_question
from groundtune.training.rows import TrainingRow

TEXT = "The pump starts at 5 bar. It stops at 8 bar."
GOLD = Passage(id="p#1", document="p", source="", title="Pump", headings=(), start=0, end=len(TEXT), text=TEXT)
OTHER = Passage(id="q#1", document="q", source="", title="Hose", headings=(), start=0, end=5, text="Hoses")
TEMPLATE = PromptTemplate(task="answer")


@dataclass
class Teacher:
    """A chat that says what it is told to."""

    said: Callable[[str], str]
    name: str = "teacher"
    context_window: int | None = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        text = self.said(messages[-1].content)
        return Completion(text=text, usage=None, finished="stop", first_token_ms=None, total_ms=1.0)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


def row(identity: str = "r", answer: str = "5 bar", gold: tuple[Passage, ...] = (GOLD,)) -> TrainingRow:
    return TrainingRow(id=identity, question="When does it start?", answer=answer, passages=(OTHER,), gold=gold)


def agrees(text: str, label: str) -> bool:
    return SCORERS["token_f1"].agreement(text, label) >= 0.5


PROVEN = 'At 5 bar.\n[S1] "The pump starts at 5 bar."'


def test_a_proven_answer_is_kept_with_its_citation() -> None:
    made = distil([row()], Teacher(lambda _: PROVEN), TEMPLATE, agrees=agrees)
    assert [(kept.answer, kept.gold) for kept in made.rows] == [("At 5 bar.", (GOLD,))]
    assert [TEXT[q.start : q.end] for q in made.quotes["r"]] == ["The pump starts at 5 bar."]
    assert made.dropped == ()
    assert made.teacher.startswith("teacher")
    told = conversations(made.rows, TEMPLATE, Mix(without_evidence=0), quotes=made.quotes)
    assert told[1].messages[-1].content.startswith("At 5 bar.\n[S")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("At 5 bar.", "word for word"),
        ('At 5 bar.\n[S1] "The pump begins at 5 bar."', "word for word"),
        ('At 8 bar.\n[S1] "It stops at 8 bar."', "does not agree with the label '5 bar'"),
        (ABSTAIN[True], "did not answer"),
        ("", "empty answer"),
    ],
)
def test_an_answer_that_nothing_proves_is_dropped_with_the_reason(said: str, reason: str) -> None:
    made = distil([row()], Teacher(lambda _: said), TEMPLATE, agrees=agrees)
    assert made.rows == ()
    assert reason in made.dropped[0].reason


def test_a_question_without_known_evidence_is_not_asked() -> None:
    def never(_: str) -> str:
        raise AssertionError("the teacher was asked")

    made = distil([row(answer="elsewhere", gold=())], Teacher(never), TEMPLATE)
    assert "nothing can prove" in made.dropped[0].reason


def test_a_failing_teacher_loses_one_answer_and_not_the_run() -> None:
    def sometimes(asked: str) -> str:
        if "second" in asked:
            raise ModelError("overloaded")
        return PROVEN

    rows = [row("1"), TrainingRow(id="2", question="the second", answer="5 bar", gold=(GOLD,)), row("3")]
    seen: list[tuple[int, int]] = []
    made = distil(rows, Teacher(sometimes), TEMPLATE, agrees=agrees, progress=lambda *at: seen.append(at))
    assert [kept.id for kept in made.rows] == ["1", "3"]
    assert [(drop.id, drop.reason) for drop in made.dropped] == [("2", "the teacher failed: overloaded")]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_spent_budget_ends_the_run() -> None:
    def spent(_: str) -> str:
        raise BudgetSpent(limit=Decimal(1), spent=Decimal(1), needed=Decimal(1))

    with pytest.raises(BudgetSpent):
        distil([row()], Teacher(spent), TEMPLATE)


def test_the_teacher_sees_the_evidence_and_not_the_distractors() -> None:
    asked: list[str] = []

    def note(question: str) -> str:
        asked.append(question)
        return PROVEN

    distil([row()], Teacher(note), TEMPLATE)
    assert TEXT in asked[0]
    assert "Hoses" not in asked[0]


def test_free_text_needs_no_citation_but_agreement() -> None:
    template = PromptTemplate(task="write")
    made = distil([row(gold=())], Teacher(lambda _: "5 bar"), template, agrees=agrees)
    assert [kept.answer for kept in made.rows] == ["5 bar"]
    assert made.quotes == {}


def test_the_licence_is_asked_about_by_name() -> None:
    assert "gpt-9" in licence_question("gpt-9")
    assert licence_question("gpt-9").endswith("?")
