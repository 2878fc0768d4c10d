"""From a real comparison, verdict and diagnosis to the page: nothing is lost on the way, every kind of end reads."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from groundtune.diagnosis.diagnose import diagnose, gold_id, needs_gold
from groundtune.diagnosis.records import Diagnosis
from groundtune.experiment.results import ExperimentResult
from groundtune.records import SYSTEM_IDS, Evidence, Query, SystemId
from groundtune.settings import Constraints
from groundtune.storage.ledger import Ledger
from groundtune.testing.scripted import ABSTAINS, F1, FAILS, Scripted, right_on, run
from groundtune.verdict.briefing import Background, brief
from groundtune.verdict.decide import decide
from groundtune.verdict.page import render_report
from groundtune.verdict.report import Facts, Report, outcome_shares

COUNT = 40


def asked() -> list[Query]:
    """Queries with evidence, one in eight of them unanswerable."""
    return [
        Query(id=f"q{n}", question=f"what is thing{n}", answerable=False)
        if n % 8 == 7
        else Query(
            id=f"q{n}",
            question=f"what is thing{n}",
            answers=(f"answer{n}",),
            evidence=(Evidence(doc=f"doc{n // 2}.md", quote=f"answer{n}"),),
        )
        for n in range(COUNT)
    ]


def script(right: Callable[[int], bool], *, failing: int | None = None) -> dict[str, str]:
    """Right where told, abstaining on every fifth query, else wrong."""
    lines = {name: ABSTAINS if int(name[1:]) % 5 == 4 else line for name, line in right_on(COUNT, right).items()}
    return lines if failing is None else {**lines, f"q{failing}": FAILS}


def compare(folder: Path, lines: Mapping[SystemId, Mapping[str, str]]) -> tuple[ExperimentResult, Diagnosis]:
    result = run(folder, [Scripted(id=name, script=lines[name]) for name in SYSTEM_IDS], asked())
    gold = {
        gold_id(name): Scripted(id=gold_id(name), script=right_on(COUNT, lambda n: n % 10 != 0))
        for name in ("rag", "tuned_rag")
    }
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        return result, diagnose(result, gold, ledger, scorer=F1)


def report_of(result: ExperimentResult, diagnosis: Diagnosis | None, **wanted: object) -> Report:
    background = Background(
        project="desk",
        created="2026-11-20 17:00 UTC",
        retrieval="documents",
        minimum_gain=0.03,
        latency_limit_ms=None,
        warnings=("Indexed from a snapshot.",),
        facts=(Facts(title="Settings", rows=(("project.task", "answer"),)),),
    )
    return brief(result, decide(result, Constraints.model_validate(wanted)), diagnosis, background)


def text_of(report: Report) -> str:
    page = re.sub(r"<(style|script).*?</\1>", "", render_report(report), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def measured(tmp_path: Path) -> tuple[ExperimentResult, Diagnosis]:
    return compare(
        tmp_path,
        {
            "prompt": script(lambda n: n % 4 == 0),
            "rag": script(lambda n: n % 4 != 1),
            "tuned": script(lambda n: n % 3 == 0),
            "tuned_rag": script(lambda n: n % 4 != 2, failing=3),
        },
    )


def test_a_measured_comparison_becomes_a_page(measured: tuple[ExperimentResult, Diagnosis]) -> None:
    result, diagnosis = measured
    report = report_of(result, diagnosis)
    shown = text_of(report)
    for system in result.systems.values():
        assert system.score is not None
        assert f"{100 * system.score:.1f}" in shown
    assert report.recommendation.sentence in shown
    assert result.plan.sentence in shown
    assert "the endpoint did not answer" in shown
    assert "Indexed from a snapshot." in shown
    assert "better retrieval" in shown
    assert "retrieval miss" in shown
    assert diagnosis.notes[0] in shown
    assert shown.count("what is thing") >= COUNT


def test_shares_agree_with_the_experiment_where_every_query_counts(tmp_path: Path) -> None:
    scripts = [script(partial(lambda place, n: n % 4 != place, place)) for place in range(4)]
    result, diagnosis = compare(tmp_path, dict(zip(SYSTEM_IDS, scripts, strict=True)))
    report = report_of(result, diagnosis)
    for name, system in result.systems.items():
        shares = outcome_shares(report, name)
        assert shares["wrong"] == pytest.approx(system.wrong_rate)
        assert shares["failed"] == shares["unscored"] == 0.0


def test_every_failure_carries_its_cause(measured: tuple[ExperimentResult, Diagnosis]) -> None:
    result, diagnosis = measured
    report = report_of(result, diagnosis)
    cells = {(row.query.id, name): cell for row in report.queries for name, cell in row.cells.items()}
    assert diagnosis.failures
    for failure in diagnosis.failures:
        cell = cells[failure.id, failure.system]
        assert (cell.cause, cell.proven) == (failure.cause, failure.proven)
    assert len(needs_gold([row.query for row in report.queries])) == 35


def test_constraints_that_nothing_meets_are_named(measured: tuple[ExperimentResult, Diagnosis]) -> None:
    result, _ = measured
    shown = text_of(report_of(result, None, max_wrong_rate=0.0))
    assert "No system qualifies" in shown
    assert "chosen" not in shown.partition("Every query")[0]


def test_a_run_without_any_right_answer_reads(tmp_path: Path) -> None:
    lines = {name: dict.fromkeys((f"q{n}" for n in range(COUNT)), "nonsense") for name in SYSTEM_IDS}
    result, diagnosis = compare(tmp_path, lines)
    assert "No system qualifies" in text_of(report_of(result, diagnosis))


def test_a_run_in_which_everything_failed_reads(tmp_path: Path) -> None:
    lines = {name: dict.fromkeys((f"q{n}" for n in range(COUNT)), FAILS) for name in SYSTEM_IDS}
    result, diagnosis = compare(tmp_path, lines)
    report = report_of(result, diagnosis)
    shown = text_of(report)
    assert report.recommendation.system is None
    assert report.recommendation.sentence in shown
    assert "no interval" in shown
