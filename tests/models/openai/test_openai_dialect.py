"""What a server refuses is left out, one thing after the other, and never asked for again and again."""

from __future__ import annotations

from typing import Any

import pytest

from groundtune.models.openai.dialect import Dialect, Structured, Wish
from groundtune.records import Message

ASKED = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="How wide?"),
    Message(role="assistant", content="12"),
    Message(role="user", content="Why?"),
]
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"b": {"type": "string"}},
}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}


def wish(structured: Structured = "auto") -> Wish:
    return Wish(model="m", temperature=0.5, max_output_tokens=64, structured=structured)


def forms(structured: Structured, schema: dict[str, Any]) -> list[str]:
    """How JSON is asked for, each time after a refusal."""
    dialect: Dialect | None = Dialect.first(wish(structured), openai=False)
    found = []
    while dialect is not None:
        form = dialect.request(wish(structured), ASKED, schema).get("response_format", {})
        strict = form.get("json_schema", {}).get("strict")
        found.append(f"{form.get('type')} {strict}" if strict is not None else str(form.get("type")))
        dialect = dialect.without("Bad Request", wish(structured), schema)
    return found


@pytest.mark.parametrize(
    ("structured", "schema", "expected"),
    [
        ("auto", CLOSED, ["json_schema True", "json_schema False", "json_object", "None"]),
        ("auto", OPEN, ["json_schema False", "json_object", "None"]),
        ("schema", CLOSED, ["json_schema True", "json_schema False"]),
        ("schema", OPEN, ["json_schema False"]),
        ("json", CLOSED, ["json_object"]),
        ("prompt", CLOSED, ["None"]),
    ],
)
def test_json_is_asked_for_as_strictly_as_the_server_takes_it(
    structured: Structured, schema: dict[str, Any], expected: list[str]
) -> None:
    assert forms(structured, schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {**CLOSED, "required": []},
        {**CLOSED, "properties": {"a": OPEN}},
        {**CLOSED, "properties": {"a": {"anyOf": [OPEN, {"type": "null"}]}}},
        {**CLOSED, "$defs": {"b": OPEN}},
        {**CLOSED, "allOf": [CLOSED]},
    ],
)
def test_a_schema_that_is_open_somewhere_is_not_called_strict(schema: dict[str, Any]) -> None:
    assert forms("schema", schema) == ["json_schema False"]


@pytest.mark.parametrize(
    ("refusal", "changed"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
            {"limit": "max_completion_tokens"},
        ),
        (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported.",
            {"temperature": False},
        ),
        ("Unexpected fields in the request: {'stream_options'}", {"stream_options": False}),
        ("System role not supported", {"system_turn": False}),
    ],
)
def test_what_the_refusal_names_is_left_out(refusal: str, changed: dict[str, Any]) -> None:
    first = Dialect.first(wish(), openai=False)
    other = first.without(refusal, wish(), None)
    assert other is not None
    request = other.request(wish(), ASKED, stream=True)
    assert ("max_completion_tokens" in request) == ("limit" in changed)
    assert ("temperature" not in request) == ("temperature" in changed)
    assert ("stream_options" not in request) == ("stream_options" in changed)
    roles = [turn["role"] for turn in request["messages"]]
    assert (
        roles == ["user", "assistant", "user"] if "system_turn" in changed else ["system", "user", "assistant", "user"]
    )
    if "system_turn" in changed:
        assert request["messages"][0]["content"] == "Be brief.\n\nHow wide?"


def test_a_temperature_out_of_range_is_the_users_fault() -> None:
    first = Dialect.first(wish(), openai=True)
    assert first.without("temperature: Input should be less than or equal to 1", wish(), None) is None
