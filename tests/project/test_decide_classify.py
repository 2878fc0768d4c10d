"""The whole job on a small classification project: real text, real tuning, every layer."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from groundtune.cli import run
from groundtune.errors import Busy, GateClosed
from groundtune.project import Decision, Project
from groundtune.records import SYSTEM_IDS

Cut = Callable[..., Path]
KINDS = {"choose", "equivalent", "leaning", "inconclusive", "none_feasible"}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, cut: Cut) -> tuple[Path, Decision]:
    folder = cut(tmp_path_factory.mktemp("decided"), "help-desk", examples=60, queries=40)
    return folder, Project.open(folder).decide()


def test_the_four_systems_are_measured_on_the_same_queries(decided: tuple[Path, Decision]) -> None:
    _, decision = decided
    systems = decision.result.systems
    assert tuple(systems) == SYSTEM_IDS
    assert len({system.n for system in systems.values()}) == 1
    for row in decision.result.rows:
        assert {a.system for a in row.answers.values()} == set(SYSTEM_IDS)
        assert all(a.text for a in row.answers.values())
    assert systems["rag"].score is not None
    assert systems["rag"].score > 2 * decision.result.baseline.score


def test_the_json_has_the_fields_of_the_design(decided: tuple[Path, Decision]) -> None:
    _, decision = decided
    made = json.loads(json.dumps(decision.to_json()))
    assert set(made) >= {"run", "systems", "effects", "verdict"}
    for system in made["systems"].values():
        wanted = {"score", "interval", "n", "wrong_rate", "abstain_rate", "cost_per_query_usd", "latency_ms"}
        assert set(system) >= wanted | {"seconds_to_build"}
        assert set(system["latency_ms"]) == {"p50", "p95"}
    assert set(made["effects"]) == {"retrieval", "tuning", "interaction"}
    assert set(made["verdict"]) >= {"kind", "system", "because", "runner_up", "queries_needed", "flips_if"}
    assert made["verdict"]["kind"] in KINDS


def test_a_repeated_decision_is_the_same_and_asks_no_system(
    decided: tuple[Path, Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = decided
    monkeypatch.setattr("groundtune.systems.system.System.answer", lambda *_: pytest.fail("asked again"))
    after = Project.open(folder).decide()
    assert after.to_json() == before.to_json()


def test_other_constraints_weigh_the_same_measurement_anew(decided: tuple[Path, Decision]) -> None:
    folder, before = decided
    settings = folder / "groundtune.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text + "\n[constraints]\nlatency_p95_ms = 0.001\n", encoding="utf-8")
    try:
        after = Project.open(folder).decide()
    finally:
        settings.write_text(text, encoding="utf-8")
    assert after.result.run == before.result.run
    assert after.verdict.kind == "none_feasible"
    assert "latency_p95_ms" in " ".join(after.verdict.flips_if)


def test_what_is_served_is_what_was_measured(decided: tuple[Path, Decision]) -> None:
    folder, decision = decided
    answerer = Project.open(folder).answerer()
    assert tuple(answerer.systems()) == SYSTEM_IDS
    for row in decision.result.rows[:5]:
        for system in SYSTEM_IDS:
            served = answerer.ask(row.query.question, system)
            assert (served.text, served.reason) == (row.answers[system].text, row.answers[system].reason)


def test_the_report_is_one_file_that_needs_no_network(decided: tuple[Path, Decision]) -> None:
    folder, decision = decided
    report = Project.open(folder).report()
    assert report == decision.report
    page = report.read_text(encoding="utf-8")
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())
    assert " ".join(decision.verdict.sentence.split()) in words
    assert all(" ".join(row.query.question.split()) in words for row in decision.result.rows)
    assert not re.search(r"""(?:src|href)=["']https?:|@import|url\(["']?https?:""", page)
    assert folder in report.parents


def test_the_command_prints_the_verdict_and_lists_the_run(
    decided: tuple[Path, Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, decision = decided
    assert run(["decide", "--project", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert all(system in shown for system in SYSTEM_IDS)
    assert " ".join(decision.verdict.sentence.split()) in " ".join(shown.split())
    assert run(["runs", "--project", str(folder), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["runs"]
    assert [row["run"] for row in listed] == [decision.result.run]


def test_the_tuned_model_is_registered_with_how_it_was_made(decided: tuple[Path, Decision]) -> None:
    folder, _ = decided
    (model,) = Project.open(folder).models()
    assert model["used_as"] == "generator"
    assert model["kind"] == "chooser"
    assert model["examples"] == 60
    assert re.fullmatch(r"chooser-[0-9a-f]{12}", model["model"])
    assert re.fullmatch(r"[0-9a-f]{64}", model["data"])


def test_two_runs_at_once_are_refused(decided: tuple[Path, Decision]) -> None:
    folder, _ = decided
    with FileLock(str(folder / ".groundtune" / "run.lock")), pytest.raises(Busy, match="at work"):
        Project.open(folder).decide()


def test_queries_among_the_examples_are_refused(cut: Cut, tmp_path: Path) -> None:
    folder = cut(tmp_path, "help-desk", examples=60, queries=40)
    query = json.loads((folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()[0])
    turns = [{"role": "user", "content": query["question"].upper()}, {"role": "assistant", "content": "age_limit"}]
    with (folder / "examples.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"messages": turns}) + "\n")
    with pytest.raises(GateClosed, match="the same question"):
        Project.open(folder).decide()


def test_too_few_examples_leave_nothing_behind_but_the_reason(cut: Cut, tmp_path: Path) -> None:
    folder = cut(tmp_path, "help-desk", examples=20, queries=40)
    with pytest.raises(GateClosed, match="30 are missing"):
        Project.open(folder).tune()
    assert Project.open(folder).models() == []
