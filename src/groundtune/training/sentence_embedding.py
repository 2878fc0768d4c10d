"""Tune any embedding model of sentence-transformers by path; the embedded one has a recipe of its own (`embedding`).

The loss is cached multiple negatives ranking at scale 20 (Henderson et al. 2017, arXiv 1705.00652; Gao et al. 2021,
arXiv 2101.06983), without duplicates in a batch, over positive-aware hard negatives (`mine_negatives`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groundtune.training.embedding import RetrievalRow
from groundtune.training.sentence_trainer import Kind, Places, RetrievalRecipe, TunedRetrieval, tune

__all__ = ["tune_sentence_embedding"]

_SCALE = 20.0
_NEGATIVES = 4


def tune_sentence_embedding(
    rows: Sequence[RetrievalRow],
    dev: Sequence[RetrievalRow],
    *,
    recipe: RetrievalRecipe,
    places: Places,
    progress: Callable[[int, int], None] | None = None,
) -> TunedRetrieval:
    """Tune an embedding model.

    Args:
        rows: With negatives where there are any, such as `mine_negatives` gives them.
        dev: What to stop by: each question ranks the texts of all dev rows; without rows it trains to the end.
        recipe: How.
        places: Base weights, state and result.
        progress: Called with (steps done, all).

    Raises:
        GateClosed: when no row has a text that answers.
        WeightsError: as in `groundtune.training.sentence_trainer.tune`, as are the others.
    """
    return tune(_KIND, rows, dev, recipe, places, progress=progress)


def _load(base: Path, recipe: RetrievalRecipe) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(base), local_files_only=True, trust_remote_code=False)
    model.max_seq_length = min(recipe.max_tokens, model.max_seq_length or recipe.max_tokens)
    return model


def _columns(rows: Sequence[RetrievalRow]) -> dict[str, list[Any]]:
    """A pair for each answering text, with as many negatives for every one: columns cannot be ragged."""
    pairs = [(row, positive) for row in rows for positive in row.positives]
    columns = {"question": [row.question for row, _ in pairs], "text": [positive for _, positive in pairs]}
    for place in range(min(_NEGATIVES, max(len(row.negatives) for row in rows))):
        columns[f"negative_{place}"] = [_negative(row, rows, place) for row, _ in pairs]
    return columns


def _negative(row: RetrievalRow, rows: Sequence[RetrievalRow], place: int) -> str:
    """A row's own, again from the first where it has fewer; without any, what another row knows as none or as its own.

    The last resort is no hard negative, but costs a row with no near text less than leaving it out.
    """
    if row.negatives:
        return row.negatives[place % len(row.negatives)]
    others = [text for other in rows if other is not row for text in (*other.negatives, *other.positives)]
    return next(text for text in others[place:] + others if text not in row.positives)


def _loss(model: Any, _: Sequence[RetrievalRow]) -> Any:
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    return CachedMultipleNegativesRankingLoss(model, scale=_SCALE)


def _evaluator(dev: Sequence[RetrievalRow]) -> Any:
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator, SimilarityFunction

    texts = list(dict.fromkeys(text for row in dev for text in (*row.positives, *row.negatives)))
    place = {text: str(i) for i, text in enumerate(texts)}
    evaluator = InformationRetrievalEvaluator(
        queries={str(i): row.question for i, row in enumerate(dev)},
        corpus={identity: text for text, identity in place.items()},
        relevant_docs={str(i): {place[text] for text in row.positives} for i, row in enumerate(dev)},
        mrr_at_k=[10],
        name="dev",
        write_csv=False,
        main_score_function=SimilarityFunction.COSINE,
        score_functions={"cosine": _cosine()},
    )
    evaluator.primary_metric = "dev_cosine_mrr@10"
    return evaluator


def _cosine() -> Any:
    from sentence_transformers.util import cos_sim

    return cos_sim


def _trainer() -> tuple[Any, Any, dict[str, Any]]:
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    return (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
        {"batch_sampler": BatchSamplers.NO_DUPLICATES},
    )


_KIND = Kind(name="embedding model", load=_load, columns=_columns, loss=_loss, evaluator=_evaluator, trainer=_trainer)
