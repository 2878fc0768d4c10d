"""Whatever the weights would rather say, the reply satisfies its schema or is one of its labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from groundtune.errors import MissingExtra
from groundtune.models.transformers import TransformersChat
from groundtune.testing.tiny import LESSONS, asked

SLOTS = {
    "type": "object",
    "properties": {
        name: {"type": "string", "maxLength": 12} for name in ("date", "first_name", "last_name", "people", "time")
    },
    "additionalProperties": False,
}
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
LABELS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
FINITE = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": ["integer", "null"], "minimum": 0, "maximum": 99}),
    st.integers(1, 8).map(lambda n: {"type": "string", "maxLength": n}),
    st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4, unique=True).map(lambda texts: {"enum": texts}),
    st.just({"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}),
)
NESTED = st.recursive(
    FINITE,
    lambda inner: st.one_of(
        st.builds(lambda item: {"type": "array", "items": item, "maxItems": 2}, inner),
        st.builds(
            lambda parts, more: {
                "type": "object",
                "properties": parts,
                "required": sorted(parts)[: more + 1],
                "additionalProperties": False,
            },
            st.dictionaries(
                st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), inner, min_size=1, max_size=3
            ),
            st.integers(0, 2),
        ),
    ),
    max_leaves=4,
)
"""JSON Schemas whose values all fit a reply."""


@pytest.fixture(scope="module", params=[0.0, 2.0])
def noise(request: pytest.FixtureRequest, untaught: Path) -> TransformersChat:
    """Writes noise, the likeliest or drawn."""
    pytest.importorskip("llguidance")
    return TransformersChat.load(
        str(untaught), dtype="float32", temperature=request.param, max_output_tokens=900, batch_tokens=10**6
    )


@settings(max_examples=25)
@given(schema=NESTED)
def test_noise_satisfies_any_schema(noise: TransformersChat, schema: dict[str, Any]) -> None:
    completion = noise.complete(asked("x"), schema=schema)
    assert completion.finished == "stop"
    Draft202012Validator(schema).validate(json.loads(completion.text))


@settings(max_examples=25)
@given(choices=st.lists(LABELS, min_size=1, max_size=6, unique=True))
def test_noise_is_one_of_the_choices(noise: TransformersChat, choices: list[str]) -> None:
    completion = noise.complete(asked("x"), choices=choices)
    assert completion.text in choices


def test_choices_with_characters_that_mean_something_elsewhere(noise: TransformersChat) -> None:
    for choice in ('say "no"', "a|b", "/re/", "line\nbreak", "back\\slash", "%ignore", "start: x"):
        assert noise.complete(asked("x"), choices=[choice]).text == choice


def test_what_was_taught_is_not_bent_by_its_schema(taught: Path) -> None:
    chat = TransformersChat.load(str(taught), dtype="float32")
    for question, answer in LESSONS.items():
        assert chat.complete(asked(question), schema=SLOTS).text == answer


def test_all_choices_can_be_had(noise: TransformersChat) -> None:
    """A bias of the mask toward one label would show: each label alone decides by its own prefix."""
    labels = ["card lost", "card stolen", "pin blocked"]
    assert {noise.complete(asked("x"), choices=[label]).text for label in labels} == set(labels)


def test_a_keyword_that_cannot_be_followed_leaves_the_others_in_force(
    taught: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"enum": [1, 2]}},
        "required": ["a"],
        "additionalProperties": False,
        "not": {"required": ["b"]},
    }
    chat = TransformersChat.load(str(taught), dtype="float32")
    value = json.loads(chat.complete(asked("Please call me back."), schema=schema).text)
    Draft202012Validator(schema).validate(value)
    assert "not" in caplog.text


def test_a_schema_that_cannot_be_followed_at_all_still_gives_an_object(
    taught: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "a(?=b)"}}}
    chat = TransformersChat.load(str(taught), dtype="float32")
    assert json.loads(chat.complete(asked("Please call me back."), schema=schema).text) == {}
    assert "regex parse error" in caplog.text


def test_without_llguidance_the_extra_is_named(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = TransformersChat.load(str(taught), dtype="float32")
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(MissingExtra, match=r"groundtune\[transformers\]"):
        chat.complete(asked("x"), schema=SLOTS)
    with pytest.raises(MissingExtra, match=r"groundtune\[transformers\]"):
        chat.complete(asked("x"), choices=["a"])
    assert chat.complete(asked("Please call me back.")).text == "{}"
