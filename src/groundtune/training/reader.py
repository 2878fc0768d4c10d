"""Recipe: tune the reader, from the shipped one or from the base weights.

Three losses, one step: where the answer starts and ends, which sentence holds it, and whether the passage answers at
all. A row without an answer still teaches the first two when it names a plausible span (as in Hu et al. 2019,
https://arxiv.org/abs/1808.05759).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.read import Finding, Heads, Reader
from groundtune.models.embedded.shipped import ReaderWeights
from groundtune.models.embedded.windows import MAX_WINDOW_TOKENS, PassageTokens, Window, passage_tokens, window_at
from groundtune.training.batches import by_length
from groundtune.training.calibrate import auroc, fit_not_here
from groundtune.training.encoder import Encoder, load_encoder, trained_tensors
from groundtune.training.loop import Fitted, Progress, Schedule, fit
from groundtune.training.precision import autocast, best_precision
from groundtune.training.rows import ReadingRow, word_f1

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.tokens import Tokens
    from groundtune.models.embedded.weights import EncoderConfig

__all__ = ["FINE_TUNING", "ReaderObjective", "TunedReader", "Vary", "tune_reader"]

FINE_TUNING = Schedule(epochs=6, learning_rate=5e-5, patience=2)
"""For some hundred examples, starting from the shipped reader."""

Vary = Callable[[Sequence[ReadingRow], random.Random], Sequence[ReadingRow]]
"""Makes the rows of one epoch, for example with new hard negatives each time."""

_BATCH_TOKENS = 4096
_EVIDENCE_LOSS = 0.5  # weight of the sentence loss: it supports the span loss, which decides
_HIDDEN = 128
_IGNORED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedReader:
    """A tuned reader with the record of its training."""

    weights: ReaderWeights
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class _Sample:
    """One row as the network sees it; positions count from the start of the window."""

    window: Window
    sentence_of: Sequence[int]
    start: int
    end: int
    answered: bool


def tune_reader(
    rows: Sequence[ReadingRow],
    dev: Sequence[ReadingRow],
    *,
    start: ReaderWeights,
    config: EncoderConfig,
    tokens: Tokens,
    schedule: Schedule = FINE_TUNING,
    vary: Vary | None = None,
    limit: int = MAX_WINDOW_TOKENS,
    state: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TunedReader:
    """Tune a reader; the same rows, weights and schedule give the same result.

    Args:
        rows: What to learn from.
        dev: What to stop by and to calibrate on; empty trains to the end and keeps the calibration of ``start``.
        start: Weights to start from; heads that they do not have begin at random.
        config: Sizes of the encoder.
        tokens: The tokenizer of the weights.
        schedule: How long and how fast.
        vary: Makes the rows of an epoch from ``rows``; None takes them as they are.
        limit: Tokens of a row in training at most; longer passages show one window each epoch.
        state: File to resume from, see `fit`.
        progress: Called after each step.

    Returns:
        All tensors of the tuned reader, the frozen ones being those of ``start``, and its calibration.
    """
    objective = ReaderObjective(
        rows,
        dev,
        start=start,
        config=config,
        tokens=tokens,
        seed=schedule.seed,
        vary=vary,
        limit=limit,
    )
    fitted = fit(objective, schedule=schedule, state=state, progress=progress)
    tensors = {**start.tensors, **fitted.tensors}
    objective.load(tensors)
    calibration = objective.calibrated() if dev else start.calibration
    return TunedReader(weights=ReaderWeights(tensors=tensors, calibration=calibration), fitted=fitted)


class ReaderObjective:
    """The reader's network, its data, its losses and its dev score."""

    def __init__(
        self,
        rows: Sequence[ReadingRow],
        dev: Sequence[ReadingRow],
        *,
        start: ReaderWeights,
        config: EncoderConfig,
        tokens: Tokens,
        seed: int = 0,
        vary: Vary | None = None,
        limit: int = MAX_WINDOW_TOKENS,
    ) -> None:
        """Make the network; arguments as in `tune_reader`."""
        self._dev = dev
        self._tokens = tokens
        self._limit = limit
        self._calibration = start.calibration
        self._encoder = load_encoder(start.tensors, config)
        self._encoder.freeze_tables()
        self._heads = _Heads(config.hidden_size, torch.Generator().manual_seed(seed))
        self._encoder.add_module("reader", self._heads)
        self.load(start.tensors)
        self._rows = rows
        self._vary = vary
        self._texts: dict[str, PassageTokens] = {}
        self.fingerprint = _fingerprint([*rows, *dev], start.tensors)

    @property
    def module(self) -> Encoder:
        """The encoder with its heads."""
        return self._encoder

    def load(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Take weights; heads that are not among them stay as they are."""
        with torch.no_grad():
            for name, parameter in self._encoder.named_parameters():
                if name in tensors:
                    parameter.copy_(torch.from_numpy(np.array(tensors[name], np.float32)))

    def batches(self, epoch: int, rng: random.Random) -> list[list[_Sample]]:
        """Rows of similar length together; a long passage shows another window in each epoch."""
        rows = self._vary(self._rows, rng) if self._vary else self._rows
        samples = [sample for row in rows if (sample := self._sample(row, rng)) is not None]
        order = by_length([len(sample.window.ids) for sample in samples], tokens=_BATCH_TOKENS, rng=rng)
        return [[samples[row] for row in batch] for batch in order]

    def loss(self, batch: Sequence[_Sample], noise: torch.Generator) -> Tensor:
        """Span, sentence and answerability, each as a mean over the rows of the batch."""
        ids, types, lengths = _padded([sample.window for sample in batch])
        states = self._encoder(ids, types, lengths, noise)
        logits, answer = self._heads(states, *_masks(batch, ids.shape[1]))
        starts, ends = (torch.tensor([getattr(s, edge) for s in batch]) for edge in ("start", "end"))
        span = sum(
            (_cross_entropy(logits[..., part], wanted) for part, wanted in ((0, starts), (1, ends))), torch.tensor(0.0)
        )
        sentence = _cross_entropy(*_sentence_logits(logits[..., 2], batch))
        wanted = torch.tensor([float(sample.answered) for sample in batch])
        answered = functional.binary_cross_entropy_with_logits(answer, wanted)
        return answered + span / 2 + _EVIDENCE_LOSS * sentence

    def dev_score(self) -> float | None:
        """Word F1 on answerable rows, averaged with the AUROC of answerability where there are rows of both kinds."""
        if not self._dev:
            return None
        findings = self._findings()
        answered = [row.span is not None for row in self._dev]
        parts = []
        if any(answered):
            parts.append(
                float(np.mean([_f1(row, found) for row, found in zip(self._dev, findings, strict=True) if row.span]))
            )
        if any(answered) and not all(answered):
            parts.append(auroc([0.0 if found is None else found.answer for found in findings], answered))
        return float(np.mean(parts)) if parts else None

    def calibrated(self) -> Calibration:
        """The calibration of the current weights, fitted on the dev rows."""
        pairs = [(f, row.span is None) for f, row in zip(self._findings(), self._dev, strict=True) if f is not None]
        return fit_not_here(self._calibration, [found for found, _ in pairs], [missing for _, missing in pairs])

    def token_states(
        self, ids: Sequence[Sequence[int]], type_ids: Sequence[Sequence[int]] | None = None
    ) -> list[NDArray[np.float32]]:
        """States of the current weights, as `groundtune.models.embedded.runtime.Encoder` gives them."""
        types = type_ids or [[0] * len(row) for row in ids]
        states: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(ids)
        for batch in by_length(
            [len(row) for row in ids], tokens=2 * _BATCH_TOKENS, rng=random.Random(0), window=len(ids)
        ):
            padded, padded_types, lengths = _pad([ids[row] for row in batch], [types[row] for row in batch])
            with torch.no_grad(), autocast(best_precision()):
                made = self._encoder(padded, padded_types, lengths).float().numpy()
            for row, state in zip(batch, made, strict=True):
                states[row] = state[: len(ids[row])]
        return states

    def _findings(self) -> list[Finding | None]:
        heads = Heads({name: value for name, value in trained_tensors(self._encoder).items() if "reader." in name})
        reader = Reader(self, self._tokens, heads, self._calibration)
        found: list[Finding | None] = []
        for low in range(0, len(self._dev), 256):  # the states of 256 windows are some 70 MB
            cases = [(row.question, [row.passage]) for row in self._dev[low : low + 256]]
            found += [case[0][1] if case else None for case in reader.findings(cases)]
        return found

    def _sample(self, row: ReadingRow, rng: random.Random) -> _Sample | None:
        passage = self._text(row.passage)
        question = self._tokens.encode(row.question).ids
        shown = row.span or row.plausible
        target = passage.token_span(*shown) if shown else None
        low = _window_start(len(passage.ids), self._limit - len(question) - 3, target, rng)
        window = window_at(self._tokens, question, passage, low, limit=self._limit)
        if window.low == window.high:
            return None
        inside = target is not None and window.low <= target[0] and target[1] < window.high
        start, end = (place - low + window.first for place in target) if target and inside else (_IGNORED, _IGNORED)
        sentence_of = passage.sentence_of[window.low : window.high]
        return _Sample(window, sentence_of, start, end, answered=row.span is not None)

    def _text(self, passage: str) -> PassageTokens:
        if passage not in self._texts:
            self._texts[passage] = passage_tokens(self._tokens, passage)
        return self._texts[passage]


class _Heads(nn.Module):
    """Heads of the reader, as `groundtune.models.embedded.read.Heads` computes them in numpy."""

    def __init__(self, width: int, noise: torch.Generator) -> None:
        super().__init__()
        self.span = nn.Linear(width, 3)
        self.hidden = nn.Linear(3 * width, _HIDDEN)
        self.answer = nn.Linear(_HIDDEN, 1)
        for linear in (self.span, self.hidden, self.answer):
            nn.init.normal_(linear.weight, std=0.02, generator=noise)
            nn.init.zeros_(linear.bias)

    def forward(self, states: Tensor, question: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Start, end and sentence logits of each token, shape (b, t, 3); answerable logits, shape (b,).

        Args:
            states: Token states, shape (b, t, w).
            question: Which tokens are the question's, shape (b, t).
            inside: Which are the passage's, shape (b, t).
        """
        logits = self.span(states).float().masked_fill(~inside[..., None], -1e4)
        spread = torch.log_softmax(logits[..., :2].detach(), 1).mean(-1).softmax(1)
        answering = (spread[..., None] * states.float()).sum(1)
        asked = states.float().masked_fill(~question[..., None], -torch.inf).amax(1)
        hidden = torch.tanh(self.hidden(torch.cat([states[:, 0].float(), answering, asked], 1)))
        return logits, self.answer(hidden).float()[:, 0]


def _window_start(tokens: int, room: int, target: tuple[int, int] | None, rng: random.Random) -> int:
    """Where a window on a passage begins: at random, but around the target where there is one."""
    if tokens <= room:
        return 0
    if target is None:
        return rng.randint(0, tokens - room)
    latest = min(target[0], tokens - room)
    return rng.randint(min(max(0, target[1] - room + 1), latest), latest)


def _padded(rows: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
    return _pad([row.ids for row in rows], [row.type_ids for row in rows])


def _pad(ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, Tensor]:
    longest = max(len(row) for row in ids)
    padded, segments = (torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows]) for rows in (ids, types))
    return padded, segments, torch.tensor([len(row) for row in ids])


