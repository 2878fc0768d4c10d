"""Recipe: tune the chooser, one set of weights for questions alone and for questions with passages.

Two losses, one step: cross-entropy on the cosine with a learned prototype of each label, and supervised contrast among
the questions of a batch (Khosla et al. 2020, https://arxiv.org/abs/2004.11362), which keeps questions near others of
their label, so that retrieved demonstrations vote well in the tuned space. Prototypes begin as class means (Snell et
al. 2017, https://arxiv.org/abs/1703.05175).
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from groundtune.models.embedded.checkpoint import ChooserCard
from groundtune.models.embedded.choose import TEMPERATURE, question_rows, verbalise
from groundtune.records import Passage
from groundtune.training.encoder import load_encoder
from groundtune.training.loop import Fitted, Progress, Schedule, fit
from groundtune.training.pooling import embed_rows, unit_vectors
from groundtune.training.rows import TrainingRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.tokens import Tokens
    from groundtune.models.embedded.weights import BaseWeights

__all__ = ["ChooserObjective", "TunedChooser", "chooser_schedule", "tune_chooser"]

_BATCH = 64
_CONTRAST_TEMPERATURE = 0.07
_NAME_SHARE = 0.3  # of a label's name in its first prototype, beside the mean of its questions
_PROTOTYPE_NORM = 0.1  # AdamW moves every entry by about the learning rate: short vectors turn faster than the encoder
_LABEL_WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0)
_DEFAULT_LABEL_WEIGHT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedChooser:
    """A tuned chooser with the record of its training; ``tensors`` are those that were trained, prototypes included."""

    tensors: Mapping[str, NDArray[np.float32]]
    card: ChooserCard
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class _Case:
    """A row in tokens: alone, with its documents (None without any), its label; for dev its labelled demonstrations."""

    alone: list[int]
    paired: list[int] | None
    label: int
    solved: tuple[tuple[tuple[int, ...], int], ...] = ()


def chooser_schedule(rows: int, seed: int = 0) -> Schedule:
    """About 3,000 questions in all, and each one at least 3 and at most 15 times."""
    return Schedule(epochs=min(15, max(3, round(3000 / max(rows, 1)))), learning_rate=1e-4, seed=seed)


def tune_chooser(
    rows: Sequence[TrainingRow],
    dev: Sequence[TrainingRow],
    *,
    labels: Sequence[str],
    base: BaseWeights,
    tokens: Tokens,
    schedule: Schedule | None = None,
    state: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TunedChooser:
    """Tune a chooser; the same rows, labels and schedule give the same result.

    Args:
        rows: What to learn from; every answer is one of ``labels``.
        dev: What to stop by and to weigh demonstrations on; empty trains to the end and takes the default weight.
        labels: The closed set.
        base: Weights to start from.
        tokens: Their tokenizer.
        schedule: How long and how fast; None takes `chooser_schedule`.
        state: File to resume from, see `fit`.
        progress: Called after each step.

    Raises:
        ValueError: when there are no rows, or an answer is not a label.
    """
    objective = ChooserObjective(rows, dev, labels=labels, base=base, tokens=tokens)
    schedule = schedule or chooser_schedule(len(rows))
    fitted = fit(objective, schedule=schedule, state=state, progress=progress)
    objective.load(fitted.tensors)
    tensors = dict(fitted.tensors)
    weight = tensors["chooser.label.weight"]
    tensors["chooser.label.weight"] = weight / np.linalg.norm(weight, axis=1, keepdims=True)
    card = ChooserCard(labels=tuple(labels), label_weight=objective.best_label_weight())
    return TunedChooser(tensors=tensors, card=card, fitted=fitted)


class ChooserObjective:
    """The chooser's network, its data, its losses and its dev score."""

    def __init__(
        self,
        rows: Sequence[TrainingRow],
        dev: Sequence[TrainingRow],
        *,
        labels: Sequence[str],
        base: BaseWeights,
        tokens: Tokens,
    ) -> None:
        """Make the network; arguments as in `tune_chooser`."""
        numbers = {label: number for number, label in enumerate(labels)}
        unknown = sorted({row.answer for row in [*rows, *dev]} - numbers.keys())
        if unknown or not rows:
            raise ValueError(
                f"rows with an answer among the {len(labels)} labels are needed; not labels: {unknown[:5]}"
            )
        self._rows = [_case(row, numbers, tokens) for row in rows]
        self._dev = [replace(_case(row, numbers, tokens), solved=_solved(row.passages, numbers, tokens)) for row in dev]
        self._members: dict[int, list[int]] = defaultdict(list)
        for place, case in enumerate(self._rows):
            self._members[case.label].append(place)
        self.module = load_encoder(base.tensors, base.config)
        self.module.freeze_tables()
        names = [[tokens.cls, *tokens.encode(verbalise(label)).ids, tokens.sep] for label in labels]
        self._head = _Prototypes(self._first_prototypes(names))
        self.module.add_module("chooser", self._head)
        self.fingerprint = _fingerprint(rows, dev, labels, base)

    def load(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take trained weights."""
        with torch.no_grad():
            for name, parameter in self.module.named_parameters():
                if name in tensors:
                    parameter.copy_(torch.from_numpy(np.array(tensors[name], np.float32)))

    def batches(self, epoch: int, rng: random.Random) -> list[list[tuple[int, bool]]]:
        """Row numbers, each with whether it is shown with its documents (half of the time); labels take turns."""
        each = max(2, -(-_BATCH // len(self._members)))
        turns: list[int] = []
        decks: dict[int, list[int]] = defaultdict(list)
        shown: list[tuple[int, bool]] = []
        while len(shown) < max(len(self._rows), 2 * each):
            turns = turns or rng.sample(sorted(self._members), len(self._members))
            label = turns.pop()
            for _ in range(each):
                decks[label] = decks[label] or rng.sample(self._members[label], len(self._members[label]))
                shown.append((decks[label].pop(), rng.random() < 0.5))
        batches = [shown[low : low + _BATCH] for low in range(0, len(shown), _BATCH)]
        return batches if len(batches[-1]) > 1 else batches[:-1]

    def loss(self, batch: Sequence[tuple[int, bool]], noise: torch.Generator) -> Tensor:
        """Cross-entropy against the prototypes plus contrast within the batch, each a mean over its rows."""
        cases = [self._rows[place] for place, _ in batch]
        vectors = self._vectors(cases, [paired for _, paired in batch], noise)
        wanted = torch.tensor([case.label for case in cases])
        return functional.cross_entropy(self._logits(vectors), wanted) + _contrast(vectors, wanted)

    def dev_score(self) -> float | None:
        """Mean probability of the right label, over questions alone and, where there are documents, with them."""
        if not self._dev:
            return None
        views = [False, True] if any(case.paired for case in self._dev) else [False]
        return float(np.mean([self._right_probability(view) for view in views]))

    def dev_accuracy(self) -> float | None:
        """Share of dev questions, alone, whose nearest prototype is the right one; None without dev rows."""
        if not self._dev:
            return None
        chosen = self._dev_logits(paired=False).argmax(1)
        return float(np.mean([int(label) == case.label for label, case in zip(chosen, self._dev, strict=True)]))

    def best_label_weight(self) -> float:
        """How many demonstrations a prototype counts as: the most likely weight on dev rows that have some."""
        cases = [case for case in self._dev if case.solved]
        if not cases:
            return _DEFAULT_LABEL_WEIGHT
        with torch.no_grad():
            prior = torch.exp(self._dev_logits(paired=False, cases=cases) - 1 / TEMPERATURE).double()
        votes = self._votes(cases)
        wanted = torch.tensor([case.label for case in cases])

        def likelihood(weight: float) -> float:
            mass = weight * prior + votes
            share = mass[torch.arange(len(cases)), wanted] / mass.sum(1)
            return float(share.clamp(min=1e-6).log().mean())

        return max(_LABEL_WEIGHTS, key=likelihood)

    def _votes(self, cases: Sequence[_Case]) -> Tensor:
        """Kernel mass of the demonstrations of each case by label, shape (cases, labels)."""
        asked = embed_rows(self.module, [case.alone for case in cases])
        texts = list(dict.fromkeys(ids for case in cases for ids, _ in case.solved))
        solved = dict(zip(texts, embed_rows(self.module, texts), strict=True))
        votes = torch.zeros(len(cases), self._head.label.out_features, dtype=torch.float64)
        for row, case in enumerate(cases):
            for ids, label in case.solved:
                votes[row, label] += torch.exp((asked[row] @ solved[ids] - 1) / TEMPERATURE)
        return votes

    def _right_probability(self, paired: bool) -> float:
        shares = self._dev_logits(paired=paired).softmax(1)
        return float(np.mean([float(share[case.label]) for share, case in zip(shares, self._dev, strict=True)]))

    def _dev_logits(self, *, paired: bool, cases: Sequence[_Case] | None = None) -> Tensor:
        cases = self._dev if cases is None else cases
        with torch.no_grad():
            return self._logits(self._vectors(cases, [paired] * len(cases), None))

    def _logits(self, vectors: Tensor) -> Tensor:
        return vectors @ functional.normalize(self._head.label.weight, dim=1).T / TEMPERATURE

    def _vectors(self, cases: Sequence[_Case], paired: Sequence[bool], noise: torch.Generator | None) -> Tensor:
        """The questions' vectors as `groundtune.models.embedded.choose.Chooser` makes them."""
        together = [i for i, case in enumerate(cases) if paired[i] and case.paired]
        rows = [case.alone for case in cases] + [cases[i].paired or [] for i in together]
        vectors = embed_rows(self.module, rows) if noise is None else unit_vectors(self.module, rows, noise)
        if not together:
            return vectors
        alone, pairs = vectors[: len(cases)], vectors[len(cases) :]
        return functional.normalize(alone.index_add(0, torch.tensor(together), pairs), dim=1)

    def _first_prototypes(self, names: Sequence[Sequence[int]]) -> Tensor:
        questions = embed_rows(self.module, [case.alone for case in self._rows])
        means = torch.zeros(len(names), self.module.width)
        for label, places in self._members.items():
            means[label] = questions[places].mean(0)
        return functional.normalize(means + _NAME_SHARE * embed_rows(self.module, names), dim=1) * _PROTOTYPE_NORM


class _Prototypes(nn.Module):
    def __init__(self, first: Tensor) -> None:
        super().__init__()
        self.label = nn.Linear(first.shape[1], first.shape[0], bias=False)
        with torch.no_grad():
            self.label.weight.copy_(first)


def _contrast(vectors: Tensor, labels: Tensor) -> Tensor:
    """Supervised contrastive loss: mean negative log share of the questions of the same label among all others."""
    itself = torch.eye(len(vectors), dtype=torch.bool)
    shares = (vectors @ vectors.T / _CONTRAST_TEMPERATURE).masked_fill(itself, -1e4).log_softmax(1)
    same = (labels[:, None] == labels[None]) & ~itself
    return -((shares * same).sum(1) / same.sum(1).clamp(min=1)).mean()


def _case(row: TrainingRow, numbers: Mapping[str, int], tokens: Tokens) -> _Case:
    texts = [passage.text for passage in row.passages if passage.answer is None]
    alone, *paired = question_rows(tokens, row.question, texts)
    return _Case(alone, paired[0] if paired else None, numbers[row.answer])


def _solved(
    passages: Sequence[Passage], numbers: Mapping[str, int], tokens: Tokens
) -> tuple[tuple[tuple[int, ...], int], ...]:
    return tuple(
        (tuple(question_rows(tokens, passage.text, [])[0]), numbers[passage.answer])
        for passage in passages
        if passage.answer is not None and passage.answer in numbers
    )


def _fingerprint(
    rows: Sequence[TrainingRow], dev: Sequence[TrainingRow], labels: Sequence[str], base: BaseWeights
) -> str:
    digest = hashlib.sha256(f"{base.sha256}{list(labels)}".encode())
    for row in [*rows, *dev]:
        digest.update(repr((row.question, row.answer, [(p.text, p.answer) for p in row.passages])).encode())
    return digest.hexdigest()
