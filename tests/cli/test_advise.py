from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from groundtune.advice.answers import Answers
from groundtune.advice.questions import QUESTIONS
from groundtune.cli import run

ANSWERS = """\
task = "answer"
knowledge_needed = "private"
knowledge_changes = "weekly"
corpus_documents = 10_000
citations_required = true
latency_p95_ms = 150
queries_per_month = 200_000
"""


class Terminal(io.StringIO):
    """Somebody who types these lines, then nothing."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS, encoding="utf-8")
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is no project."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_json_holds_the_fields_of_the_contract(
    answers: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, _ = out(capsys, "advise", "--answers", str(answers), "--json")
    found: dict[str, Any] = json.loads(shown)
    assert code == 0
    assert found["recommendation"] == "rag"
    assert set(found["scores"]) == {"prompt", "rag", "tuned", "tuned_rag"}
    assert all({"rule", "toward", "weight", "because", "source"} <= set(reason) for reason in found["reasons"])
    assert [conflict["conflict"] for conflict in found["conflicts"]] == ["retrieval-required-below-its-latency"]
    assert any("Stream" in way["does"] for way in found["conflicts"][0]["ways_out"])
    assert found["cost"]["systems"].keys() == found["scores"].keys()
    assert found["latency"]["limit_p95_ms"] == 150
    assert "50 representative queries" in found["next_step"]
    assert found["next_experiment"]["usd"][1] >= 150, "50 queries, six minutes each, at $30 an hour"
    assert list(elsewhere.iterdir()) == [], "outside of a project nothing is kept"


def test_a_person_reads_the_recommendation_the_reasons_and_the_next_step(
    answers: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, _ = out(capsys, "advise", "--answers", str(answers))
    assert code == 0
    for part in (
        "(rag)",
        "Rules out: prompt, tuned.",
        "For it:",
        "Against it:",
        "Conflict:",
        "Next: ",
        "It costs $150",
    ):
        assert part in shown, part
    assert "nobody retrains every week. [S0 S1 S2 S3 S4]" in shown


def test_nothing_qualifies_is_exit_code_3_with_the_ways_out(
    tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("citations_required = true\nlatency_p95_ms = 20\n", encoding="utf-8")
    code, shown, _ = out(capsys, "advise", "--answers", str(path), "--json")
    found = json.loads(shown)
    assert code == 3
    assert found["recommendation"] is None
    assert [way["recommendation"] for way in found["conflicts"][0]["ways_out"]] == ["rag", None, "rag"]
    assert out(capsys, "advise", "--answers", str(path))[1].strip().startswith("No system can do all that you require")


def test_an_empty_file_gives_a_forecast_that_says_how_open_it_is(
    tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("", encoding="utf-8")
    found = json.loads(out(capsys, "advise", "--answers", str(path), "--json")[1])
    assert found["firmness"] == "open"
    assert found["sentence"].startswith("Still open, with 22 questions skipped.")
    assert set(found["skipped"]) == set(Answers.model_fields)
    assert len([change for change in found["changes"] if change["skipped"]]) > 5


def test_wrong_answers_are_exit_code_2_without_a_traceback(
    tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text('task = "cook"\nlatency_p95_ms = -1\n', encoding="utf-8")
    code, shown, errors = out(capsys, "advise", "--answers", str(path))
    assert (code, shown) == (2, "")
    assert "2 faults" in errors
    assert "Traceback" not in errors


def test_without_a_terminal_the_file_is_named(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("answer\n"))
    code, _, errors = out(capsys, "advise")
    assert code == 2
    assert "--answers FILE.toml" in errors


def test_a_named_folder_has_to_be_a_project(answers: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = out(capsys, "advise", "--answers", str(answers), "--project", str(elsewhere))
    assert code == 2
    assert "groundtune init" in errors


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines) + "\n" * 60))


def test_the_questionnaire_asks_again_skips_and_branches(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "cook", "Classify", "none", "", "no", "", "tone, jargon", "", "2_000")
    code, shown, asked = out(capsys, "advise", "--json")
    assert code == 0
    found = json.loads(shown)
    assert found["answers"] == {
        "task": "classify",
        "knowledge_needed": "none",
        "regulated": False,
        "behaviour": ["tone", "jargon"],
        "labelled_examples": 2000,
    }
    assert "'cook' cannot be: allowed: answer, classify" in asked
    assert "How often does that knowledge change?" not in asked, "nothing is needed, so nothing can change"
    assert all(question.why in asked for question in QUESTIONS if question.parts[0].key not in MOOT)


MOOT = {"knowledge_changes", "corpus_documents", "citations_required"}


def test_a_typed_answer_against_another_is_asked_for_again_at_once(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, *[""] * 8, "format", "none", "preferred")
    code, shown, asked = out(capsys, "advise", "--json")
    assert code == 0
    assert 'Not beside behaviour = ["format"]: ' in asked
    assert json.loads(shown)["answers"] == {"behaviour": ["format"], "format_strictness": "preferred"}


def test_typed_answers_are_shown_as_a_file_that_gives_the_same_forecast(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "answer", "private", "weekly", "300", "", "yes", "", "high", "tone, jargon", "", "1_000")
    _, shown, asked = out(capsys, "advise", "--json")
    file = elsewhere / "mine.toml"
    file.write_text(asked.split("as a file for --answers:\n")[1], encoding="utf-8")
    again = out(capsys, "advise", "--answers", str(file), "--json")[1]
    assert json.loads(again) == json.loads(shown)
    assert len(json.loads(shown)["answers"]) == 8


def test_in_a_project_only_the_rest_is_asked(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out(capsys, "init", str(elsewhere))
    typed(monkeypatch, "private")
    code, shown, asked = out(capsys, "advise", "--json")
    found = json.loads(shown)
    assert code == 0
    assert 'task = "answer": [project] task' in asked
    assert "What shall the model do?" not in asked
    assert found["answers"]["knowledge_needed"] == "private"
    assert found["shown_by_project"].keys() == {"task", "corpus_documents", "labelled_examples"}


def test_the_page_is_written_where_it_is_wanted_and_over_nothing_else(
    answers: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Report: forecast.html" in out(capsys, "advise", "--answers", str(answers), "--report")[1]
    named = elsewhere / "mine.html"
    for _ in range(2):
        found = json.loads(out(capsys, "advise", "--answers", str(answers), "--report", str(named), "--json")[1])
        assert found["report"] == str(named)
    before = answers.read_bytes()
    code, _, errors = out(capsys, "advise", "--answers", str(answers), "--report", str(answers))
    assert code == 2
    assert "name another file" in errors
    assert answers.read_bytes() == before
