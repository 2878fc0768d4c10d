"""Between the verbs: a project's measurement, now or of a stored run, judged and diagnosed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from groundtune.errors import ProjectError
from groundtune.project.results import Decision
from groundtune.project.workspace import Workspace
from groundtune.records import Example

if TYPE_CHECKING:
    from groundtune.diagnosis.records import Diagnosis
    from groundtune.project.measuring import Measuring, Progress

__all__ = ["diagnosed", "judged", "last_decision", "measuring_now", "measuring_of"]


def measuring_now(workspace: Workspace, examples: Sequence[Example], progress: Progress) -> Measuring:
    """The measurement of the project as it is.

    Raises:
        ProjectError: when nothing has been tuned yet.
    """
    from groundtune.project.measuring import Measuring
    from groundtune.project.providers import own_checkpoint

    checkpoint = own_checkpoint(workspace)
    if checkpoint is None and workspace.settings.model.provider == "embedded":
        raise ProjectError(
            f"{workspace.folder} has no tuned model yet. Make one: groundtune tune --project {workspace.folder}  "
            "(or run the whole job: groundtune decide)"
        )
    return Measuring(workspace, examples, checkpoint, progress)


def measuring_of(workspace: Workspace, decision: Decision, progress: Progress) -> Measuring:
    """The measurement that a decision was made from.

    Raises:
        ProjectError: when the project has changed since.
    """
    measuring = measuring_now(workspace, workspace.examples(skip_bad=True), progress)
    if measuring.run != decision.result.run:
        raise ProjectError(
            f"Run {decision.result.run} was made with other data, settings or weights than the project has now. "
            f"Measure anew: groundtune experiment --project {workspace.folder}"
        )
    return measuring


def judged(workspace: Workspace, measuring: Measuring, notes: tuple[str, ...] = ()) -> Decision:
    """Measure what is not measured yet, weigh it, and keep the verdict in the ledger."""
    from groundtune.project.advising import score_forecast
    from groundtune.project.economising import bills, busy_hours, measured_costs
    from groundtune.project.loading import stored_load
    from groundtune.project.providers import is_local
    from groundtune.verdict.decide import decide

    result = measuring.measure()
    costs = measured_costs(workspace, result, concurrency=measuring.concurrency)
    billed, load = bills(costs, workspace), stored_load(workspace, result.run)
    verdict = decide(
        result,
        workspace.settings.constraints,
        minimum_gain=workspace.settings.experiment.minimum_gain,
        local=is_local(workspace),
        bills=billed,
        load=load,
    )
    decision = Decision(
        project=workspace.settings.project.name,
        result=result,
        verdict=verdict,
        retrieval="demonstrations" if workspace.draws_on_examples else "documents",
        notes=notes,
        costs=costs,
        bills=billed,
        load=load,
        busy_hours=busy_hours(workspace, result, concurrency=measuring.concurrency),
        forecast=score_forecast(workspace, result, verdict),
    )
    workspace.ledger.finish_run(result.run, decision.to_json())
    return decision


def diagnosed(workspace: Workspace, measuring: Measuring, decision: Decision, progress: Progress) -> Diagnosis:
    """Why each failed query failed, from answers over its gold evidence."""
    from groundtune.diagnosis.diagnose import diagnose

    return diagnose(
        decision.result,
        measuring.with_gold(),
        workspace.ledger,
        scorer=measuring.scorer,
        concurrency=measuring.concurrency,
        progress=lambda done, total: progress("Answering from gold evidence", done, total),
    )


def last_decision(workspace: Workspace, run: str | None, progress: Progress) -> Decision:
    """The decision of a finished run, from its stored answers; of the last where none is named.

    Raises:
        ProjectError: when there is no such run, or the project has changed since.
    """
    measuring = measuring_now(workspace, workspace.examples(skip_bad=True), progress)
    finished = [record.id for record in workspace.ledger.runs("experiment") if record.finished_at]
    if not finished or (run is not None and run not in finished):
        known = ", ".join(finished) or "none"
        raise ProjectError(
            f"No finished run{f' {run}' if run else ''} in {workspace.folder}; there are: {known}. "
            f"Make one: groundtune experiment --project {workspace.folder}"
        )
    if run is not None and run != measuring.run:
        raise ProjectError(
            f"Run {run} was made with other data, settings or weights than the project has now, so it cannot be "
            f"rebuilt. Its stored results: groundtune runs {run} --project {workspace.folder}"
        )
    with workspace.exclusive():
        return judged(workspace, measuring)
