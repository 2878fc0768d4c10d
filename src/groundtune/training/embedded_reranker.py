"""Recipe: tune the embedded reranker, a cross-encoder that starts from the weights of the shipped reader.

The loss is listwise: each question's answering text must have the highest score among its own hard negatives
(ListNet's top-one cross-entropy, Cao et al., ICML 2007). The negatives are positive-aware (`mine_negatives`).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from groundtune.errors import GateClosed
from groundtune.models.embedded.rerank import pair_row
from groundtune.models.embedded.shipped import READER_SHA256, shipped_reader
from groundtune.training.embedding import RetrievalRow
from groundtune.training.encoder import load_encoder
from groundtune.training.loop import Fitted, Progress, Schedule, fit
from groundtune.training.precision import autocast, best_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.tokens import Tokens
    from groundtune.models.embedded.weights import BaseWeights, EncoderConfig

__all__ = ["RERANKER_SCHEDULE", "RerankerObjective", "TunedWeights", "tune_embedded_reranker"]

RERANKER_SCHEDULE = Schedule(epochs=3, learning_rate=5e-5, evaluations=2, patience=2)
"""For some hundred questions."""

_BATCH = 8  # questions of a step, each with all its negatives
_CHUNK = 16  # pairs that run together, of similar length
_RANKED_AMONG = 10  # texts that a dev question without negatives is ranked among


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedWeights:
    """The trained tensors, head included, with the record of the training; ``before`` as in `TunedEmbedding`."""

    tensors: Mapping[str, NDArray[np.float32]]
    fitted: Fitted
    before: float | None


def tune_embedded_reranker(
    rows: Sequence[RetrievalRow],
    dev: Sequence[RetrievalRow],
    *,
    base: BaseWeights,
    tokens: Tokens,
    schedule: Schedule = RERANKER_SCHEDULE,
    state: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TunedWeights:
    """Tune; the same rows and schedule give the same result.

    Args:
        rows: What to learn from; rows without a positive or without a negative teach nothing and are left out.
        dev: What to stop by; empty trains to the end.
        base: Base weights, which the shipped reader is a difference to.
        tokens: Their tokenizer.
        schedule: How long and how fast.
        state: File to resume from, see `fit`.
        progress: Called after each step.

    Raises:
        GateClosed: when no row has both.
    """
    start = shipped_reader(base).tensors
    objective = RerankerObjective(rows, dev, start=start, config=base.config, tokens=tokens)
    before = objective.dev_score()
    fitted = fit(objective, schedule=schedule, state=state, progress=progress)
    frozen = {name: start[name] for name in objective.frozen}
    return TunedWeights(tensors={**frozen, **fitted.tensors}, fitted=fitted, before=before)


class RerankerObjective:
    """The cross-encoder, its rows, its loss and its dev score."""

    def __init__(
        self,
        rows: Sequence[RetrievalRow],
        dev: Sequence[RetrievalRow],
        *,
        start: Mapping[str, NDArray[np.float32]],
        config: EncoderConfig,
        tokens: Tokens,
    ) -> None:
        """Make the network from the tensors of ``start``; other arguments as in `tune_embedded_reranker`."""
        self._rows = [row for row in rows if row.positives and row.negatives]
        if not self._rows:
            raise GateClosed(
                "No example has both a passage that answers it and a near one that does not, so there is nothing to "
                "tune a reranker on."
            )
        self._dev = [row for row in dev if row.positives]
        self._tokens = tokens
        self._ids: dict[str, list[int]] = {}
        self.module = load_encoder(start, config)
        self.module.freeze_tables()
        self.frozen = tuple(name for name, value in self.module.named_parameters() if not value.requires_grad)
        self._head = nn.Linear(self.module.width, 1)
        nn.init.zeros_(self._head.weight)
        nn.init.zeros_(self._head.bias)
        self.module.add_module("reranker", self._head)
        self.fingerprint = hashlib.sha256(repr((self._rows, self._dev, READER_SHA256)).encode()).hexdigest()

    def batches(self, epoch: int, rng: random.Random) -> list[list[tuple[int, int]]]:
        """Pairs of a row and one of its positives."""
        pairs = [(row, turn) for row, given in enumerate(self._rows) for turn in range(len(given.positives))]
        rng.shuffle(pairs)
        return [pairs[low : low + _BATCH] for low in range(0, len(pairs), _BATCH)]

    def loss(self, batch: Sequence[tuple[int, int]], noise: torch.Generator) -> Tensor:
        """Mean cross-entropy of the positive among the row's texts."""
        lists = [
            (self._rows[row].question, [self._rows[row].positives[turn], *self._rows[row].negatives])
            for row, turn in batch
        ]
        scores = self._scores([(question, text) for question, texts in lists for text in texts], noise)
        parts = torch.split(scores, [len(texts) for _, texts in lists])
        return torch.stack([-functional.log_softmax(part, 0)[0] for part in parts]).mean()

    def dev_score(self) -> float | None:
        """Mean reciprocal rank of the first right text among the row's texts; None without dev rows."""
        if not self._dev:
            return None
        with torch.no_grad(), autocast(best_precision()):
            return float(np.mean([self._reciprocal_rank(row) for row in self._dev]))

    def _reciprocal_rank(self, row: RetrievalRow) -> float:
        others = dict.fromkeys(text for other in self._dev for text in other.positives if text not in row.positives)
        wrong = list(row.negatives) or list(others)[:_RANKED_AMONG]
        scores = self._scores([(row.question, text) for text in (*row.positives, *wrong)], None)
        best = scores[: len(row.positives)].max()
        # Equal scores count against it: an untrained head, which scores all alike, ranks nothing.
        return 1.0 / (1 + int((scores[len(row.positives) :] >= best).sum()))

    def _scores(self, pairs: Sequence[tuple[str, str]], noise: torch.Generator | None) -> Tensor:
        """Logits of (question, text) pairs, shape (len(pairs),)."""
        rows = [pair_row(self._tokens, self._encoded(question), self._encoded(text)) for question, text in pairs]
        order = sorted(range(len(rows)), key=lambda place: len(rows[place][0]))
        chunks = [order[low : low + _CHUNK] for low in range(0, len(order), _CHUNK)]
        found = torch.cat([self._chunk([rows[place] for place in chunk], noise) for chunk in chunks])
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return found[back]

    def _chunk(self, rows: Sequence[tuple[list[int], list[int]]], noise: torch.Generator | None) -> Tensor:
        longest = max(len(ids) for ids, _ in rows)
        ids, types = (
            torch.tensor([[*part, *[0] * (longest - len(part))] for part in parts]) for parts in zip(*rows, strict=True)
        )
        states = self.module(ids, types, torch.tensor([len(row) for row, _ in rows]), noise).float()
        scores: Tensor = self._head(states[:, 0])[:, 0]
        return scores

    def _encoded(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = self._tokens.encode(text).ids
        return self._ids[text]
