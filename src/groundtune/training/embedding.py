"""Recipe: tune the embedding model on pairs of a question and the passage that answers it.

The loss is multiple negatives ranking (Henderson et al. 2017, https://arxiv.org/abs/1705.00652): each question must
find its passage among all passages of the batch, hard negatives included, at scale 20. Hard negatives are
positive-aware (NV-Retriever, https://arxiv.org/abs/2407.15831): what scores nearly as high as the positive may be an
unlabelled answer, so it is not used against the question.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from groundtune.training.encoder import load_encoder
from groundtune.training.loop import Fitted, Progress, Schedule, fit
from groundtune.training.pooling import embed_rows, unit_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models import EmbeddingModel
    from groundtune.models.embedded.tokens import Tokens
    from groundtune.models.embedded.weights import BaseWeights

__all__ = [
    "EMBEDDING_SCHEDULE",
    "EmbeddingObjective",
    "RetrievalRow",
    "TunedEmbedding",
    "mine_negatives",
    "tune_embedding",
]

EMBEDDING_SCHEDULE = Schedule(epochs=2, learning_rate=5e-5, evaluations=2, patience=2)
"""For some hundred pairs."""

RELATIVE_MARGIN = 0.95
"""A negative scores at most this share of the positive's cosine (METHODS 5.4)."""

_SCALE = 20.0
_BATCH = 32
_MAX_TOKENS = 128  # of a text in training: a step costs by the token, and evidence mostly begins early


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRow:
    """A question, the texts that answer it (as they are embedded for retrieval), and near texts that do not."""

    question: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedEmbedding:
    """Tuned encoder tensors, the record of the training, and the dev score before it (None without dev rows)."""

    tensors: Mapping[str, NDArray[np.float32]]
    fitted: Fitted
    before: float | None


def mine_negatives(
    rows: Sequence[RetrievalRow], corpus: Sequence[str], embedding: EmbeddingModel, *, each: int = 4, depth: int = 50
) -> list[RetrievalRow]:
    """Give every row hard negatives: near texts of the corpus that are surely no answer.

    Args:
        rows: Their own negatives are replaced.
        corpus: All texts that retrieval would search.
        embedding: Ranks the corpus.
        each: Negatives of a row at most.
        depth: How many of the nearest texts are looked at.
    """
    texts = list(dict.fromkeys([*corpus, *(positive for row in rows for positive in row.positives)]))
    place = {text: i for i, text in enumerate(texts)}
    cosines = embedding.embed([row.question for row in rows]) @ embedding.embed(texts).T
    mined = []
    for row, scores in zip(rows, cosines, strict=True):
        known = {place[positive] for positive in row.positives}
        limit = RELATIVE_MARGIN * min((float(scores[i]) for i in known), default=1.0)
        nearest = [int(i) for i in np.argsort(-scores, kind="stable")[: depth + len(known)]]
        kept = [texts[i] for i in nearest if i not in known and scores[i] <= limit]
        mined.append(replace(row, negatives=tuple(kept[:each])))
    return mined


def tune_embedding(
    rows: Sequence[RetrievalRow],
    dev: Sequence[RetrievalRow],
    *,
    base: BaseWeights,
    tokens: Tokens,
    schedule: Schedule = EMBEDDING_SCHEDULE,
    state: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TunedEmbedding:
    """Tune the embedding model; the same rows and schedule give the same result.

    Args:
        rows: What to learn from.
        dev: What to stop by: each question ranks the texts of all dev rows; empty trains to the end.
        base: Weights to start from.
        tokens: Their tokenizer.
        schedule: How long and how fast.
        state: File to resume from, see `fit`.
        progress: Called after each step.

    Raises:
        ValueError: when there is no row with a positive text.
    """
    objective = EmbeddingObjective(rows, dev, base=base, tokens=tokens)
    before = objective.dev_score()
    fitted = fit(objective, schedule=schedule, state=state, progress=progress)
    return TunedEmbedding(tensors=fitted.tensors, fitted=fitted, before=before)


class EmbeddingObjective:
    """The encoder, its pairs, its loss and its dev score."""

    def __init__(
        self, rows: Sequence[RetrievalRow], dev: Sequence[RetrievalRow], *, base: BaseWeights, tokens: Tokens
    ) -> None:
        """Make the network; arguments as in `tune_embedding`."""
        self._rows = [row for row in rows if row.positives]
        self._dev = [row for row in dev if row.positives]
        if not self._rows:
            raise ValueError("pairs of a question and a passage that answers it are needed; no row has one")
        self._tokens = tokens
        self._ids: dict[str, list[int]] = {}
        self.module = load_encoder(base.tensors, base.config)
        self.module.freeze_tables()
        described = repr(([*self._rows], [*self._dev], base.sha256))
        self.fingerprint = hashlib.sha256(described.encode()).hexdigest()

    def batches(self, epoch: int, rng: random.Random) -> list[list[tuple[int, int]]]:
        """Pairs of a row and one of its positives; no text is the positive of two questions of a batch."""
        pairs = [(i, j) for i, row in enumerate(self._rows) for j in range(len(row.positives))]
        rng.shuffle(pairs)
        batches: list[list[tuple[int, int]]] = []
        taken: list[set[str]] = []
        for i, j in pairs:
            text = self._rows[i].positives[j]
            fits = (b for b, texts in enumerate(taken) if len(batches[b]) < _BATCH and text not in texts)
            turn = next(fits, None)
            if turn is None:
                batches.append([])
                taken.append(set())
                turn = len(batches) - 1
            batches[turn].append((i, j))
            taken[turn].add(text)
        rng.shuffle(batches)
        return batches

    def loss(self, batch: Sequence[tuple[int, int]], noise: torch.Generator) -> Tensor:
        """Cross-entropy of each question over all texts of the batch; other answers of the question do not count."""
        rows = [self._rows[i] for i, _ in batch]
        positives = [self._rows[i].positives[j] for i, j in batch]
        picks = torch.randint(0, 1 << 30, (len(rows),), generator=noise).tolist()
        hard = [
            row.negatives[pick % len(row.negatives)] for row, pick in zip(rows, picks, strict=True) if row.negatives
        ]
        texts = [*positives, *hard]
        encoded = [self._encode(text) for text in (*(row.question for row in rows), *texts)]
        vectors = unit_vectors(self.module, encoded, noise)
        logits = _SCALE * vectors[: len(rows)] @ vectors[len(rows) :].T
        also = torch.tensor(
            [
                [text in row.positives and place != turn for place, text in enumerate(texts)]
                for turn, row in enumerate(rows)
            ]
        )
        return functional.cross_entropy(logits.masked_fill(also, -1e4), torch.arange(len(rows)))

    def dev_score(self) -> float | None:
        """Mean reciprocal rank of the first right text among the texts of all dev rows."""
        if not self._dev:
            return None
        texts = list(dict.fromkeys(text for row in self._dev for text in (*row.positives, *row.negatives)))
        place = {text: i for i, text in enumerate(texts)}
        asked = embed_rows(self.module, [self._encode(row.question) for row in self._dev])
        cosines = (asked @ embed_rows(self.module, [self._encode(text) for text in texts]).T).numpy()
        ranks = [
            1 + int((scores > max(scores[place[text]] for text in row.positives)).sum())
            for row, scores in zip(self._dev, cosines, strict=True)
        ]
        return float(np.mean([1.0 / rank for rank in ranks]))

    def _encode(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = [self._tokens.cls, *self._tokens.encode(text).ids[:_MAX_TOKENS], self._tokens.sep]
        return self._ids[text]
