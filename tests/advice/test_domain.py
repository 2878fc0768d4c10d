"""Every row, signal, threshold and warning of the reference articles is held by the rules, in both directions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from groundtune.advice.answers import Answers
from groundtune.advice.rules import Rule, load_rules
from groundtune.advice.weighing import weigh
from groundtune.records import SystemId

ROWS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "domain_rows.toml").read_text(encoding="utf-8"))[
    "row"
]
RULES = load_rules()
RAISED: dict[str, SystemId] = {"retrieval": "rag", "tuning": "tuned", "prompt": "prompt"}


def known(answers: Mapping[str, Any]) -> dict[str, Any]:
    return Answers.model_validate(answers).known()


def speaking(answers: Mapping[str, Any], row: Mapping[str, Any]) -> set[str]:
    """The rules that the answers bring to speak in the direction of the row, of one of its sources."""
    sign = -1 if row.get("away") else 1

    def fits(rule: Rule) -> bool:
        cited = not row["labels"] or bool(set(row["labels"]) & set(rule.source))
        return bool(rule.when) and rule.toward == row["toward"] and rule.weight * sign > 0 and cited

    return {rule.id for rule in weigh(known(answers), RULES).rules if fits(rule)}


def rows(kind: str) -> list[Any]:
    return [pytest.param(row, id=f"{row['text']} {number}") for number, row in enumerate(ROWS) if kind in row]


def test_each_row_is_of_one_kind() -> None:
    kinds = {"toward", "choice", "rule", "requirement", "figure", "note", "conflict"}
    assert len(ROWS) > 100
    assert [row["text"] for row in ROWS if len(kinds & row.keys()) != 1] == []


@pytest.mark.parametrize("row", rows("toward"))
def test_a_signal_moves_the_scores_its_way_and_its_opposite_does_not(row: dict[str, Any]) -> None:
    found = speaking(row["answers"], row)
    assert found, "no rule of these sources speaks"
    assert not found & speaking({**row["answers"], **row["opposite"]}, row), "it speaks whatever is answered"
    scores = weigh(known(row["answers"]), RULES).scores
    without = weigh({}, RULES).scores
    raised = RAISED[row["toward"]]
    move = scores[raised] - without[raised]
    assert move < 0 if row.get("away") else move > 0


@pytest.mark.parametrize("row", rows("choice"))
def test_a_situation_comes_out_as_the_tables_say_and_its_opposite_does_not(row: dict[str, Any]) -> None:
    assert weigh(known(row["answers"]), RULES).system == row["choice"]
    other = {**row["answers"], **row["opposite_choice"]}
    assert weigh(known(other), RULES).system != row["choice"]
    cited = {label for rule in weigh(known(row["answers"]), RULES).rules if rule.when for label in rule.source}
    assert cited & set(row["labels"])


@pytest.mark.parametrize(
    "row", [param for kind in ("rule", "requirement", "figure", "note", "conflict") for param in rows(kind)]
)
def test_what_is_no_signal_is_held_by_name_with_its_source(row: dict[str, Any]) -> None:
    kind = next(kind for kind in ("rule", "requirement", "figure", "note", "conflict") if kind in row)
    if kind == "figure":
        source: tuple[str, ...] = RULES.figures[row[kind]].source
    else:
        source = {record.id: record.source for record in getattr(RULES, kind)}[row[kind]]
    assert not row["labels"] or set(row["labels"]) & set(source) or source == ("S",)
    if kind == "rule":
        assert next(rule.when for rule in RULES.rule if rule.id == row[kind]) == {}, "it always holds"


def test_every_rule_has_a_known_source_a_sentence_and_a_question_behind_it() -> None:
    records = [*RULES.rule, *RULES.requirement, *RULES.conflict, *RULES.note]
    assert len({record.id for record in records}) == len(records)
    for record in records:
        assert set(record.source) <= RULES.sources.keys(), record.id
        assert record.because.endswith(".")
        assert record.because[0].isupper() or record.because[0].isdigit()
    for conditional in (*RULES.rule, *RULES.requirement, *RULES.conflict):
        assert conditional.when.keys() <= Answers.model_fields.keys() | {"needs_retrieval"}, conditional.id
    for conflict in RULES.conflict:
        for way in conflict.ways_out:
            Answers.model_validate(dict(way.set))


def test_no_rule_is_left_that_no_row_and_no_answer_brings_to_speak() -> None:
    spoken = {rule.id for row in ROWS if "answers" in row for rule in weigh(known(row["answers"]), RULES).rules}
    silent = {rule.id for rule in RULES.rule} - spoken
    assert silent == {
        "general-knowledge",
        "prompt-is-nearly-perfect",
        "preferred-format",
        "base-model-changes-often",
    }, "rules beyond the inventory"


def test_a_measured_latency_of_retrieval_replaces_the_published_one() -> None:
    answers = known({"latency_p95_ms": 50, "knowledge_changes": "weekly"})
    assert weigh(answers, RULES).system not in ("rag", "tuned_rag")
    assert weigh(answers, load_rules(retrieval_p95_ms=20)).system == "rag"
