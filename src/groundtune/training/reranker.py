"""Tune a cross-encoder that reads question and passage together and says how well the one answers the other.

Its negatives are positive-aware (`mine_negatives`; NV-Retriever, arXiv 2407.15831): a passage that scores nearly as
high as the known answer may be one as well, and is not held against the question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groundtune.errors import GateClosed
from groundtune.training.embedding import RetrievalRow
from groundtune.training.sentence_trainer import Kind, Places, RetrievalRecipe, TunedRetrieval, tune

__all__ = ["tune_reranker"]

_OTHERS = 20  # texts that a dev question without negatives of its own is ranked among


def tune_reranker(
    rows: Sequence[RetrievalRow],
    dev: Sequence[RetrievalRow],
    *,
    recipe: RetrievalRecipe,
    places: Places,
    progress: Callable[[int, int], None] | None = None,
) -> TunedRetrieval:
    """Tune a cross-encoder, or give an encoder the head of one.

    The loss is binary cross entropy over single pairs; positives weigh as much as their negatives together.

    Args:
        rows: With negatives, such as `mine_negatives` gives them.
        dev: What to stop by; without rows it trains to the end. One without negatives is ranked among the texts of
            the others.
        recipe: How.
        places: Base weights, state and result.
        progress: Called with (steps done, all).

    Raises:
        GateClosed: when no row has a text that answers, or none has a negative.
        WeightsError: as in `groundtune.training.sentence_trainer.tune`, as are the others.
    """
    if rows and not any(row.negatives for row in rows):
        raise GateClosed("No row has a negative: a reranker learns from passages that do not answer. Mine them first.")
    return tune(_KIND, rows, dev, recipe, places, progress=progress)


def _load(base: Path, recipe: RetrievalRecipe) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(
        str(base), num_labels=1, max_length=recipe.max_tokens, local_files_only=True, trust_remote_code=False
    )


def _pairs(rows: Sequence[RetrievalRow]) -> list[tuple[str, str, float]]:
    return [
        (row.question, text, label)
        for row in rows
        for texts, label in ((row.positives, 1.0), (row.negatives, 0.0))
        for text in texts
    ]


def _columns(rows: Sequence[RetrievalRow]) -> dict[str, list[Any]]:
    questions, texts, labels = zip(*_pairs(rows), strict=True)
    return {"question": list(questions), "text": list(texts), "label": list(labels)}


def _loss(model: Any, rows: Sequence[RetrievalRow]) -> Any:
    import torch
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    labels = [label for _, _, label in _pairs(rows)]
    weight = (len(labels) - sum(labels)) / sum(labels)
    return BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(max(1.0, weight)))


def _evaluator(dev: Sequence[RetrievalRow]) -> Any:
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator

    samples: list[dict[str, str | list[str]]] = [
        {"query": row.question, "positive": list(row.positives), "negative": _negatives(row, dev)} for row in dev
    ]
    evaluator = CrossEncoderRerankingEvaluator(samples, at_k=10, name="dev", write_csv=False)
    evaluator.primary_metric = "dev_mrr@10"
    return evaluator


def _negatives(row: RetrievalRow, dev: Sequence[RetrievalRow]) -> list[str]:
    others = dict.fromkeys(text for other in dev for text in other.positives if text not in row.positives)
    return list(row.negatives) or list(others)[:_OTHERS]


def _trainer() -> tuple[Any, Any, dict[str, Any]]:
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments

    return CrossEncoderTrainer, CrossEncoderTrainingArguments, {}


_KIND = Kind(name="reranker", load=_load, columns=_columns, loss=_loss, evaluator=_evaluator, trainer=_trainer)
