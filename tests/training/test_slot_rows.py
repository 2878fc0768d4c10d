from __future__ import annotations

from groundtune.records import Passage
from groundtune.training.rows import ReadingRow, TrainingRow
from groundtune.training.slot_rows import slot_rows

SCHEMA = {
    "type": "object",
    "properties": {
        "people": {"type": "integer", "description": "How many people?"},
        "date": {"type": "string"},
        "area": {"enum": ["inside", "outside"]},
    },
}


def row(message: str, answer: str, gold: str = "") -> TrainingRow:
    passage = Passage(id="p", document="d", source="", title="", headings=(), start=0, end=len(gold), text=gold)
    return TrainingRow(id="r", question=message, answer=answer, gold=(passage,) if gold else ())


def test_every_slot_that_is_read_is_asked_for() -> None:
    message = "A table outside for 5 people"
    assert slot_rows([row(message, '{"people": 5, "area": "outside"}')], SCHEMA) == [
        ReadingRow(question="How many people?", passage=message, span=(20, 21)),
        ReadingRow(question="What is the date?", passage=message, span=None),
    ]


def test_a_value_may_stand_in_the_evidence() -> None:
    made = slot_rows([row("A table on my day", '{"people": null, "date": "May 3"}', "Booked: may  3")], SCHEMA)
    assert made[1] == ReadingRow(question="What is the date?", passage="Booked: may  3", span=(8, 14))


def test_a_value_that_stands_nowhere_and_answers_that_are_no_object_teach_nothing() -> None:
    rows = [row("A table for two", '{"people": 2, "date": "tomorrow"}'), row("x", "no JSON"), row("x", "[1]")]
    assert slot_rows(rows, SCHEMA) == []
