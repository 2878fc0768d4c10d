"""Rankings of all passages for a question: by meaning, by words, or both with a weight that can be learned."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from groundtune.knowledge.embedding import question_vector
from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.fusion import ALPHAS, DEFAULT_ALPHA, best_alpha, convex, ndcg, reciprocal_rank
from groundtune.knowledge.search_plan import Mode
from groundtune.knowledge.store import Snapshot
from groundtune.models import EmbeddingModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEPTH", "Ranking"]

DEPTH = 100
"""Candidates of each ranking that go into the fusion."""


class Ranking:
    """Ranks the passages of a snapshot; safe from many threads.

    Hybrid ranking mixes the scores with the weight ``alpha`` of the dense one: the one that `learn_alpha` found for
    this project, else `DEFAULT_ALPHA`. Set it to None to fuse the ranks instead (reciprocal rank fusion).
    """

    def __init__(self, embedding: EmbeddingModel, learned: Path) -> None:
        """Rank with an embedding model; ``learned`` is the file that keeps the learned weight."""
        self._embedding = embedding
        self._learned = learned
        self._helper = ThreadPoolExecutor(4, thread_name_prefix="groundtune-search")
        self.alpha: float | None = _read_alpha(learned)

    def scores(
        self, snapshot: Snapshot, question: str, mode: Mode, depth: int, within: Filter
    ) -> tuple[dict[str, float], float]:
        """Scores of at least ``depth`` passages by id, where there are so many, and the seconds that embedding took."""
        depth = max(depth, DEPTH)
        lexical = self._helper.submit(snapshot.lexical, question, depth, within) if mode != "dense" else None
        vector, embed = None, 0.0
        if mode != "lexical":
            started = time.perf_counter()
            vector = question_vector(self._embedding, question)
            embed = time.perf_counter() - started
        dense = snapshot.dense(vector, depth, within) if vector is not None else {}
        return self._fused(snapshot, dense, lexical.result() if lexical else {}, vector), embed

    def _fused(
        self, snapshot: Snapshot, dense: dict[str, float], lexical: dict[str, float], vector: NDArray[np.float32] | None
    ) -> dict[str, float]:
        if vector is None or not lexical:
            return dense or lexical
        if self.alpha is None:
            return reciprocal_rank([list(dense), list(lexical)])
        return convex(
            dense | snapshot.cosines([id_ for id_ in lexical if id_ not in dense], vector), lexical, self.alpha
        )

    def learn_alpha(self, snapshot: Snapshot | None, labelled: Sequence[tuple[str, Set[str]]]) -> float:
        """Learn the weight of the dense score from questions with the ids of their relevant documents, and keep it.

        The weight of the grid with the highest mean nDCG@10 over documents wins; from then on hybrid search mixes the
        scores with it. Sensible from about 40 questions.

        Args:
            snapshot: What is searched.
            labelled: Pairs of question and relevant document ids.
        """
        gains: dict[float, list[float]] = {alpha: [] for alpha in ALPHAS}
        for question, relevant in labelled if snapshot is not None else ():
            assert snapshot is not None
            vector = question_vector(self._embedding, question)
            lexical = snapshot.lexical(question, DEPTH, EVERYONE)
            dense = snapshot.dense(vector, DEPTH, EVERYONE)
            dense |= snapshot.cosines([id_ for id_ in lexical if id_ not in dense], vector)
            for alpha, gain in gains.items():
                scores = convex(dense, lexical, alpha)
                gain.append(ndcg(_documents(snapshot, scores), relevant))
        self.alpha = best_alpha(gains)
        self._learned.parent.mkdir(parents=True, exist_ok=True)
        self._learned.write_text(json.dumps({"alpha": self.alpha, "questions": len(labelled)}), encoding="utf-8")
        return self.alpha


def _documents(snapshot: Snapshot, scores: dict[str, float]) -> list[str]:
    """Documents in the order of their best passage."""
    ranked = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return list(dict.fromkeys(snapshot.documents_of(ranked)))


def _read_alpha(path: Path) -> float:
    try:
        alpha = float(json.loads(path.read_text(encoding="utf-8"))["alpha"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_ALPHA
    return alpha if 0.0 <= alpha <= 1.0 else DEFAULT_ALPHA
