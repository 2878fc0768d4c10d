"""The report of a run: its results with the facts that they rest on, as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from groundtune.project.measuring import Measuring
from groundtune.project.results import Decision
from groundtune.project.workspace import Workspace
from groundtune.settings import settings_json
from groundtune.training.registry import Checkpoint, checkpoints
from groundtune.verdict.briefing import Background, brief
from groundtune.verdict.report import Facts, Gate, GateStatus, Report, TunedModel

if TYPE_CHECKING:
    from groundtune.diagnosis.records import Diagnosis


def write_report(workspace: Workspace, measuring: Measuring, decision: Decision, diagnosis: Diagnosis) -> Decision:
    """Render the report into the project; returns the decision with its path and the diagnosis."""
    from groundtune.verdict.page import render_report

    path = workspace.home / "reports" / f"{decision.result.run}.html"
    judged = replace(decision, diagnosis=diagnosis, report=path)
    contents = make_report(workspace, measuring, judged)
    complete = replace(judged, contents=contents)
    write_page(path, render_report(contents))
    workspace.ledger.finish_run(decision.result.run, complete.to_json())
    return complete


def report_together(decisions: Sequence[Decision], path: Path) -> Path:
    """Write one page for several projects."""
    from groundtune.verdict.page import render_index

    write_page(path, render_index([decision.contents for decision in decisions if decision.contents]))
    return path


def write_page(path: Path, page: str) -> None:
    """Write a page in one step, so that nobody opens half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)


def make_report(workspace: Workspace, measuring: Measuring, decision: Decision) -> Report:
    """Arrange a decision for its report."""
    run = workspace.ledger.run(decision.result.run)
    settings = workspace.settings
    background = Background(
        project=decision.project,
        created=((run.finished_at or run.started_at) if run else "")[:16].replace("T", " ") + " UTC",
        retrieval="demonstrations" if workspace.draws_on_examples else "documents",
        minimum_gain=settings.experiment.minimum_gain,
        latency_limit_ms=settings.constraints.latency_p95_ms,
        warnings=decision.notes,
        facts=(Facts(title="Settings", rows=tuple(_flat(settings_json(settings)))), _versions(measuring)),
        tuned=_tuned(workspace, measuring.record["checkpoint"]),
        concurrency=measuring.concurrency,
        costs=decision.costs,
        bills=decision.bills,
        load=decision.load,
        busy_hours=decision.busy_hours,
        forecast=decision.forecast,
    )
    return brief(decision.result, decision.verdict, decision.diagnosis, background)


def _tuned(workspace: Workspace, checkpoint: str | None) -> TunedModel | None:
    """The run's own tuned model, as its card tells what was found after training."""
    found = next((known for known in checkpoints(workspace.home / "models") if known.id == checkpoint), None)
    if found is None:
        return None
    card = found.card
    return TunedModel(
        id=found.id,
        base=card.base_name or "the embedded model",
        examples=card.examples,
        cost_usd=card.cost_usd,
        gates=tuple(_gates(found)),
    )


def _gates(found: Checkpoint) -> Iterator[Gate]:
    words: dict[bool | None, GateStatus] = {True: "passed", False: "failed", None: "not shown"}
    for gate in found.card.gates:
        yield Gate(name=gate.name, status=words[gate.passed], note=gate.note)


def _flat(values: dict[str, object], prefix: str = "") -> Sequence[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        elif value not in (None, "", [], False):
            rows.append((f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)))
    return rows


def _versions(measuring: Measuring) -> Facts:
    record = {key: value for key, value in measuring.record.items() if key != "settings"}
    choices = measuring.choices
    record["few-shot examples"] = len(choices.examples)
    record["answers from a confidence of"] = {name: round(value, 3) for name, value in choices.answer_from.items()}
    return Facts(title="Data, weights and versions", rows=tuple(_flat(record)))
