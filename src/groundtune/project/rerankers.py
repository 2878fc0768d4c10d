"""The reranker that the settings name, or the tuned one that is in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from groundtune.project.providers import local_name

if TYPE_CHECKING:
    from groundtune.models import Reranker
    from groundtune.project.workspace import Workspace
    from groundtune.settings import RerankerSettings
    from groundtune.training.registry import Checkpoint

__all__ = ["READER_WEIGHT", "embedded_reranker", "rerank_weight", "reranker_at", "reranker_of"]

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
        return reranker_at(workspace, _by_path(workspace, settings))
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
    found = _in_use(workspace)
    tuned = found.card.metrics.get("weight") if found else None
    return tuned or (READER_WEIGHT if settings.provider in ("auto", "embedded") else 1.0)


def reranker_at(workspace: Workspace, folder: Path) -> Reranker:
    """The reranker in a folder: an embedded checkpoint, or a cross-encoder of sentence-transformers.

    Raises:
        MissingExtra: when it needs a part that is not installed.
        WeightsError: when its weights are missing or damaged.
    """
    if (folder / "checkpoint.json").is_file():
        from groundtune.models.embedded.rerank import TunedReranker

        return TunedReranker.load(workspace.weights, folder)
    from groundtune.models.transformers.reranking import SentenceReranker

    return SentenceReranker.load(folder)


def _tuned(workspace: Workspace) -> Reranker | None:
    found = _in_use(workspace)
    return reranker_at(workspace, found.folder) if found else None


def _by_path(workspace: Workspace, settings: RerankerSettings) -> Path:
    """The cross-encoder that the settings name, or what was tuned from it and is in use."""
    found = _in_use(workspace)
    return found.folder if found else Path(local_name(workspace, settings.name))


def _in_use(workspace: Workspace) -> Checkpoint | None:
    """The tuned reranker that is in use, as far as the settings ask for one and it was tuned from what they name."""
    from groundtune.training.registry import promoted

    settings = workspace.settings.model.reranker
    if settings.provider in ("off", "http"):
        return None
    found = promoted(workspace.home / "models", "reranker")
    if settings.provider == "transformers" and found is not None and found.card.base_name != settings.name:
        return None
    return found


def _endpoint(settings: RerankerSettings) -> Reranker:
    from groundtune.models.openai.reranking import EndpointReranker

    return EndpointReranker(settings.name, settings.base_url, settings.key, form=settings.form)
