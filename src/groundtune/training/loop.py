"""The training loop of every recipe: AdamW, warm-up and linear decay, dev-set early stopping, and exact resumption.

A run that is killed and started again ends with the same weights as one that was left alone: everything random
follows from the seed and the step's number, and the state file holds weights, optimiser and the best weights so far.
It is one safetensors file, replaced whole.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from groundtune.models.embedded.weights import read_metadata, read_safetensors, write_safetensors
from groundtune.training.encoder import trained_tensors
from groundtune.training.precision import Precision, autocast, best_precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evaluation", "Fitted", "Objective", "Progress", "Schedule", "fit"]

Batch = TypeVar("Batch")


class Objective(Protocol[Batch]):
    """What a recipe brings to the loop."""

    @property
    def module(self) -> nn.Module:
        """What is trained: its parameters that require a gradient, under the names that they are exported with."""

    @property
    def fingerprint(self) -> str:
        """Names data, starting weights and settings; a state of another fingerprint is not resumed."""

    def batches(self, epoch: int, rng: random.Random) -> Sequence[Batch]:
        """The batches of one epoch in order, the same for the same ``epoch`` and state of ``rng``."""

    def loss(self, batch: Batch, noise: torch.Generator) -> Tensor:
        """Mean loss of a batch, a scalar; ``noise`` is the source of dropout."""

    def dev_score(self) -> float | None:
        """Quality on the dev set, higher is better; None without a dev set, which switches early stopping off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: Passes over the data, at most.
        learning_rate: Peak, reached after ``warmup`` and decayed to 0 in a straight line.
        warmup: Share of all steps, in [0, 1).
        weight_decay: Of matrices; biases and norms have none.
        clip: Largest norm of the gradient.
        evaluations: Per epoch, evenly spread.
        patience: Evaluations without a better dev score before training stops; None never stops.
        seed: Of everything random.
        precision: None chooses what this CPU computes fastest in.
    """

    epochs: int
    learning_rate: float
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    evaluations: int = 1
    patience: int | None = None
    seed: int = 0
    precision: Precision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training is: ``done`` of about ``total`` steps, recent mean loss, seconds of training."""

    done: int
    total: int
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One look at the dev set: after how many steps, the mean training loss since the last look, and the score."""

    step: int
    epoch: float
    loss: float
    dev_score: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What training made.

    Attributes:
        tensors: The trained parameters at the best dev score (at the end without a dev set); frozen ones are not
            among them.
        history: Every evaluation in order.
        best: The evaluation that the tensors are of.
        steps: Steps that were run in all.
    """

    tensors: Mapping[str, NDArray[np.float32]]
    history: tuple[Evaluation, ...]
    best: Evaluation
    steps: int


