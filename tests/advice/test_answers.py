from __future__ import annotations

import tomllib
from pathlib import Path
from typing import get_args

import pytest

from groundtune.advice.answers import Answers, parse_answers, read_answers
from groundtune.advice.questions import QUESTIONS, is_moot
from groundtune.errors import AnswersError, ProjectError

WRONG = """\
task = "cook"
colour = "red"
knowledge_needed = "none"
citations_required = true
labelled_examples = -1
behaviour = ["format", "charm"]
latency_p95_ms = inf
prompt_baseline = 1.2
regulated = "yes"
corpus_documents = 2.5
queries_per_month = 1_000_000_000_001
"""


def test_all_faults_are_named_at_once_with_line_and_allowed_values() -> None:
    with pytest.raises(AnswersError) as caught:
        parse_answers(WRONG, "a.toml")
    assert [fault.line for fault in caught.value.faults] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    message = str(caught.value)
    assert message.startswith("a.toml: 10 faults")
    assert "'code', 'chat' or 'summarise'" in message
    assert "allowed here: task, " in message
    assert 'set citations_required = false, or knowledge_needed to "general"' in message
    assert "'jargon', 'labels' or 'distil'" in message
    assert "less than or equal to 1" in message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('knowledge_needed = "none"\ncitations_required = true', 2),
        ('knowledge_changes = "daily"\nknowledge_needed = "none"', 2),
        ('labelled_examples = 0\nlabel_quality = "good"', 2),
        ('format_strictness = "none"\nbehaviour = ["tone", "format"]', 2),
    ],
)
def test_contradictions_name_both_answers_and_the_way_out(text: str, line: int) -> None:
    with pytest.raises(AnswersError) as caught:
        parse_answers(text)
    (fault,) = caught.value.faults
    assert fault.line == line
    assert all(row.partition(" =")[0] in fault.reason for row in text.splitlines())
    assert "set " in fault.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        'knowledge_needed = "none"\nknowledge_changes = "never"\ncitations_required = false',
        'labelled_examples = 0\nlabel_quality = "unknown"',
        'behaviour = []\nformat_strictness = "guaranteed"',
        "budget_month_usd = 0",
    ],
)
def test_unusual_answers_that_can_be_true_are_taken(text: str) -> None:
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in tomllib.loads(text).items()}
    assert parse_answers(text).known() == given


def test_skipping_is_not_answering_no() -> None:
    assert parse_answers("").known() == {}
    assert parse_answers("behaviour = []\noffline = false").known() == {"behaviour": (), "offline": False}


def test_broken_toml_names_its_line() -> None:
    with pytest.raises(AnswersError) as caught:
        parse_answers('task = "answer"\noffline = maybe\n')
    assert [fault.line for fault in caught.value.faults] == [2]


def test_a_missing_file_says_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match='for example: task = "answer"'):
        read_answers(tmp_path / "none.toml")


def test_at_most_twenty_questions_ask_for_every_key_once() -> None:
    assert len(QUESTIONS) <= 20
    asked = [part.key for question in QUESTIONS for part in question.parts]
    assert sorted(asked) == sorted(Answers.model_fields)
    assert all(question.asks.endswith("?") and question.why.endswith(".") for question in QUESTIONS)


def test_the_choices_of_a_question_are_those_of_its_key() -> None:
    for question in QUESTIONS:
        for part in question.parts:
            kind = get_args(Answers.model_fields[part.key].annotation)[0]
            allowed = get_args(get_args(kind)[0]) if part.several else get_args(kind)
            assert tuple(part.choices) == (allowed if part.choices else ()), part.key


def test_a_question_that_an_answer_made_pointless_is_left_out() -> None:
    moot = {q.parts[0].key for q in QUESTIONS if is_moot(q, {"knowledge_needed": "none", "labelled_examples": 0})}
    assert moot == {"knowledge_changes", "corpus_documents", "citations_required", "label_quality"}
    assert not any(is_moot(question, {}) for question in QUESTIONS)
