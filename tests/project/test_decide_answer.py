"""The whole job on a small question-answering project over documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from groundtune.cli import run
from groundtune.project import Decision, Project
from groundtune.records import SYSTEM_IDS

Cut = Callable[..., Path]
CAUSES = {"missing_knowledge", "retrieval_miss", "reading", "format", "wrong_abstention", "not_proven"}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, cut: Cut) -> tuple[Path, Decision]:
    folder = cut(tmp_path_factory.mktemp("decided"), "pep-facts", examples=50, queries=40)
    return folder, Project.open(folder).decide()


def test_retrieval_answers_what_a_prompt_cannot(decided: tuple[Path, Decision]) -> None:
    _, decision = decided
    scores = {name: system.score or 0.0 for name, system in decision.result.systems.items()}
    assert tuple(scores) == SYSTEM_IDS
    assert scores["tuned_rag"] > scores["tuned"]
    assert scores["tuned_rag"] > scores["rag"]


def test_citations_are_verbatim_in_their_documents(decided: tuple[Path, Decision]) -> None:
    folder, decision = decided
    answerer = Project.open(folder).answerer()
    cited = [c for row in decision.result.rows for a in row.answers.values() for c in a.citations]
    assert len(cited) > 10
    for citation in cited:
        document = answerer.document(citation.document)
        assert document is not None
        assert document.text[citation.start : citation.end] == citation.quote


def test_only_systems_with_retrieval_cite(decided: tuple[Path, Decision]) -> None:
    _, decision = decided
    for row in decision.result.rows:
        assert row.answers["prompt"].citations == ()
        assert row.answers["tuned"].citations == ()
        for system in ("rag", "tuned_rag"):
            answer = row.answers[system]
            assert answer.abstained or answer.citations


def test_every_failure_has_a_cause_and_the_remedies_have_points(decided: tuple[Path, Decision]) -> None:
    folder, decision = decided
    assert decision.diagnosis is not None
    made = decision.diagnosis.to_json()
    assert set(made) >= {"ladder", "causes", "queries", "remedies"}
    assert {failure["cause"] for failure in made["queries"]} <= CAUSES
    failed = {
        (row.query.id, name) for row in decision.result.rows for name, right in row.right.items() if right is False
    }
    assert {(failure["id"], failure["system"]) for failure in made["queries"]} == failed
    assert any(failure["proven"] for failure in made["queries"])
    assert [step["points"] for step in made["ladder"]]
    assert Project.open(folder).diagnose().to_json() == made


def test_asking_on_the_command_line_gives_a_citation_or_an_abstention(
    decided: tuple[Path, Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, decision = decided
    question = decision.result.rows[0].query.question
    assert run(["ask", question, "--system", "tuned_rag", "--project", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    wanted = {"text", "abstained", "reason", "citations", "system", "usage", "milliseconds"}
    assert set(answer) >= wanted
    assert answer["system"] == "tuned_rag"
    assert answer["abstained"] or set(answer["citations"][0]) >= {"source", "quote", "start", "end"}


def test_a_document_that_changes_is_seen_by_the_next_answer(decided: tuple[Path, Decision]) -> None:
    folder, _ = decided
    project = Project.open(folder)
    (folder / "docs" / "pep-9999.rst").write_text(
        "PEP: 9999\nTitle: Quokka literals\nAuthor: N. N.\nStatus: Draft\n\nAbstract\n========\n\nText.\n"
    )
    try:
        assert project.sync().added == 1
        hits = project.search('What is the status of PEP 9999 ("Quokka literals")?', 3).hits
        assert "pep-9999.rst" in {hit.passage.document for hit in hits}
    finally:
        (folder / "docs" / "pep-9999.rst").unlink()
    assert project.sync().removed == 1
    assert "pep-9999.rst" not in {h.passage.document for h in project.search("PEP 9999 Quokka literals", 3).hits}
