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


def test_without_any_answer_the_order_is_that_of_trying() -> None:
    assert weigh({}, RULES).scores == {"prompt": 1, "rag": 0, "tuned": -1, "tuned_rag": -2}


FINER: list[tuple[SystemId, dict[str, Any], dict[str, Any]]] = [
    ("rag", {"knowledge_needed": "domain", "knowledge_changes": "never"}, {"knowledge_needed": "domain"}),
    ("rag", {"knowledge_needed": "domain"}, {}),
    ("rag", {}, {"knowledge_needed": "general"}),
    ("rag", {"knowledge_needed": "general"}, {"knowledge_needed": "none"}),
    ("rag", {"knowledge_changes": "monthly"}, {"knowledge_changes": "yearly"}),
    ("rag", {"corpus_documents": 1}, {"corpus_documents": 0}),
    ("rag", {"corpus_documents": 1000}, {"corpus_documents": 999}),
    ("rag", {"corpus_documents": 100_000}, {"corpus_documents": 99_999}),
    ("tuned", {"labelled_examples": 500}, {"labelled_examples": 499}),
    ("tuned", {"labelled_examples": 1000}, {"labelled_examples": 999}),
    ("tuned", {"labelled_examples": 5000}, {"labelled_examples": 4999}),
    ("tuned", {"labelled_examples": 600, "label_quality": "good"}, {"labelled_examples": 600}),
    ("tuned", {"format_strictness": "preferred"}, {"format_strictness": "none"}),
    ("tuned", {"task": "code", "behaviour": ["reasoning"]}, {"task": "write", "behaviour": ["reasoning"]}),
    ("tuned", {"task": "summarise", "behaviour": ["format"]}, {"task": "write", "behaviour": ["format"]}),
    ("tuned", {"time_to_launch_weeks": 4}, {"time_to_launch_weeks": 3}),
    ("tuned", {"base_model_changes_per_year": 3}, {"base_model_changes_per_year": 4}),
    (
        "tuned",
        {"budget_month_usd": 500, "knowledge_changes": "monthly"},
        {"budget_month_usd": 499, "knowledge_changes": "monthly"},
    ),
    ("tuned_rag", {"behaviour": ["tone"], "knowledge_needed": "domain"}, {"behaviour": ["tone"]}),
    ("prompt", {"prompt_baseline": 0.95}, {"prompt_baseline": 0.94}),
]


@pytest.mark.parametrize(("system", "more", "less"), FINER)
def test_each_threshold_moves_its_system(system: SystemId, more: dict[str, Any], less: dict[str, Any]) -> None:
    assert weigh(known(more), RULES).scores[system] > weigh(known(less), RULES).scores[system]


def test_knowing_and_behaving_together_count_for_more_than_apart() -> None:
    both = weigh(known({"behaviour": ["tone"], "knowledge_needed": "domain"}), RULES).scores
    apart = weigh({}, RULES).scores
    gain = (both["rag"] - apart["rag"]) + (both["tuned"] - apart["tuned"])
    assert both["tuned_rag"] - apart["tuned_rag"] > gain
