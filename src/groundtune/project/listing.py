"""What a project has made: its runs and its tuned models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from groundtune.errors import ProjectError
from groundtune.project.workspace import Workspace


def list_runs(workspace: Workspace, run: str | None) -> list[dict[str, Any]]:
    """Experiments, newest first; with an id that one in full.

    Raises:
        ProjectError: when there is no run of this id.
    """
    records = list(workspace.ledger.runs("experiment"))
    if run is None:
        return [_short(record.id, record.started_at, record.finished_at, record.result) for record in records]
    chosen = next((record for record in records if record.id == run), None)
    if chosen is None:
        known = ", ".join(record.id for record in records) or "none"
        raise ProjectError(f"No run {run!r} in {workspace.folder}; there are: {known}.")
    return [asdict(chosen)]


def _short(run: str, started: str, finished: str | None, result: Any) -> dict[str, Any]:
    verdict = (result or {}).get("verdict") or {}
    systems = (result or {}).get("systems") or {}
    return {
        "run": run,
        "started": started,
        "finished": finished,
        "verdict": verdict.get("kind"),
        "system": verdict.get("system"),
        "scores": {name: system["score"] for name, system in systems.items()},
    }


def list_models(workspace: Workspace, model: str | None) -> list[dict[str, Any]]:
    """Tuned models, newest first; with an id that one in full.

    Raises:
        ProjectError: when there is no model of this id.
    """
    from groundtune.training.registry import checkpoints, promoted

    home = workspace.home / "models"
    found = checkpoints(home)
    used = {role: chosen.id for role in ("generator", "embedding") if (chosen := promoted(home, role))}
    rows = [
        {"model": c.id, "used_as": next((role for role, name in used.items() if name == c.id), None), **asdict(c.card)}
        for c in found
        if model is None or c.id == model
    ]
    if model is not None and not rows:
        raise ProjectError(f"No model {model!r}; there are: {', '.join(c.id for c in found) or 'none'}.")
    return rows
