"""The load run of a project: its systems under queries that come as they would in the busiest hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from groundtune.errors import ProjectError
from groundtune.experiment.load import LoadPlan, LoadResult, run_load
from groundtune.models.cached import asking_anew
from groundtune.project.economising import queries_per_second
from groundtune.project.workspace import Workspace

if TYPE_CHECKING:
    from groundtune.project.measuring import Measuring, Progress

__all__ = ["measure_load", "stored_load"]


def measure_load(
    workspace: Workspace, measuring: Measuring, seconds: float, progress: Progress
) -> dict[str, LoadResult]:
    """Run every system under load, one after the other, and keep what came out in the ledger.

    The questions are all of the project's, dev and test; no label is used. Completions are asked for anew, because one
    that is given again takes no time.

    Args:
        workspace: The project.
        measuring: The comparison whose systems are run.
        seconds: For how long queries arrive at each system.
        progress: Called with (stage, sent, to send).

    Raises:
        ProjectError: when the volume is not set.
        GateClosed: when no query would arrive in that time.
    """
    plan = _plan(workspace, measuring, seconds)
    run = _run_of(measuring.run)
    workspace.ledger.start_run(run, kind="load", record={"experiment": measuring.run, "plan": asdict(plan)})
    with asking_anew():
        found = {
            name: run_load(system, workspace.queries, plan, partial(progress, f"Load on {name}"))
            for name, system in measuring.arms.items()
        }
    workspace.ledger.finish_run(run, {name: asdict(result) for name, result in found.items()})
    return found


def stored_load(workspace: Workspace, run: str) -> Mapping[str, LoadResult]:
    """What the load run of an experiment found; empty where there was none."""
    kept = workspace.ledger.run(_run_of(run))
    rows = (kept.result if kept else None) or {}
    return {name: LoadResult(**{**row, "plan": LoadPlan(**row["plan"])}) for name, row in rows.items()}


def _run_of(run: str) -> str:
    return f"{run}-load"


def _plan(workspace: Workspace, measuring: Measuring, seconds: float) -> LoadPlan:
    per_second = queries_per_second(workspace)
    if not per_second:
        raise ProjectError(
            "A load run needs to know how many queries come. Write it into groundtune.toml: "
            "[constraints] queries_per_month = 200_000  (and [economics] peak_factor, if the busiest hour is known)"
        )
    return LoadPlan(
        per_second=per_second,
        seconds=seconds,
        slots=measuring.concurrency,
        seed=workspace.settings.experiment.seed,
    )