def _masks(batch: Sequence[_Sample], longest: int) -> tuple[Tensor, Tensor]:
    """Which tokens of each row are the question's ([SEP] where it has none), and which are the passage's."""
    question, passage = torch.zeros(2, len(batch), longest, dtype=torch.bool)
    for row, sample in enumerate(batch):
        first = sample.window.first
        question[row, 1 : max(2, first - 1)] = True
        passage[row, first : first + len(sample.sentence_of)] = True
    return question, passage


def _sentence_logits(logits: Tensor, batch: Sequence[_Sample]) -> tuple[Tensor, Tensor]:
    """Mean token logit of each sentence, shape (b, sentences), and the number of the answering one."""
    most = max(sample.sentence_of[-1] - sample.sentence_of[0] for sample in batch) + 1
    member = torch.zeros(len(batch), logits.shape[1], most)
    wanted = []
    for row, sample in enumerate(batch):
        first = sample.window.first
        numbers = torch.tensor(sample.sentence_of) - sample.sentence_of[0]
        member[row, torch.arange(first, first + len(numbers)), numbers] = 1.0
        wanted.append(int(numbers[sample.start - first]) if sample.start != _IGNORED else _IGNORED)
    size = member.sum(1)
    means = torch.einsum("bt,bts->bs", logits * member.any(-1), member) / size.clamp(min=1)
    return means.masked_fill(size == 0, -1e4), torch.tensor(wanted)


def _cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    """Summed over the rows that have a target, divided by all rows."""
    return functional.cross_entropy(logits, wanted, ignore_index=_IGNORED, reduction="sum") / len(wanted)


def _f1(row: ReadingRow, found: Finding | None) -> float:
    if found is None or row.span is None:
        return 0.0
    return word_f1(row.passage[found.start : found.end], row.passage[slice(*row.span)])


def _fingerprint(rows: Sequence[ReadingRow], tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr((row.question, row.passage, row.span, row.plausible)).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
