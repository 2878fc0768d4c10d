"""Advice inside a project: what its files, settings and last run already show, and where a forecast is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from groundtune.advice.answers import Answers, refuse_contradictions
from groundtune.advice.forecast import Forecast, advise
from groundtune.advice.scoring import ForecastScore, Measured, compare
from groundtune.advice.wire import forecast_json
from groundtune.errors import AnswersError, Fault, ProjectError, UserError
from groundtune.project.economising import known_costs
from groundtune.project.workspace import Workspace, fingerprint
from groundtune.settings import Constraints
from groundtune.training.examples import read_example_file

if TYPE_CHECKING:
    from groundtune.economics.assumptions import Assumptions
    from groundtune.experiment.results import ExperimentResult
    from groundtune.storage.ledger import RunRecord
    from groundtune.verdict.records import Verdict

__all__ = ["ADVICE", "advise_project", "score_forecast", "shown_by", "write_advice"]

_LEAST_TIMED = 20

_EMBEDDED_RETRIEVAL_MS = 24.0
"""Embedding and searching, at the upper ends of the times below: the store and the model are in the same process."""

_EMBEDDED: dict[str, float | tuple[float, float, float] | None] = {
    "network_ms": 0,
    "embed_ms": (5, 7, 14),
    "search_ms": (1, 3, 10),
    "first_token_ms": (2, 5, 10),
    "prefill_ms": (10, 45, 90),
    "token_ms": 0,
    "slots": (1, 2, 4),
    **{f"input_tokens.{system}": (10, 20, 60) for system in ("prompt", "tuned")},
    **{f"input_tokens.{system}": (200, 1000, 1200) for system in ("rag", "tuned_rag")},
}
"""The embedded model writes nothing token by token, and reads the question with the passages alone."""

ADVICE = "advice"
"""Kind of the runs that keep forecasts in the ledger."""

_CONSTRAINTS = {
    "latency_p95_ms": "latency_p95_ms",
    "citations": "citations_required",
    "knowledge_changes": "knowledge_changes",
    "queries_per_month": "queries_per_month",
    "budget_usd_per_month": "budget_month_usd",
    "offline": "offline",
}
"""By key of [constraints]: the question that it answers. Its default says nothing."""


def shown_by(workspace: Workspace) -> dict[str, tuple[Any, str]]:
    """Answers that the project already gives: by question, the answer and where it shows."""
    settings = workspace.settings
    found: dict[str, tuple[Any, str]] = {"task": (settings.project.task, "[project] task")}
    found |= _from_constraints(settings.constraints)
    if settings.project.json_schema:
        found["format_strictness"] = ("guaranteed", "[project] schema")
    documents = _documents(workspace)
    if documents is not None:
        found["corpus_documents"] = (documents, "the files of [knowledge] sources")
    if workspace.examples_path.is_file():
        count = len(read_example_file(workspace.examples_path).examples)
        found["labelled_examples"] = (count, workspace.examples_path.name)
    run = last_run(workspace)
    baseline = _measured(run, "score")
    if run is not None and baseline is not None:
        found["prompt_baseline"] = (baseline, f"the score of prompt in run {run.id}")
    return found


def advise_project(workspace: Workspace, given: Answers) -> Forecast:
    """The forecast for a project; kept in its ledger, so that a measurement can be held against it later.

    Args:
        workspace: The project.
        given: Answers, which win over what the project shows.

    Raises:
        AnswersError: when the answers and what the project shows contradict each other.
    """
    shown = {key: value for key, value in shown_by(workspace).items() if key not in given.known()}
    answers = _together(given, shown, f"The answers, with what {workspace.folder} shows")
    forecast = advise(
        answers,
        shown={key: where for key, (_, where) in shown.items()},
        base=_assumptions(workspace),
        retrieval_p95_ms=_retrieval_p95(workspace),
        labelled_queries=_labelled_queries(workspace),
    )
    _keep(workspace, forecast)
    return forecast


def _together(given: Answers, shown: Mapping[str, tuple[Any, str]], path: str) -> Answers:
    """Answers with what the project shows, refused where that is impossible or a contradiction."""
    try:
        answers = Answers.model_validate({**{key: value for key, (value, _) in shown.items()}, **given.known()})
    except ValidationError as error:
        wrong = [(str(detail["loc"][0]), detail["msg"]) for detail in error.errors()]
        faults = [Fault(None, f"{key}, from {shown[key][1]}: {reason}") for key, reason in wrong]
        raise AnswersError(path, faults, "Correct the project, or answer these questions yourself.") from None
    refuse_contradictions(answers, path)
    return answers


def score_forecast(workspace: Workspace, result: ExperimentResult, verdict: Verdict) -> ForecastScore | None:
    """The last forecast from before a run, held against it; None where there is none."""
    run = workspace.ledger.run(result.run)
    made = [found for found in workspace.ledger.runs(ADVICE) if run and found.started_at < run.started_at]
    if not made or made[0].result is None:
        return None
    measured = Measured(
        result=result,
        kind=verdict.kind,
        system=verdict.system,
        minimum_gain=workspace.settings.experiment.minimum_gain,
    )
    return compare(made[0].result, measured, made_at=made[0].started_at)


def last_run(workspace: Workspace) -> RunRecord | None:
    """The experiment that finished last."""
    if not (workspace.home / "ledger.sqlite").exists():
        return None
    finished = [run for run in workspace.ledger.runs("experiment") if run.finished_at]
    return max(finished, key=lambda run: run.finished_at or "", default=None)


def write_advice(forecast: Forecast, path: Path, *, title: str) -> Path:
    """Write the page of a forecast.

    Raises:
        ProjectError: when the path holds something else, which is left as it is.
    """
    from groundtune.project.reporting import write_page
    from groundtune.verdict.advice_page import PAGE_MARK, render_advice

    if path.is_dir() or (path.exists() and PAGE_MARK not in path.read_text(encoding="utf-8", errors="replace")):
        raise ProjectError(f"{path} exists and is no forecast of Groundtune; name another file: --report PAGE.html")
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_page(path, render_advice(forecast, title=title, made=made))
    return path


def _keep(workspace: Workspace, forecast: Forecast) -> None:
    result = forecast_json(forecast)
    record = {"answers": result["answers"], "scores": result["scores"]}
    run = f"advice-{fingerprint(record)}"
    workspace.ledger.start_run(run, kind=ADVICE, record=record)
    workspace.ledger.finish_run(run, result)


def _from_constraints(constraints: Constraints) -> dict[str, tuple[Any, str]]:
    set_ones = ((key, getattr(constraints, key)) for key in _CONSTRAINTS)
    return {_CONSTRAINTS[key]: (value, f"[constraints] {key}") for key, value in set_ones if value not in (None, False)}


def _documents(workspace: Workspace) -> int | None:
    """How many files could be documents; None where there are none to speak of yet."""
    from groundtune.project.sources import count_files

    try:
        return count_files(workspace) or None
    except ProjectError:
        return None


def _labelled_queries(workspace: Workspace) -> int:
    """How many queries can be measured on; 0 where the file is missing or cannot be used (`check` says why)."""
    from groundtune.experiment.queries import is_labelled

    try:
        return sum(is_labelled(query) for query in workspace.queries)
    except UserError:
        return 0


def _assumptions(workspace: Workspace) -> Assumptions:
    """What the project says of costs, and how fast its model is where that is the embedded one."""
    known = known_costs(workspace)
    if workspace.settings.model.provider != "embedded":
        return known
    return known.given(_EMBEDDED, source="the embedded model on two cores, docs/demo.md", date="2026-11-21")


def _retrieval_p95(workspace: Workspace) -> float | None:
    """What retrieval was measured to take in the last run, else what the embedded model takes; None: not known."""
    run = last_run(workspace)
    answers = [] if run is None else workspace.ledger.answers(run.id).values()
    times = [a.milliseconds["retrieve"] for a in answers if a.system == "rag" and "retrieve" in a.milliseconds]
    if len(times) >= _LEAST_TIMED:
        return float(np.quantile(times, 0.95))
    return _EMBEDDED_RETRIEVAL_MS if workspace.settings.model.embedding.provider == "embedded" else None


def _measured(run: RunRecord | None, name: str) -> float | None:
    systems = ((run.result if run else None) or {}).get("systems") or {}
    value: float | None = systems.get("prompt", {}).get(name)
    return value
