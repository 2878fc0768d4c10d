"""How a project searches: the stages that its settings ask for, and the weight that its own labels teach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtune.project.rerankers import rerank_weight, reranker_of
from groundtune.project.workspace import Workspace, fingerprint

if TYPE_CHECKING:
    from groundtune.knowledge import SearchPlan
    from groundtune.knowledge.search_plan import Rewrite

__all__ = ["ENOUGH_LABELS", "learn_fusion", "search_plan"]

ENOUGH_LABELS = 40
"""Dev queries with evidence from which on the weight of the hybrid search is learned (METHODS: 40 or more)."""


def search_plan(workspace: Workspace) -> SearchPlan:
    """The stages of the project's search, with the models that they need.

    Raises:
        MissingExtra: when a model needs a part that is not installed.
        WeightsError: when weights are missing or damaged.
        ProjectError: when no model is configured that could reword questions.
    """
    from groundtune.knowledge import SearchPlan

    settings, reranker = workspace.settings.knowledge, workspace.settings.model.reranker
    return SearchPlan(
        rewrite=_rewrite(workspace) if settings.rewrite else None,
        mode=settings.search,
        collapse=settings.collapse,
        reranker=reranker_of(workspace),
        rerank_depth=reranker.depth,
        rerank_weight=rerank_weight(workspace),
        per_document=settings.per_document,
        mmr=settings.mmr,
        fetch_k=settings.fetch_k,
    )


def _rewrite(workspace: Workspace) -> Rewrite:
    from groundtune.knowledge.rewriting import ChatRewriter
    from groundtune.project.providers import base_chat

    return ChatRewriter(base_chat(workspace))


def learn_fusion(workspace: Workspace) -> None:
    """Learn on dev how much meaning and how much words count in the hybrid search, where there are labels enough.

    The same labels over the same knowledge are learned from once.
    """
    if workspace.draws_on_examples or workspace.settings.knowledge.search != "hybrid" or not workspace.has_queries:
        return
    labelled = [(query.question, {e.doc for e in query.evidence}) for query in workspace.split.dev if query.evidence]
    if len(labelled) < ENOUGH_LABELS:
        return
    learned = workspace.home / "knowledge" / "fusion-learned-from"
    key = fingerprint([(question, sorted(documents)) for question, documents in labelled], workspace.knowledge.version)
    if learned.is_file() and learned.read_text(encoding="utf-8") == key:
        return
    workspace.knowledge.learn_alpha(labelled)
    learned.write_text(key, encoding="utf-8")
