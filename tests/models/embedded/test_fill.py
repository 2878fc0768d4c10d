from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from groundtune.errors import CannotDo
from groundtune.models.embedded.choose import Choice
from groundtune.models.embedded.fill import fill
from groundtune.models.embedded.slots import slots_of
from groundtune.records import Demonstration, Passage, Prompt, Quote


@dataclass(frozen=True)
class Span:
    passage: int
    start: int
    end: int
    text: str
    not_here: float


class Reader:
    """Finds, for each question, the text that it was told to find."""

    def __init__(self, answers: Mapping[str, str], not_here: float = 0.1) -> None:
        self.answers = answers
        self.not_here = not_here

    def read(self, question: str, passages: Sequence[str]) -> Span | None:
        wanted = next((text for name, text in self.answers.items() if name in question), None)
        if wanted is None:
            return Span(0, 0, 0, "", 0.95)
        number = next(i for i, text in enumerate(passages) if wanted in text)
        start = passages[number].index(wanted)
        return Span(number, start, start + len(wanted), wanted, self.not_here)


class Chooser:
    """Chooses the last label, and remembers what it was shown."""

    def __init__(self, probability: float = 0.8) -> None:
        self.probability = probability
        self.examples: Sequence[Demonstration] = ()

    def choose(
        self,
        question: str,
        labels: Sequence[str],
        examples: Sequence[Demonstration] = (),
        passages: Sequence[Passage] = (),
    ) -> Choice:
        self.examples = examples
        return Choice(labels[-1], self.probability, ())


def prompt(
    properties: Mapping[str, Any], required: Sequence[str] = (), question: str = "A table for 5 people"
) -> Prompt:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    text = "Open from 9 to 17."
    passage = Passage(id="p", document="d", source="", title="", headings=(), start=0, end=len(text), text=text)
    return Prompt(task="extract", instruction="", question=question, schema=schema, passages=(passage,))


def test_every_kind_of_slot_is_filled() -> None:
    properties = {
        "people": {"type": "integer", "description": "How many people?"},
        "opens": {"type": "number"},
        "guest": {"type": "string"},
        "area": {"enum": ["inside", "outside"]},
        "dog": {"type": "boolean"},
        "kind": {"const": "table"},
        "note": {"type": ["string", "null"]},
    }
    asked = prompt(properties, ["area", "note"])
    filled = fill(asked, Reader({"How many people?": "5 people", "opens": "9", "guest": "people"}), Chooser())
    assert json.loads(filled.text) == {
        "people": 5, "opens": 9, "guest": "people", "area": "outside", "dog": False, "kind": "table", "note": None,
    }  # fmt: skip
    assert filled.quotes == (Quote(passage=0, start=10, end=11),)
    assert filled.missing is None
    assert filled.confidence == pytest.approx(0.8)


class Surest(Reader):
    """Finds the same span for every question, and is surer the shorter the question."""

    def read(self, question: str, passages: Sequence[str]) -> Span | None:
        return Span(0, 12, 13, "5", len(question) / 100)


def test_one_span_fills_the_slot_that_is_surest_of_it() -> None:
    slots = {"time": {"type": "string"}, "people": {"type": "string"}}
    assert json.loads(fill(prompt(slots), Surest({}), Chooser()).text) == {"time": "5"}
    assert json.loads(fill(prompt(slots, ["people"]), Surest({}), Chooser()).text) == {"time": "5", "people": "5"}


def test_a_required_slot_without_a_value_is_named() -> None:
    filled = fill(prompt({"guest": {"type": "string"}}, ["guest"]), Reader({}), Chooser())
    assert (filled.missing, filled.text) == ("guest", "")


def test_a_value_that_breaks_a_rule_is_left_out() -> None:
    rules = {"guest": {"type": "string", "pattern": "^[A-Z]"}, "people": {"type": "integer", "maximum": 4}}
    filled = fill(prompt(rules), Reader({"guest": "people", "people": "5"}), Chooser())
    assert filled.text == "{}"


def test_an_unsure_choice_is_left_out_unless_required() -> None:
    area = {"area": {"enum": ["inside", "outside"]}}
    assert fill(prompt(area), Reader({}), Chooser(0.4)).text == "{}"
    assert json.loads(fill(prompt(area, ["area"]), Reader({}), Chooser(0.4)).text) == {"area": "outside"}


def test_solved_objects_teach_the_choice() -> None:
    chooser = Chooser()
    example = Demonstration(question="On the terrace", answer='{"area": "outside"}')
    broken = Demonstration(question="x", answer="no JSON")
    asked = prompt({"area": {"enum": ["inside", "outside"]}})
    fill(
        Prompt(task="extract", instruction="", question="q", schema=asked.schema, examples=(example, broken)),
        Reader({}),
        chooser,
    )
    assert chooser.examples == [Demonstration(question="On the terrace", answer="area: outside")]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("for two", "integer", 2),
        ("1,200.50", "number", 1200.5),
        ("2.5", "integer", None),
        ("-3", "number", -3),
        ("some", "number", None),
    ],
)
def test_numbers_are_read_from_words_and_digits(text: str, kind: str, value: float | None) -> None:
    filled = fill(prompt({"n": {"type": kind}}, question=text), Reader({"the n": text}), Chooser())
    assert json.loads(filled.text) == ({} if value is None else {"n": value})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"properties": {"a": {"type": "object", "properties": {}}}},
        {"properties": {"a": {"$ref": "https://example.org/x.json"}}},
        {"properties": {"a": {"type": ["string", "number"]}}},
    ],
)
def test_deep_schemas_are_refused_with_a_way_out(schema: dict[str, Any]) -> None:
    with pytest.raises(CannotDo, match="transformers"):
        slots_of(schema)


def test_extracting_without_a_schema_is_refused() -> None:
    with pytest.raises(CannotDo, match=r"\[project\] schema"):
        fill(Prompt(task="extract", instruction="", question="q"), Reader({}), Chooser())


SLOTS = st.sampled_from(
    [
        {"type": "string", "maxLength": 3},
        {"type": ["integer", "null"]},
        {"type": "number", "minimum": 6},
        {"type": "boolean"},
        {"enum": ["a", 1, None]},
    ]
)


@given(
    properties=st.dictionaries(st.sampled_from("abcd"), SLOTS),
    found=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["5", "people", "A table for 5"])),
    required=st.sets(st.sampled_from("abcd")),
    certainty=st.sampled_from([0.2, 0.9]),
)
def test_a_reply_satisfies_the_schema_or_names_a_slot(
    properties: dict[str, Any], found: dict[str, str], required: set[str], certainty: float
) -> None:
    asked = prompt(properties, sorted(required & properties.keys()))
    answers = {f"the {name}?": text for name, text in found.items()}
    filled = fill(asked, Reader(answers, 1 - certainty), Chooser(certainty))
    if filled.missing is None:
        Draft202012Validator(dict(asked.schema or {})).validate(json.loads(filled.text))
        assert 0 <= filled.confidence <= 1
    else:
        assert filled.missing in properties
