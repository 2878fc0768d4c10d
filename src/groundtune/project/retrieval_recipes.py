"""The recipes of the search: an embedding model, a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from groundtune.errors import GateClosed
from groundtune.project.providers import local_name
from groundtune.project.recipes import Bench, Made
from groundtune.project.rerankers import reranker_at
from groundtune.training.rows import answering, locate

if TYPE_CHECKING:
    from groundtune.training.embedding import RetrievalRow
    from groundtune.training.rows import TrainingRow

__all__ = ["tune_embedding_of", "tune_reranker_of"]

NEGATIVES = 4
"""Passages without the answer that a question is trained against."""

WEIGHTS = (0.3, 0.5, 0.7, 0.9, 1.0)
"""Shares of a tuned reranker's score that are tried on the queries that its training was stopped by."""


def tune_embedding_of(bench: Bench) -> Made:
    """The embedding model, from questions with the passages that answer them."""
    from groundtune.knowledge.passages import embedded_text
    from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
    from groundtune.models.embedded.embed import EmbeddedEmbedding
    from groundtune.training.embedding import EMBEDDING_SCHEDULE, mine_negatives, tune_embedding

    base = bench.workspace.weights
    untuned = EmbeddedEmbedding.of(base)
    corpus = [embedded_text(passage) for case in bench.cases for passage in (*case.passages, *case.gold)]

    train = _answered(bench.cases)
    tuned = tune_embedding(
        mine_negatives(train, corpus, untuned),
        _rows(bench.dev),
        base=base,
        tokens=untuned.tokens,
        schedule=replace(EMBEDDING_SCHEDULE, seed=bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the embedding model", at.done, at.total),
    )
    write_checkpoint(bench.made, CheckpointCard(kind="embedding", base=base.sha256), tuned.tensors, base)
    return Made(metrics={"dev": tuned.fitted.best.dev_score, "dev before": tuned.before}, base=base.sha256)


def tune_reranker_of(bench: Bench) -> Made:
    """The project's reranker, from questions with passages that answer them and near ones that do not.

    That is the cross-encoder that the settings name by path, else the embedded one.
    """
    _answered(bench.cases)
    rows = [_with_negatives(case) for case in bench.cases if answering(case)]
    dev = [_with_negatives(case) for case in bench.dev if answering(case)]
    if bench.workspace.settings.model.reranker.provider == "transformers":
        return _tuned_by_path(bench, rows, dev)
    return _tuned_embedded(bench, rows, dev)


def _tuned_by_path(bench: Bench, rows: Sequence[RetrievalRow], dev: Sequence[RetrievalRow]) -> Made:
    from groundtune.models.transformers import weights_sha256
    from groundtune.training.reranker import tune_reranker
    from groundtune.training.sentence_trainer import Places, RetrievalRecipe

    name = bench.workspace.settings.model.reranker.name
    base = Path(local_name(bench.workspace, name))
    tuned = tune_reranker(
        rows,
        dev,
        recipe=RetrievalRecipe(seed=bench.seed),
        places=Places(base=base, state=bench.state, out=bench.made),
        progress=lambda done, total: bench.progress("Tuning the reranker", done, total),
    )
    metrics = {"dev": tuned.dev, "dev before": tuned.before, "weight": _best_weight(bench)}
    return Made(metrics=metrics, base=weights_sha256(base), base_name=name)


def _tuned_embedded(bench: Bench, rows: Sequence[RetrievalRow], dev: Sequence[RetrievalRow]) -> Made:
    from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
    from groundtune.training.embedded_reranker import RERANKER_SCHEDULE, tune_embedded_reranker

    base = bench.workspace.weights
    tuned = tune_embedded_reranker(
        rows,
        dev,
        base=base,
        tokens=bench.workspace.encoder.tokens,
        schedule=replace(RERANKER_SCHEDULE, seed=bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the reranker", at.done, at.total),
    )
    write_checkpoint(bench.made, CheckpointCard(kind="reranker", base=base.sha256), tuned.tensors, base)
    metrics = {"dev": tuned.fitted.best.dev_score, "dev before": tuned.before, "weight": _best_weight(bench)}
    return Made(metrics=metrics, base=base.sha256)


def _rows(cases: Sequence[TrainingRow]) -> list[RetrievalRow]:
    from groundtune.knowledge.passages import embedded_text
    from groundtune.training.embedding import RetrievalRow

    found = [(case.question, tuple(embedded_text(passage) for passage in answering(case))) for case in cases]
    return [RetrievalRow(question=question, positives=texts) for question, texts in found if texts]


def _answered(cases: Sequence[TrainingRow]) -> list[RetrievalRow]:
    """Rows of the cases that are known to be answered somewhere.

    Raises:
        GateClosed: when there is none.
    """
    rows = _rows(cases)
    if not rows:
        raise GateClosed(
            "No example names its evidence, and none of the retrieved passages holds an answer word for word, so there "
            'is nothing to tune retrieval on. Add "evidence": [{"doc": "…"}] to the examples.'
        )
    return rows


def _with_negatives(case: TrainingRow) -> RetrievalRow:
    """A case with the passages that were found for it and hold no answer: what a reranker has to tell apart."""
    from groundtune.knowledge.passages import embedded_text

    (row,) = _rows([case])
    right = {passage.id for passage in answering(case)}
    wrong = [p for p in case.passages if p.id not in right and locate(case.answer, p.text) is None]
    return replace(row, negatives=tuple(embedded_text(passage) for passage in wrong[:NEGATIVES]))


def _best_weight(bench: Bench) -> float:
    """The share of the tuned score with the best order on the queries that the training was stopped by."""
    from groundtune.project.tuned_retrieval import best_weight

    return best_weight(bench.workspace, reranker_at(bench.workspace, bench.made), WEIGHTS)
