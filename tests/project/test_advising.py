"""Advice inside a project: what it shows is filled in, a forecast is kept, and scored by what is measured after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from groundtune.advice import Answers
from groundtune.errors import AnswersError
from groundtune.experiment.results import ExperimentResult
from groundtune.project import Project
from groundtune.project.advising import ADVICE, advise_project, score_forecast, shown_by
from groundtune.project.workspace import Workspace
from groundtune.records import Answer
from groundtune.testing.scripted import result_of
from groundtune.verdict.records import Verdict

SETTINGS = """\
[project]
name = "desk"
task = "answer"
[economics]
team_usd_per_hour = 111
[constraints]
citations = true
knowledge_changes = "weekly"
queries_per_month = 3000
"""


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    (tmp_path / "groundtune.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    for n in range(3):
        (tmp_path / "docs" / f"page{n}.md").write_text(f"# Page {n}\n\nText.\n", encoding="utf-8")
    rows = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}]} for n in range(4)
    ]
    (tmp_path / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Workspace(tmp_path)


RAG = Verdict(kind="choose", system="rag", sentence="", because=())


def measured_run(project: Workspace, run: str = "r") -> ExperimentResult:
    result = result_of({s: lambda n, s=s: s.endswith("rag") for s in ("prompt", "rag", "tuned", "tuned_rag")}, 60)  # type: ignore[misc]
    project.ledger.start_run(run, kind="experiment", record={})
    project.ledger.finish_run(run, {**result.to_json(), "verdict": RAG.to_json()})
    return result


def test_what_the_project_shows_need_not_be_answered(project: Workspace) -> None:
    shown = {key: value for key, (value, _) in shown_by(project).items()}
    assert shown == {
        "task": "answer",
        "citations_required": True,
        "knowledge_changes": "weekly",
        "queries_per_month": 3000,
        "corpus_documents": 3,
        "labelled_examples": 4,
    }
    forecast = Project.open(project.folder).advise()
    assert forecast.recommendation == "rag"
    assert forecast.shown["labelled_examples"] == "examples.jsonl"
    assert forecast.cost.assumptions.likely("team_usd_per_hour") == 111, "the project's own costs are used"
    assert forecast.cost.assumptions.likely("queries_per_month") == 3000


def test_queries_that_are_labelled_already_cost_nothing_any_more(project: Workspace) -> None:
    def price() -> float | None:
        step = advise_project(Workspace(project.folder), Answers()).next_experiment
        assert step is not None
        return step.items["labelled queries"]

    assert price() == 150, "50 queries, six minutes each, at $30 an hour"
    rows = [{"id": f"q{n}", "question": f"what is {n}", "answers": ["a"]} for n in range(30)]
    path = project.folder / "queries.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert price() == 60
    path.write_text("no rows\n", encoding="utf-8")
    assert price() == 150


def test_an_answer_wins_over_what_the_project_shows(project: Workspace) -> None:
    forecast = advise_project(project, Answers(labelled_examples=9000))
    assert forecast.answers.labelled_examples == 9000
    assert "labelled_examples" not in forecast.shown


def test_an_answer_against_what_the_project_shows_is_named(project: Workspace) -> None:
    with pytest.raises(AnswersError) as caught:
        advise_project(project, Answers(knowledge_needed="none"))
    assert "what" in caught.value.path
    assert [fault.reason.split(":")[0] for fault in caught.value.faults] == [
        'knowledge_needed = "none" and citations_required = true',
        'knowledge_needed = "none" and knowledge_changes = "weekly"',
    ]


def test_what_a_project_shows_must_be_possible_too(project: Workspace) -> None:
    (project.folder / "groundtune.toml").write_text(f"{SETTINGS}latency_p95_ms = inf\n", encoding="utf-8")
    with pytest.raises(AnswersError, match=r"latency_p95_ms, from \[constraints\] latency_p95_ms: "):
        advise_project(Workspace(project.folder), Answers())


def test_a_project_that_holds_nothing_yet_can_be_advised(tmp_path: Path) -> None:
    (tmp_path / "groundtune.toml").write_text('[project]\nname = "new"\n', encoding="utf-8")
    assert Project.open(tmp_path).advise().answers.known() == {"task": "answer"}


def test_the_embedded_model_is_not_forecast_to_be_as_slow_as_a_hosted_one(project: Workspace) -> None:
    """docs/demo.md: product-docs took 7 ms without retrieval and 101 ms with it (95th percentiles)."""
    times = advise_project(project, Answers()).latency.systems
    for system, measured in (("prompt", 7), ("rag", 101), ("tuned", 6), ("tuned_rag", 96)):
        total = times[system].total
        assert total is not None
        assert measured / 3 <= total[1] <= measured * 3, (system, total)


def test_the_embedded_search_is_not_ruled_out_by_the_published_times(project: Workspace) -> None:
    assert advise_project(project, Answers(latency_p95_ms=60)).recommendation == "rag"
    assert advise_project(project, Answers(latency_p95_ms=20)).recommendation is None


def test_a_forecast_is_kept_once_with_its_answers(project: Workspace) -> None:
    advise_project(project, Answers())
    advise_project(project, Answers())
    advise_project(project, Answers(regulated=True))
    kept = project.ledger.runs(ADVICE)
    assert len(kept) == 2
    assert {"recommendation", "scores", "reasons", "cost", "latency"} <= set(kept[0].result or {})


def test_a_measurement_scores_the_forecast_that_came_before_it(project: Workspace) -> None:
    advise_project(project, Answers())
    result = measured_run(project)
    advise_project(project, Answers(regulated=True))
    score = score_forecast(project, result, RAG)
    assert score is not None
    first = min(project.ledger.runs(ADVICE), key=lambda run: run.started_at)
    assert score.made_at == first.started_at
    assert score.checks[0].right is True
    assert score.checks[0].measured == "rag (choose)"


def test_a_forecast_from_after_the_measurement_is_not_scored(project: Workspace) -> None:
    result = measured_run(project)
    advise_project(project, Answers())
    assert score_forecast(project, result, RAG) is None


def test_what_the_last_run_measured_replaces_what_is_assumed(project: Workspace) -> None:
    measured_run(project)
    for n in range(30):
        times = {"retrieve": 12.0, "total": 20.0}
        project.ledger.record_answer("r", Answer(query=f"q{n}", system="rag", text="a", milliseconds=times))
    forecast = advise_project(project, Answers(latency_p95_ms=30))
    assert forecast.answers.prompt_baseline == 0
    assert forecast.shown["prompt_baseline"] == "the score of prompt in run r"
    assert forecast.recommendation == "rag", "retrieval was measured to fit below the published 80 ms"
    assert "latency-below-retrieval" not in {requirement.id for requirement in forecast.requirements}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_after_decide_the_report_scores_the_forecast(tmp_path: Path, cut: Callable[..., Path]) -> None:
    project = Project.open(cut(tmp_path, "help-desk", examples=60, queries=40))
    said = project.advise(Answers(latency_p95_ms=2000))
    decision = project.decide()
    assert decision.forecast is not None
    assert decision.report is not None
    page = decision.report.read_text(encoding="utf-8")
    assert "Forecast against measurement" in page
    assert all(check.what in page for check in decision.forecast.checks)
    first = decision.forecast.checks[0]
    assert first.forecast.startswith(said.recommendation or "none")
    assert first.measured.startswith(decision.verdict.system or "none")
    assert decision.to_json()["forecast"]["checks"][0]["right"] == (said.recommendation == decision.verdict.system)
