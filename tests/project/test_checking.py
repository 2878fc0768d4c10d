"""`check` on real samples: what it finds is true, its copy is clean, and the files stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from groundtune.cli import run
from groundtune.errors import WeightsError
from groundtune.project import Project
from groundtune.project.checking import check_project
from groundtune.project.workspace import Workspace

from .conftest import Cut, read_rows, write_rows


@pytest.fixture
def folder(cut: Cut, tmp_path: Path) -> Path:
    return cut(tmp_path, "help-desk", examples=72, queries=60)


def kinds(report: object) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = {}
    for finding in json.loads(json.dumps(report))["findings"]:
        found.setdefault(finding["kind"], []).extend(row["line"] for row in finding["rows"])
    return found


def asking(row: dict[str, Any], name: str, question: str) -> dict[str, Any]:
    return row | {"id": name, "messages": [{"role": "user", "content": question}, row["messages"][1]]}


def test_planted_faults_are_found_at_their_lines_and_left_out_or_masked(folder: Path) -> None:
    examples = folder / "examples.jsonl"
    rows = read_rows(examples)
    queries = read_rows(folder / "queries.jsonl")
    count = len(rows)
    planted = [
        rows[0] | {"id": "again"},
        asking(rows[1], "leak", queries[0]["question"].upper()),
        rows[2] | {"id": "conflict", "messages": [rows[2]["messages"][0], rows[-1]["messages"][1]]},
        asking(rows[3], "mail", "Mail bob@example.org about rates"),
    ]
    write_rows(examples, rows + planted)
    before = examples.read_bytes()
    report = Project.open(folder).check(fix=True)
    assert not report.passed
    found = kinds(report.to_json())
    assert found["duplicates"] == [count + 1]
    assert count + 2 in found["leakage"]
    assert {3, count + 3} <= set(found["conflicts"])
    assert found["personal_data"] == [count + 4]
    assert report.leaks
    assert queries[0]["id"] in report.leaks[0]
    assert examples.read_bytes() == before
    assert report.cleaned is not None
    kept = [row["id"] for row in read_rows(report.cleaned.path)]
    assert "mail" in kept
    assert not {"again", "leak", "conflict", rows[2]["id"]} & set(kept)
    assert "bob@example.org" not in report.cleaned.path.read_text("utf-8")
    assert "bob@example.org" not in json.dumps(report.to_json())


def test_the_cleaned_copy_takes_the_place_of_the_original_and_passes(folder: Path) -> None:
    rows = read_rows(folder / "examples.jsonl")
    queries = read_rows(folder / "queries.jsonl")
    leak = {"messages": [{"role": "user", "content": queries[0]["question"]}, rows[0]["messages"][1]]}
    write_rows(folder / "examples.jsonl", [*rows, leak])
    cleaned = Project.open(folder).check(fix=True).cleaned
    assert cleaned is not None
    settings = folder / "groundtune.toml"
    settings.write_text(f'{settings.read_text("utf-8")}\n[training]\nexamples = "{cleaned.path.name}"\n', "utf-8")
    report = Project.open(folder).check(fix=True)
    assert report.passed
    assert report.cleaned is None
    assert not any(finding.fix and finding.rows for finding in report.gate.findings)


def test_changed_files_are_examined_anew(folder: Path) -> None:
    project = Project.open(folder)
    assert "duplicates" not in kinds(project.check().to_json())
    rows = read_rows(folder / "examples.jsonl")
    write_rows(folder / "examples.jsonl", [*rows, rows[0] | {"id": "again"}])
    assert kinds(project.check().to_json())["duplicates"] == [len(rows) + 1]


def test_without_weights_the_rest_is_examined_and_the_gap_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise WeightsError("no weights here")

    monkeypatch.setattr("groundtune.models.embedded.weights.base_weights", missing)
    report = check_project(Workspace(folder), skip_bad=False)
    assert report.passed
    notes = [finding.message for finding in report.gate.findings if finding.kind == "not_examined"]
    assert any("no weights here" in note for note in notes)


def test_the_terminal_shows_the_first_rows_and_where_the_copy_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_rows(folder / "examples.jsonl")
    again = [row | {"id": f"again {number}"} for number, row in enumerate(rows[:6])]
    write_rows(folder / "examples.jsonl", [*rows, *again, {"messages": []}])
    assert run(["check", "--fix", "--project", str(folder)]) == 3
    shown = capsys.readouterr().out
    assert "Closed: 1 row cannot be used" in shown
    assert f"line {len(rows) + 1}: repeats line 1\n" in shown
    assert "… and 3 more (all of them: --json)" in shown
    assert str(folder / "examples.cleaned.jsonl") in shown
    assert shown.rstrip().endswith("then check again.")
    assert run(["check", "--skip-bad", "--project", str(folder)]) == 0
