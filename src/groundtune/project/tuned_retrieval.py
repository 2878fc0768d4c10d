"""Tuned retrieval: what it is stopped by, what it must gain before it is used, and the index that it brings along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from groundtune.experiment.retrieval.measure import DECIDES, found_by, gain_of
from groundtune.experiment.retrieval.metrics import query_values
from groundtune.experiment.retrieval.relevance import relevance_of
from groundtune.knowledge.fusion import ndcg
from groundtune.knowledge.passages import embedded_text
from groundtune.knowledge.reranking import mixed
from groundtune.project.indexing import index_sources
from groundtune.project.rerankers import reranker_at
from groundtune.project.retrieving import search_with
from groundtune.project.workspace import Workspace
from groundtune.records import Query
from groundtune.training.card import GateResult

if TYPE_CHECKING:
    from groundtune.experiment.retrieval.results import Gain
    from groundtune.knowledge import SearchPlan
    from groundtune.models import Reranker
    from groundtune.project.measuring import Progress
    from groundtune.training.registry import Checkpoint

__all__ = ["GATE", "best_weight", "examine_retrieval", "held_out", "stopping", "without_reranker"]

GATE = "gain on held-out queries"
"""The gate of every tuned retrieval model."""

_STOP_SHARE = 3  # one cluster in so many of dev stops the training; the others decide whether it was worth it

Values = Mapping[str, float]
"""By query id."""


def stopping(workspace: Workspace) -> list[Query]:
    """The dev queries that a training of retrieval may stop by."""
    return [query for query, stops in _dealt(workspace) if stops]


def held_out(workspace: Workspace) -> list[Query]:
    """The dev queries with evidence that no training of retrieval sees; the test queries stay unseen by both."""
    return [query for query, stops in _dealt(workspace) if not stops and query.evidence]


def _dealt(workspace: Workspace) -> list[tuple[Query, bool]]:
    """Dev queries, whole clusters to one side."""
    split = workspace.split
    stops = set(sorted({split.clusters[query.id] for query in split.dev})[::_STOP_SHARE])
    return [(query, split.clusters[query.id] in stops) for query in split.dev]


def without_reranker(workspace: Workspace) -> SearchPlan:
    """The project's search before anything reads its candidates again."""
    return replace(workspace.plan, reranker=None)


def examine_retrieval(workspace: Workspace, checkpoint: Checkpoint, progress: Progress) -> list[GateResult]:
    """Whether a tuned embedding or reranker finds more than what it was tuned from, on queries that it never saw.

    For an embedding this builds the whole index beside the one in use; promoting it then is one rename of a file.

    Args:
        workspace: With what the model is compared with: for an embedding, the base one.
        checkpoint: The tuned model.
        progress: Called with (stage, done, total).

    Raises:
        MissingExtra: when the library of the measures is not installed.
    """
    plan, tuned = without_reranker(workspace), workspace
    after = plan
    if checkpoint.card.kind == "embedding":
        tuned = workspace.with_embedding(checkpoint.id)
        index_sources(tuned, progress, stage="Indexing with the tuned embedding")
        tuned.knowledge.alpha = workspace.knowledge.alpha
    else:
        weight = checkpoint.card.metrics.get("weight")
        after = replace(
            plan, reranker=reranker_at(workspace, checkpoint.folder), rerank_weight=weight or plan.rerank_weight
        )
    old = _values(workspace, plan, progress, "Searching without it")
    new = _values(tuned, after, progress, "Searching with it")
    return [_gate(gain_of(new, old, workspace.split.clusters, baseline="untuned", seed=_seed(workspace)))]


def _seed(workspace: Workspace) -> int:
    return workspace.settings.experiment.seed


def _values(workspace: Workspace, plan: SearchPlan, progress: Progress, stage: str) -> Values:
    """What decides, for each held-out query: over passages where every label says where, else over documents."""
    queries, done = held_out(workspace), 0
    relevance = relevance_of(queries, workspace.knowledge)

    def tick() -> None:
        nonlocal done
        done += 1
        progress(stage, done, len(queries))

    found = found_by(search_with(workspace.knowledge, plan), queries, tick=tick)
    if len(relevance.passages) == len(queries):
        return query_values(found.passages, relevance.passages)[DECIDES]
    return query_values(found.documents, relevance.documents)[DECIDES]


def best_weight(workspace: Workspace, reranker: Reranker, weights: Sequence[float]) -> float:
    """The share of a reranker's score that orders documents best for the queries that trainings may stop by."""
    plan = without_reranker(workspace)
    gains: dict[float, float] = dict.fromkeys(weights, 0.0)
    for query in stopping(workspace):
        relevant = {evidence.doc for evidence in query.evidence}
        hits = workspace.knowledge.search(query.question, plan.rerank_depth, plan)
        if not relevant or not hits:
            continue
        found = reranker.score(query.question, [embedded_text(hit.passage) for hit in hits])
        for weight in weights:
            scores = mixed(found, [hit.score for hit in hits], weight)
            best_first = sorted(zip(scores, hits, strict=True), key=lambda pair: (-pair[0], pair[1].rank))
            documents = list(dict.fromkeys(hit.passage.document for _, hit in best_first))
            gains[weight] += ndcg(documents, relevant)
    return max(weights, key=lambda weight: (round(gains[weight], 9), -weight))


def _gate(gain: Gain) -> GateResult:
    if gain.value is None or gain.interval is None:
        note = f"{gain.note or 'too few queries'}; label dev queries with evidence to show a gain"
        return GateResult(name=GATE, passed=False, note=note)
    low, high = 100 * gain.interval.low, 100 * gain.interval.high
    told = f"p = {gain.p:.3f}" if gain.p is not None else gain.note or "no query differs"
    points = f"{gain.measure} {100 * gain.value:+.1f} points ({low:+.1f} to {high:+.1f}) on {gain.n} queries, {told}"
    return GateResult(
        name=GATE,
        passed=gain.significant,
        value=gain.value,
        margin=0.0,
        interval=gain.interval,
        note=points if gain.significant else f"{points}: not beyond doubt, so the untuned one stays in use",
    )