def fit(
    objective: Objective[Batch],
    *,
    schedule: Schedule,
    state: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train to the end of the schedule or until the dev score stops rising.

    Args:
        objective: Model, data and loss.
        schedule: How long and how fast.
        state: File to resume from and to save to at each evaluation; None keeps nothing.
        progress: Called after each step.
    """
    run = _Run(objective, schedule, state, progress)
    while not run.finished:
        run.epoch()
    return run.fitted()


@dataclass(slots=True)
class _Position:
    """Where a run is; with the tensors, all that resuming needs."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    history: list[Evaluation] = field(default_factory=list)
    finished: bool = False

    @property
    def best(self) -> int:
        """Index of the best evaluation; the last one counts as best without a dev set."""
        scores = [look.dev_score for look in self.history]
        if not scores or scores[-1] is None:
            return len(scores) - 1
        return max(range(len(scores)), key=lambda i: (scores[i] or 0.0, -i))


class _Run:
    def __init__(
        self,
        objective: Objective[Any],
        schedule: Schedule,
        state: Path | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._objective = objective
        self._schedule = schedule
        self._state = state
        self._progress = progress
        self._precision = schedule.precision or best_precision()
        self._optimiser = _adamw(objective.module, schedule)
        self._noise = torch.Generator()
        self._position = _Position()
        self._best = trained_tensors(objective.module)
        self._resume()

    @property
    def finished(self) -> bool:
        return self._position.finished or self._position.epoch >= self._schedule.epochs

    def epoch(self) -> None:
        """Run what is left of the current epoch."""
        at = self._position
        batches = self._objective.batches(at.epoch, random.Random(f"{self._schedule.seed} {at.epoch}"))
        looks = {
            max(1, round(len(batches) * (i + 1) / self._schedule.evaluations))
            for i in range(self._schedule.evaluations)
        }
        while at.batch < len(batches) and not at.finished:
            self._step(batches[at.batch], len(batches))
            if at.batch in looks:
                self._look(at.epoch + at.batch / len(batches))
                if at.batch < len(batches):
                    self._save()
        if not at.finished:
            at.epoch, at.batch = at.epoch + 1, 0
        self._save()

    def fitted(self) -> Fitted:
        at = self._position
        return Fitted(tensors=self._best, history=tuple(at.history), best=at.history[at.best], steps=at.step)

    def _step(self, batch: Any, batches: int) -> None:
        at, began = self._position, time.perf_counter()
        done = (at.epoch + at.batch / batches) / self._schedule.epochs
        for group in self._optimiser.param_groups:
            group["lr"] = self._schedule.learning_rate * _rate(
                done, self._schedule.warmup, batches * self._schedule.epochs
            )
        self._noise.manual_seed(self._schedule.seed * 1_000_003 + at.step)
        with autocast(self._precision):
            loss = self._objective.loss(batch, self._noise)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._objective.module.parameters(), self._schedule.clip)
        self._optimiser.step()
        self._optimiser.zero_grad()
        at.batch, at.step, at.seconds = at.batch + 1, at.step + 1, at.seconds + time.perf_counter() - began
        at.losses.append(float(loss.detach()))
        if self._progress:
            recent = at.losses[-20:]
            total = at.step + batches - at.batch + batches * (self._schedule.epochs - at.epoch - 1)
            self._progress(Progress(done=at.step, total=total, loss=sum(recent) / len(recent), seconds=at.seconds))

    def _look(self, epoch: float) -> None:
        at = self._position
        score = self._objective.dev_score()
        loss = sum(at.losses) / len(at.losses)
        at.history.append(Evaluation(step=at.step, epoch=epoch, loss=loss, dev_score=score, seconds=at.seconds))
        at.losses.clear()
        if at.best == len(at.history) - 1:
            self._best = trained_tensors(self._objective.module)
        patience = self._schedule.patience
        at.finished = patience is not None and len(at.history) - 1 - at.best >= patience

    def _save(self) -> None:
        if self._state is None:
            return
        tensors = {f"weight/{name}": value for name, value in trained_tensors(self._objective.module).items()}
        tensors |= {f"best/{name}": value for name, value in self._best.items()}
        tensors |= {
            f"moment/{name}": value.numpy() for name, value in _moments(self._optimiser, self._objective.module)
        }
        described = json.dumps({"fingerprint": self._fingerprint(), "position": asdict(self._position)})
        write_safetensors(self._state, tensors, {"groundtune": described})

    def _resume(self) -> None:
        if self._state is None or not self._state.is_file():
            return
        described = json.loads(read_metadata(self._state).get("groundtune", "{}"))
        if described.get("fingerprint") != self._fingerprint():
            return
        tensors = {name: torch.from_numpy(value.copy()) for name, value in read_safetensors(self._state).items()}
        _restore(self._optimiser, self._objective.module, tensors)
        self._best = {name: tensors[f"best/{name}"].numpy() for name in self._best}
        looks = [Evaluation(**look) for look in described["position"].pop("history")]
        self._position = _Position(**described["position"], history=looks)

    def _fingerprint(self) -> str:
        return json.dumps([self._objective.fingerprint, asdict(self._schedule), self._precision])


def _adamw(module: nn.Module, schedule: Schedule) -> torch.optim.AdamW:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    vectors = [parameter for parameter in trained if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, fused=True)


def _rate(done: float, warmup: float, steps: int) -> float:
    """Share of the peak learning rate after ``done`` (in [0, 1)) of training: up in a straight line, then down to 0."""
    if done < warmup:
        return (done + 1.0 / steps) / (warmup + 1.0 / steps)
    return (1.0 - done) / (1.0 - warmup)


def _moments(optimiser: torch.optim.AdamW, module: nn.Module) -> list[tuple[str, Tensor]]:
    """AdamW's state by parameter: step count, mean and mean square of the gradient; empty before the first step."""
    return [
        (f"{part}/{name}", value)
        for name, parameter in module.named_parameters()
        for part, value in optimiser.state.get(parameter, {}).items()
    ]


def _restore(optimiser: torch.optim.AdamW, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(tensors[f"weight/{name}"])
            kept = {part: tensors.get(f"moment/{part}/{name}") for part in ("step", "exp_avg", "exp_avg_sq")}
            if all(value is not None for value in kept.values()):
                optimiser.state[parameter] = kept
