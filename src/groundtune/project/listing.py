"""What a project has made: its runs and its tuned models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import ProjectError, WeightsError
from groundtune.project.indexing import index_sources
from groundtune.project.providers import local_name
from groundtune.project.workspace import Workspace
from groundtune.training.card import ROLE_OF_KIND, Card
from groundtune.training.card_differences import compare, newer_base
from groundtune.training.registry import checkpoint, checkpoints, history, promote, promoted, rollback

if TYPE_CHECKING:
    from groundtune.project.measuring import Progress

ROLES = ("generator", "embedding", "reranker")
"""What a tuned model can be used as."""


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
    home = registry(workspace)
    found = checkpoints(home) if model is None else [checkpoint(home, model)]
    used = {role: chosen.id for role in ROLES if (chosen := promoted(home, role))}
    return [
        {
            "model": c.id,
            "used_as": next((role for role, name in used.items() if name == c.id), None),
            "newer_base": _newer_base(workspace, c.card),
            **asdict(c.card),
        }
        for c in found
    ]


def _newer_base(workspace: Workspace, card: Card) -> str | None:
    """What to say where the name of a model's base stands for other local weights than those that it was made from."""
    settings = workspace.settings.model
    if card.kind != "generator" or settings.provider != "transformers" or card.base_name != settings.name:
        return None
    from groundtune.models.transformers import weights_sha256
    from groundtune.models.transformers.places import find_weights

    try:
        return newer_base(card, weights_sha256(find_weights(local_name(workspace, settings.name))))
    except WeightsError:
        return None


def promote_model(workspace: Workspace, model: str, progress: Progress, *, force: bool) -> dict[str, Any]:
    """Put a tuned model to use in its role; see `registry.promote`. An embedding's index is made current first."""
    home = registry(workspace)
    card = checkpoint(home, model).card
    role = ROLE_OF_KIND[card.kind]
    if role == "embedding" and (force or card.status != "failed"):
        index_sources(workspace.with_embedding(model), progress)
    promote(home, role, model, force=force)
    workspace.look_again()
    return {"role": role, "model": model}


def roll_back_model(workspace: Workspace, role: str, progress: Progress) -> dict[str, Any]:
    """Return a role to the model before; see `registry.rollback`. An embedding's index is made current first."""
    home = registry(workspace)
    if role == "embedding":
        standing = [promotion.checkpoint for promotion in history(home, role) if promotion.withdrawn is None]
        if standing:
            index_sources(workspace.with_embedding(standing[-2] if len(standing) > 1 else "base"), progress)
    before = rollback(home, role)
    workspace.look_again()
    return {"role": role, "model": before.id if before else None}


def compare_models(workspace: Workspace, first: str, second: str) -> dict[str, Any]:
    """How two tuned models differ: data, recipe, metrics, gates."""
    home = registry(workspace)
    found = compare(checkpoint(home, first).card, checkpoint(home, second).card)
    return {"first": first, "second": second, **asdict(found)}


def registry(workspace: Workspace) -> Path:
    """The folder of the tuned models."""
    return workspace.home / "models"
