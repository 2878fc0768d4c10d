from __future__ import annotations

import json
from typing import Any

import pytest

from groundtune.errors import Fault
from groundtune.records import Example, Message
from groundtune.training.gate import Against
from groundtune.training.gate.form import form
from groundtune.training.gate.material import Material

from .conftest import found, material, named

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}


def test_rows_that_cannot_be_read_are_named_with_every_reason_and_refused_unless_skipped() -> None:
    faults = [Fault(3, "no turn is the user's"), Fault(3, "no id"), Fault(9, "not valid JSON")]
    (finding,) = found(form, material("a", against=Against(faults=faults)))
    assert (finding.severity, finding.fix) == ("refuse", "leave_out")
    assert [(row.line, row.detail) for row in finding.rows] == [
        (3, "no turn is the user's; no id"),
        (9, "not valid JSON"),
    ]
    (finding,) = found(form, material("a", against=Against(faults=faults, skip_faults=True)))
    assert finding.severity == "note"


def test_labels_outside_the_closed_set_are_refused() -> None:
    given = material(("q", "open"), ("r", "Open"), ("s", "shut"), task="classify", against=Against(labels=("open",)))
    (finding,) = found(form, given)
    assert (finding.kind, finding.severity, named(finding)) == ("labels", "refuse", ["e1", "e2"])
    assert "'Open'" in finding.rows[0].detail


def test_one_label_in_two_spellings_is_named_at_the_rarer_one() -> None:
    (finding,) = found(form, material(("q", "open"), ("r", "open"), ("s", " Open"), task="classify"))
    assert (finding.severity, named(finding)) == ("warn", ["e2"])


@pytest.mark.parametrize(
    ("reply", "reason"),
    [("{", "not JSON"), ('{"people": "two"}', "people: breaks the schema's 'type'"), ("{}", "'required'")],
)
def test_replies_that_break_the_schema_are_refused_without_repeating_what_they_say(reply: str, reason: str) -> None:
    given = material(("q", '{"people": 2}'), ("r", reply), task="extract", against=Against(schema=SCHEMA))
    (finding,) = found(form, given)
    assert (finding.severity, named(finding)) == ("refuse", ["e1"])
    assert reason in finding.rows[0].detail
    assert "two" not in finding.rows[0].detail


def test_without_a_schema_a_reply_to_extract_is_any_json_object() -> None:
    (finding,) = found(form, material(("q", "{}"), ("r", "[]"), ("s", "two people"), task="extract"))
    assert named(finding) == ["e1", "e2"]
    assert found(form, material(("q", "prose"), task="answer")) == []


def test_a_schema_that_is_wrong_itself_is_said_once() -> None:
    given = material(("q", "{}"), ("r", "{}"), task="extract", against=Against(schema={"type": "objekt"}))
    (finding,) = found(form, given)
    assert (finding.severity, finding.rows) == ("refuse", ())
    assert "itself" in finding.message


@pytest.mark.parametrize(
    ("roles", "odd"),
    [
        ("user assistant", None),
        ("system user assistant user assistant", None),
        ("user user assistant", "two turns of the user"),
        ("user system assistant", "turn 2 is the system's"),
        ("assistant user assistant", "the assistant speaks first"),
    ],
)
def test_turns_that_chat_templates_refuse_are_named(roles: str, odd: str | None) -> None:
    turns: list[dict[str, str]] = [{"role": role, "content": "text"} for role in roles.split()]
    messages = tuple(Message(**turn) for turn in json.loads(json.dumps(turns)))
    findings = list(form(Material([Example(id="e", messages=messages)], "answer", Against())))
    assert [row.detail for finding in findings for row in finding.rows if odd and odd in row.detail] == [
        finding.rows[0].detail for finding in findings
    ]
    assert bool(findings) is bool(odd)
