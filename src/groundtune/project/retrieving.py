"""Retrieval of a project measured by itself: its searches, side by side, on labelled or on synthetic queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from groundtune.errors import ProjectError
from groundtune.experiment.retrieval.measure import SearchFor, measure_searches
from groundtune.experiment.retrieval.relevance import Relevance, relevance_of
from groundtune.project.rerankers import embedded_reranker
from groundtune.records import Hit, Query

if TYPE_CHECKING:
    from groundtune.experiment.retrieval.results import RetrievalResult
    from groundtune.knowledge import KnowledgeBase, Mode, SearchPlan
    from groundtune.project.measuring import Progress
    from groundtune.project.workspace import Workspace

__all__ = ["measure_retrieval", "search_with"]

STAGE = "Searching"
MODES: tuple[Mode, ...] = ("dense", "lexical", "hybrid")


def measure_retrieval(workspace: Workspace, progress: Progress) -> RetrievalResult:
    """Measure dense, lexical, hybrid and reranked search on the test queries that name their evidence.

    Raises:
        ProjectError: when there is nothing to search, or nothing to measure with.
        MissingExtra: when the library of the measures is not installed.
    """
    _require_documents(workspace)
    queries = [query for query in workspace.split.test if query.evidence]
    knowledge = workspace.knowledge
    relevance = relevance_of(queries, knowledge)
    return _measured(workspace, queries, relevance, progress)


def _measured(
    workspace: Workspace, queries: Sequence[Query], relevance: Relevance, progress: Progress
) -> RetrievalResult:
    return measure_searches(
        {name: search_with(workspace.knowledge, plan) for name, plan in plans(workspace).items()},
        queries,
        relevance,
        baseline="hybrid",
        clusters=workspace.split.clusters,
        seed=workspace.settings.experiment.seed,
        progress=partial(progress, STAGE),
    )


def plans(workspace: Workspace) -> Mapping[str, SearchPlan]:
    """The searches that are compared: plain rankings, the reranked one, and the project's own where it is another.

    Without a reranker in the settings the embedded one shows what reranking would do.
    """
    from groundtune.knowledge import SearchPlan

    own = workspace.plan
    bare = SearchPlan(rerank_depth=own.rerank_depth, rerank_weight=own.rerank_weight, fetch_k=own.fetch_k)
    found: dict[str, SearchPlan] = {mode: replace(bare, mode=mode) for mode in MODES}
    found["reranked"] = replace(bare, reranker=own.reranker or embedded_reranker(workspace))
    # Of identical texts it gives the first only, which is another order but for the same answers.
    return found if replace(own, collapse=0.0) in found.values() else {**found, "as configured": own}


def search_with(knowledge: KnowledgeBase, plan: SearchPlan) -> SearchFor:
    """A search that can be measured."""

    def search(question: str, k: int) -> tuple[Sequence[Hit], Mapping[str, float]]:
        return knowledge.search_timed(question, k, plan)

    return search


def _require_documents(workspace: Workspace) -> None:
    if workspace.draws_on_examples:
        raise ProjectError(
            "This project retrieves demonstrations from its examples, and no label says which of them are the right "
            "ones. Retrieval alone is measured where it draws on documents: name some in [knowledge] sources."
        )
    if workspace.knowledge.count() == 0:
        raise ProjectError(f"{workspace.folder}: the knowledge base is empty; add documents, then sync.")
