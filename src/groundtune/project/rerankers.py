"""The reranker that the settings name, or the tuned one that is in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from groundtune.models import Reranker
    from groundtune.project.workspace import Workspace
    from groundtune.settings import RerankerSettings
    from groundtune.training.registry import Checkpoint

__all__ = ["READER_WEIGHT", "embedded_reranker", "rerank_weight", "reranker_of", "tuned_reranker"]

READER_WEIGHT = 0.1
"""Share of the untuned reader's score beside the ranking's: alone it orders worse than the ranking does, see
docs/decisions/0027-what-the-embedded-reranker-is.md."""


def reranker_of(workspace: Workspace) -> Reranker | None:
    """What reads the candidates again; None where nothing does.

    Raises:
        MissingExtra: when it needs a part that is not installed.
        WeightsError: when its weights are missing or damaged.
        ProjectError: when an address or key is missing.
    """
    settings = workspace.settings.model.reranker
    if settings.provider == "embedded":
        return embedded_reranker(workspace)
    if settings.provider == "auto":
        return _tuned(workspace)
    if settings.provider == "transformers":
        from groundtune.models.transformers.reranking import SentenceReranker

        return SentenceReranker.load(_path(workspace, settings.name))
    return _endpoint(settings) if settings.provider == "http" else None


def embedded_reranker(workspace: Workspace) -> Reranker:
    """The tuned one that is in use, else the shipped reader."""
    from groundtune.models.embedded.rerank import ReaderReranker

    return _tuned(workspace) or ReaderReranker.load(workspace.weights)


def rerank_weight(workspace: Workspace) -> float:
    """Share of the reranker's score: what the settings say, else what its tuning found, else by what it is."""
    settings = workspace.settings.model.reranker
    if settings.weight is not None:
        return settings.weight
    if settings.provider not in ("auto", "embedded"):
        return 1.0
    found = _in_use(workspace)
    return (found.card.metrics.get("weight") if found else None) or READER_WEIGHT


def tuned_reranker(workspace: Workspace, checkpoint: Checkpoint) -> Reranker:
    """A tuned embedded reranker.

    Raises:
        WeightsError: when its weights are damaged.
    """
    from groundtune.models.embedded.rerank import TunedReranker

    return TunedReranker.load(workspace.weights, checkpoint.folder)


def _tuned(workspace: Workspace) -> Reranker | None:
    found = _in_use(workspace)
    return tuned_reranker(workspace, found) if found else None


def _in_use(workspace: Workspace) -> Checkpoint | None:
    from groundtune.training.registry import promoted

    return promoted(workspace.home / "models", "reranker")


def _endpoint(settings: RerankerSettings) -> Reranker:
    from groundtune.models.openai.reranking import EndpointReranker

    return EndpointReranker(settings.name, settings.base_url, settings.key, form=settings.form)


def _path(workspace: Workspace, name: str) -> Path:
    inside = workspace.folder / name
    return inside if inside.is_dir() else Path(name).expanduser()
