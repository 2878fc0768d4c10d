"""The search, stage by stage: wordings, rankings, near duplicates, reranking, a cap for each document, diversity."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.fusion import reciprocal_rank
from groundtune.knowledge.mmr import diversified
from groundtune.knowledge.near_duplicates import Distinct
from groundtune.knowledge.ranking import DEPTH, Ranking
from groundtune.knowledge.reranking import reranked
from groundtune.knowledge.search_plan import Mode, SearchPlan
from groundtune.knowledge.store import Snapshot
from groundtune.models import EmbeddingModel
from groundtune.records import Hit

__all__ = ["Search"]


class Search:
    """Searches a snapshot of the index; safe from many threads."""

    def __init__(self, embedding: EmbeddingModel, learned: Path) -> None:
        """Search with an embedding model; ``learned`` is the file that keeps the learned weight of its score."""
        self._ranking = Ranking(embedding, learned)

    def timed(
        self, snapshot: Snapshot | None, question: str, k: int, how: SearchPlan | Mode, *, within: Filter = EVERYONE
    ) -> tuple[list[Hit], dict[str, float]]:
        """The ``k`` best passages, best first, with the milliseconds of the stages.

        Returns:
            Hits; and ``embed``, ``search`` (all but the models), ``total``, besides ``rewrite`` and ``rerank`` where
            these stages are on.

        Raises:
            StorageError: when the index cannot be read.
            ModelError: when the model behind a stage failed.
        """
        clock = _Clock()
        if snapshot is None or not question.strip():
            return [], clock.milliseconds()
        plan = how if isinstance(how, SearchPlan) else SearchPlan(mode=how)
        questions = _wordings(question, plan, clock)
        wanted = max(k, _wanted(plan))
        scores = self._scores(snapshot, questions, wanted, plan.mode, within, clock)
        hits = list(islice(_distinct(snapshot, scores, plan.collapse, wanted), wanted))
        if plan.reranker is not None:
            with clock.timing("rerank"):
                depth, weight = plan.rerank_depth, plan.rerank_weight
                hits = reranked(question, hits, plan.reranker, depth=depth, weight=weight)
        if plan.per_document:
            hits = list(_capped(hits, plan.per_document))
        if plan.mmr < 1.0:
            hits = _diverse(snapshot, hits[: max(k, plan.fetch_k)], k, plan.mmr)
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[:k], start=1)], clock.milliseconds()

    def _scores(
        self, snapshot: Snapshot, questions: Sequence[str], depth: int, mode: Mode, within: Filter, clock: _Clock
    ) -> dict[str, float]:
        """Candidates with their scores: of the question, or the fused ranks of all its wordings."""
        found = []
        for wording in questions:
            scores, embed = self._ranking.scores(snapshot, wording, mode, depth, within)
            clock.add("embed", embed)
            found.append(scores)
        return found[0] if len(found) == 1 else reciprocal_rank([_best_first(scores) for scores in found])

    @property
    def alpha(self) -> float | None:
        """Weight of the dense score in hybrid search, see `Ranking`."""
        return self._ranking.alpha

    @alpha.setter
    def alpha(self, alpha: float | None) -> None:
        self._ranking.alpha = alpha

    def learn_alpha(self, snapshot: Snapshot | None, labelled: Sequence[tuple[str, Set[str]]]) -> float:
        """See `Ranking.learn_alpha`."""
        return self._ranking.learn_alpha(snapshot, labelled)


def _wordings(question: str, plan: SearchPlan, clock: _Clock) -> list[str]:
    if plan.rewrite is None:
        return [question]
    with clock.timing("rewrite"):
        return list(dict.fromkeys([question, *plan.rewrite(question)]))


def _wanted(plan: SearchPlan) -> int:
    """How many distinct candidates the stages after the ranking look at."""
    reads = plan.rerank_depth if plan.reranker is not None else 0
    fetched = plan.fetch_k if plan.mmr < 1.0 else 0
    return max(reads, fetched, DEPTH if plan.per_document else 0)


def _best_first(scores: dict[str, float]) -> list[str]:
    return sorted(scores, key=lambda id_: (-scores[id_], id_))


def _distinct(snapshot: Snapshot, scores: dict[str, float], collapse: float, wanted: int) -> Iterator[Hit]:
    """Candidates with their texts, best first; of near duplicates the first. Texts are read ``wanted`` at a time."""
    ranked, distinct, rank = _best_first(scores), Distinct(collapse), 0
    for low in range(0, len(ranked), wanted):
        ids = ranked[low : low + wanted]
        vectors = snapshot.vectors_of(ids) if distinct.looks_at_vectors else [None] * len(ids)
        for passage, vector in zip(snapshot.passages(ids), vectors, strict=True):
            if distinct.admits(passage, vector):
                rank += 1
                yield Hit(rank=rank, score=scores[passage.id], passage=passage)


def _capped(hits: Iterable[Hit], most: int) -> Iterator[Hit]:
    """At most so many of one document."""
    taken: Counter[str] = Counter()
    for hit in hits:
        taken[hit.passage.document] += 1
        if taken[hit.passage.document] <= most:
            yield hit


def _diverse(snapshot: Snapshot, hits: Sequence[Hit], k: int, weight: float) -> list[Hit]:
    vectors = snapshot.vectors_of([hit.passage.id for hit in hits])
    return [hits[place] for place in diversified([hit.score for hit in hits], vectors, k, weight)]


class _Clock:
    """Seconds of the stages."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._models = {"embed": 0.0}

    def add(self, stage: str, seconds: float) -> None:
        self._models[stage] = self._models.get(stage, 0.0) + seconds

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - began)

    def milliseconds(self) -> dict[str, float]:
        total = time.perf_counter() - self._began
        own = total - sum(self._models.values())
        return {stage: seconds * 1e3 for stage, seconds in {**self._models, "search": own, "total": total}.items()}
