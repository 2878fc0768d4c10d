"""Settings of the search swept on dev queries, and what the best of them is worth on the test queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from groundtune.errors import ProjectError
from groundtune.experiment.retrieval.halving import halve
from groundtune.experiment.retrieval.measure import DECIDES, figure_of, found_by, gain_of
from groundtune.experiment.retrieval.metrics import query_values
from groundtune.experiment.retrieval.relevance import relevance_of
from groundtune.experiment.retrieval.results import SweepResult
from groundtune.project.retrieving import require_documents, search_with
from groundtune.project.searching import ENOUGH_LABELS
from groundtune.records import Query

if TYPE_CHECKING:
    from groundtune.knowledge import KnowledgeBase, Mode, SearchPlan
    from groundtune.project.measuring import Progress
    from groundtune.project.workspace import Workspace

__all__ = ["sweep_retrieval"]

TOKENS = (100, 200, 250)
"""Lengths of passages that are tried; each needs an index of its own."""

MOST_PASSAGES = 20_000
"""With more passages only the present length is searched: another one would take long to embed."""

MODES: tuple[Mode, ...] = ("hybrid", "dense", "lexical")
DIVERSITY = (1.0, 0.7)
DEPTHS = (10, 30)
COUNTS = (3, 5, 8, 12, 20)
"""Numbers of passages for the model."""

_LOOKED_AT = 20  # passages that a search is judged by
_ENOUGH = 0.01  # recall that more passages must bring, to be worth reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Settings that are tried together, with their values in groundtune.toml."""

    tokens: int
    plan: SearchPlan
    values: Mapping[str, Any] = field(hash=False)


def sweep_retrieval(workspace: Workspace, progress: Progress) -> SweepResult:
    """Find settings on dev by successive halving and measure them once on test, against the present ones.

    Nothing is written to the user's file.

    Raises:
        ProjectError: when dev or test has no query that names its evidence.
        MissingExtra: when the library of the measures is not installed.
    """
    require_documents(workspace)
    dev, test = ([query for query in side if query.evidence] for side in (workspace.split.dev, workspace.split.test))
    if not dev or not test:
        raise ProjectError(
            f"A sweep needs queries with evidence in dev ({len(dev)} now) and in test ({len(test)} now). "
            'Give queries "evidence": [{"doc": "…", "quote": "…"}].'
        )
    arms = _arms(workspace)
    sweep = _Sweep(workspace, [*dev, *test], progress, total=len(arms) * len(dev))
    sweep.learn(workspace.knowledge, dev)
    best, rounds = halve(arms, dev, sweep.values, seed=workspace.settings.experiment.seed)
    count, recalls = sweep.count(best, dev)
    present, chosen = sweep.values(arms[0], test), sweep.values(best, test)
    clusters = workspace.split.clusters
    changed = {key: value for key, value in best.values.items() if value != arms[0].values[key]}
    if count != workspace.settings.knowledge.passages:
        changed["knowledge.passages"] = count
    return SweepResult(
        arms=len(arms),
        rounds=tuple(rounds),
        changed=changed,
        recall_on_dev=recalls,
        present=figure_of(present, clusters),
        chosen=figure_of(chosen, clusters),
        gain=gain_of(chosen, present, clusters, baseline="present settings", seed=workspace.settings.experiment.seed),
        unit=sweep.unit,
        alpha=sweep.alpha(best),
    )


def _arms(workspace: Workspace) -> list[Arm]:
    """The present settings first, so that they win where nothing is better."""
    own, settings = workspace.plan, workspace.settings.knowledge
    tokens = [settings.passage_tokens]
    if workspace.knowledge.count() <= MOST_PASSAGES:
        tokens += [length for length in TOKENS if length not in tokens]
    modes = [own.mode, *(mode for mode in MODES if mode != own.mode)]
    mmr = [own.mmr, *(weight for weight in DIVERSITY if weight != own.mmr)]
    depths = [own.rerank_depth]
    if own.reranker is not None:
        depths += [depth for depth in DEPTHS if depth != own.rerank_depth]
    return [
        Arm(
            tokens=length,
            plan=replace(own, mode=mode, mmr=weight, rerank_depth=depth),
            values={
                "knowledge.passage_tokens": length,
                "knowledge.search": mode,
                "knowledge.mmr": weight,
                "model.reranker.depth": depth,
            },
        )
        for length, mode, weight, depth in product(tokens, modes, mmr, depths)
    ]


