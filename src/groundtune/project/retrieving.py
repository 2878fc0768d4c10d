"""Retrieval of a project measured by itself: its searches, side by side, on labelled or on synthetic queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from groundtune.errors import ProjectError
from groundtune.experiment.retrieval.measure import SearchFor, measure_searches
from groundtune.experiment.retrieval.missing import told_apart
from groundtune.experiment.retrieval.relevance import relevance_of
from groundtune.experiment.retrieval.synthetic import asked_by, keywords, sample, synthetic_queries
from groundtune.project.providers import base_chat
from groundtune.project.rerankers import embedded_reranker
from groundtune.records import Hit, Query

if TYPE_CHECKING:
    from groundtune.experiment.retrieval.results import RetrievalResult
    from groundtune.knowledge import KnowledgeBase, Mode, SearchPlan
    from groundtune.project.measuring import Progress
    from groundtune.project.workspace import Workspace

__all__ = ["measure_retrieval", "plans", "require_documents", "search_with", "synthetic"]

STAGE = "Searching"
SYNTHETIC = 100
"""Passages that queries are made from where none is labelled."""

MODES: tuple[Mode, ...] = ("dense", "lexical", "hybrid")


def measure_retrieval(workspace: Workspace, progress: Progress) -> RetrievalResult:
    """Measure dense, lexical, hybrid and reranked search on the test queries that name their evidence.

    Where none does, or there are none, on queries that are made from the passages, which the result says.

    Raises:
        ProjectError: when there is nothing to search, or nothing to measure with.
        MissingExtra: when the library of the measures is not installed.
    """
    require_documents(workspace)
    queries = [query for query in workspace.split.test if query.evidence] if workspace.has_queries else []
    made = None if queries else synthetic(workspace, progress)
    clusters = workspace.split.clusters if made is None else {query.id: query.cluster or query.id for query in made}
    asked = queries if made is None else [query for query in made if query.answerable]
    result = measure_searches(
        {name: search_with(workspace.knowledge, plan) for name, plan in plans(workspace).items()},
        asked,
        relevance_of(asked, workspace.knowledge),
        baseline="hybrid",
        clusters=clusters,
        seed=workspace.settings.experiment.seed,
        kind="labelled" if made is None else "synthetic",
        progress=partial(progress, STAGE),
    )
    if made is None:
        return result
    missing = [query for query in made if not query.answerable]
    apart = told_apart(search_with(workspace.knowledge, workspace.plan), asked, missing)
    notes = (*result.notes, _told(workspace))
    return replace(result, notes=notes, unanswerable=len(missing), told_apart=apart)


def synthetic(workspace: Workspace, progress: Progress) -> list[Query]:
    """Queries made from passages: by the project's model where it writes, else of the passages' own words.

    Raises:
        ProjectError: when the passages are too short to make any.
    """
    seed = workspace.settings.experiment.seed
    write = keywords if _is_embedded(workspace) else asked_by(base_chat(workspace))
    passages = sample(workspace.knowledge, SYNTHETIC, seed)
    tell = partial(progress, "Making synthetic queries")
    made = synthetic_queries(passages, write, workspace.embedding, seed=seed, progress=tell)
    if not made:
        raise ProjectError(
            "No query names its evidence, and the passages are too short to make queries of. Give queries with "
            '"evidence": [{"doc": "…", "quote": "…"}].'
        )
    return made


def _is_embedded(workspace: Workspace) -> bool:
    return workspace.settings.model.provider == "embedded"


def _told(workspace: Workspace) -> str:
    how = (
        "of some words of a sentence, which flatters search by words"
        if _is_embedded(workspace)
        else "by the project's model, which has seen the passage"
    )
    return (
        f"These queries are synthetic: each was made from a passage {how}. They help to choose among settings; the "
        "absolute values are too high, and they say nothing about your users' questions. Label queries with evidence."
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


def require_documents(workspace: Workspace) -> None:
    """Refuse a project whose search nobody can judge.

    Raises:
        ProjectError: when it draws on examples, or is empty.
    """
    if workspace.draws_on_examples:
        raise ProjectError(
            "This project retrieves demonstrations from its examples, and no label says which of them are the right "
            "ones. Retrieval alone is measured where it draws on documents: name some in [knowledge] sources."
        )
    if workspace.knowledge.count() == 0:
        raise ProjectError(f"{workspace.folder}: the knowledge base is empty; add documents, then sync.")
