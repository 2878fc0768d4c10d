"""Access groups, metadata and versions from the settings to the command line, with the embedded models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from groundtune.cli import run

SECRET = "# Salaries\n\nThe salary of the director is 90,000 euros.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "hr").mkdir(parents=True)
    (tmp_path / "docs" / "hr" / "salaries.md").write_text(SECRET, encoding="utf-8")
    opening = "---\nyear: 2025\n---\n# Opening\n\nThe office of the director opens at eight.\n"
    (tmp_path / "docs" / "opening.md").write_text(opening, encoding="utf-8")
    settings = (
        '[project]\nname = "desk"\ninstruction = "Answer from the documents."\n[knowledge]\nsources = ["docs/"]\n'
    )
    (tmp_path / "groundtune.toml").write_text(f'{settings}groups = {{"docs/hr/**" = ["hr"]}}\n', encoding="utf-8")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], project: Path, *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--project", str(project), "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_groups_and_metadata_from_the_settings_to_an_answer(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synced = said(capsys, project, "sync")
    assert (synced["added"], synced["failed"]) == (2, [])

    def sources(*arguments: str) -> set[str]:
        found = said(capsys, project, "search", "What is the salary of the director?", *arguments)
        return {hit["source"] for hit in found["hits"]}

    assert sources() == {"docs/opening.md"}
    assert sources("--group", "sales") == {"docs/opening.md"}
    assert sources("--group", "sales", "--group", "hr") == {"docs/opening.md", "docs/hr/salaries.md"}
    assert sources("--group", "hr", "--where", "year=2025") == {"docs/opening.md"}
    question = ("ask", "What is the salary of the director?", "--system", "rag")
    assert "90,000" not in json.dumps(said(capsys, project, *question))
    answer = said(capsys, project, *question, "--group", "hr")
    assert "90,000" in answer["text"]
    assert answer["knowledge"] == synced["version"]


def test_a_version_is_searched_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = said(capsys, project, "sync")["version"]
    (project / "docs" / "opening.md").write_text("# Opening\n\nThe office opens at noon.\n", encoding="utf-8")
    second = said(capsys, project, "sync")["version"]
    now = said(capsys, project, "search", "When does the office open?")
    then = said(capsys, project, "search", "When does the office open?", "--at", first)
    assert (now["knowledge"], then["knowledge"]) == (second, first)
    assert "noon" in now["hits"][0]["text"]
    assert "eight" in then["hits"][0]["text"]
    assert run(["search", "office", "--at", "nonsense", "--project", str(project)]) == 2
    assert f"kept are: {second}, {first}" in capsys.readouterr().err


def test_a_rule_that_protects_nothing_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = project / "groundtune.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("docs/hr/**", "doc/hr/**"), encoding="utf-8")
    failed = said(capsys, project, "sync")["failed"]
    assert [(failure["source"], "protects nothing" in failure["reason"]) for failure in failed] == [("doc/hr/**", True)]
    settings.write_text(text, encoding="utf-8")
    assert said(capsys, project, "sync")["changed"] == 1, "a rule that is put right reaches files that did not change"


def test_metadata_is_asked_for_by_key_and_value(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "office", "--where", "2025", "--project", str(project)]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err