class _Sweep:
    """Arms on queries; indexes are made when an arm first needs them, and kept for the next sweep."""

    def __init__(self, workspace: Workspace, labelled: Sequence[Query], progress: Progress, *, total: int) -> None:
        self._workspace = workspace
        self._progress = progress
        self._done, self._total = 0, total
        self._learned_from: Sequence[tuple[str, frozenset[str]]] = ()
        self._indexes: dict[int, KnowledgeBase] = {workspace.settings.knowledge.passage_tokens: workspace.knowledge}
        relevance = relevance_of(labelled, workspace.knowledge)
        self.unit = "passages" if len(relevance.passages) == len(labelled) else "documents"

    def learn(self, present: KnowledgeBase, dev: Sequence[Query]) -> None:
        """Let hybrid search weigh meaning and words as it would with each arm in use: from dev, with labels enough."""
        if len(dev) >= ENOUGH_LABELS:
            self._learned_from = [(query.question, frozenset(e.doc for e in query.evidence)) for query in dev]
            present.learn_alpha(self._learned_from)

    def alpha(self, arm: Arm) -> float | None:
        """Weight of the dense score with these settings; None where only one ranking counts."""
        return self._index(arm.tokens).alpha if arm.plan.mode == "hybrid" else None

    def values(self, arm: Arm, queries: Sequence[Query]) -> dict[str, float]:
        """What decides, by query."""
        return self._measured(arm, queries)[DECIDES]

    def count(self, arm: Arm, queries: Sequence[Query]) -> tuple[int, dict[int, float]]:
        """The fewest passages that find as much as the most do, and the share found by each number."""
        knowledge = self._index(arm.tokens)
        relevance = relevance_of(queries, knowledge)
        relevant = relevance.passages if self.unit == "passages" else relevance.documents
        recalls: dict[int, float] = {}
        for count in COUNTS:
            found = found_by(search_with(knowledge, arm.plan), queries, depth=count)
            ranked = found.passages if self.unit == "passages" else found.documents
            shares = [len(relevant[query] & set(ranked[query])) / len(relevant[query]) for query in relevant]
            recalls[count] = sum(shares) / max(1, len(shares))
        most = max(recalls.values())
        return next(count for count in COUNTS if recalls[count] >= most - _ENOUGH), recalls

    def _measured(self, arm: Arm, queries: Sequence[Query]) -> dict[str, dict[str, float]]:
        knowledge = self._index(arm.tokens)
        relevance = relevance_of(queries, knowledge)
        found = found_by(search_with(knowledge, arm.plan), queries, tick=self._tick, depth=_LOOKED_AT)
        if self.unit == "passages":
            return query_values(found.passages, relevance.passages)
        return query_values(found.documents, relevance.documents)

    def _tick(self) -> None:
        self._done += 1
        self._progress("Sweeping settings", min(self._done, self._total), self._total)

    def _index(self, tokens: int) -> KnowledgeBase:
        if tokens not in self._indexes:
            self._indexes[tokens] = self._made(tokens)
        return self._indexes[tokens]

    def _made(self, tokens: int) -> KnowledgeBase:
        from groundtune.knowledge import KnowledgeBase

        workspace = self._workspace
        made = KnowledgeBase(workspace.home / "sweep" / str(tokens), workspace.embedding, max_tokens=tokens)
        stage = f"Indexing passages of {tokens} tokens"

        def tell(done: int, total: int | None, unit: str) -> None:
            self._progress(stage if unit == "documents" else f"{stage} ({unit})", done, total or 0)

        made.sync(workspace.settings.knowledge.sources, workspace.folder, progress=tell)
        if self._learned_from:
            made.learn_alpha(self._learned_from)
        else:
            made.alpha = workspace.knowledge.alpha
        return made
