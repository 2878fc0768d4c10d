"""What a training run says of itself while it runs, and when it is stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import TrainerCallback

from groundtune.training.after.overfit import Look
from groundtune.training.generator.job import Step

__all__ = ["Following", "looks_of", "seconds_of"]

_SAVE_SECONDS = 300.0
"""At least this often a state is written on a single GPU, so that a kill costs no more. Several GPUs, whose clocks
differ, write theirs at the evaluations alone."""


class Following(TrainerCallback):  # type: ignore[misc]  # an untyped library's class
    """Reports each step, times the run across kills, and stops it when dev stalls or the loss is no number.

    Args:
        report: Called in the main process after each step and evaluation.
        patience: Evaluations without a better dev loss before the run stops.
    """

    def __init__(self, report: Callable[[Step], None], *, patience: int) -> None:
        self.diverged = False
        self._report = report
        self._patience = patience
        self._began = self._saved = time.monotonic()
        self._before = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Go on with the clock of the state that is resumed."""
        self._before = seconds_of(state.log_history)
        self._began = self._saved = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint when the last one is old."""
        if args.world_size == 1 and time.monotonic() - self._saved >= _SAVE_SECONDS:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note when."""
        self._saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the time in the history, which the checkpoints keep, and report."""
        entry = state.log_history[-1]
        entry["seconds"] = self._before + time.monotonic() - self._began
        train, dev = _last(state.log_history, "loss"), _last(state.log_history, "eval_loss")
        if not all(math.isfinite(loss) for loss in (train, dev) if loss is not None):
            self.diverged = True
            control.should_training_stop = True
        if state.is_world_process_zero:
            self._report(
                Step(
                    done=state.global_step,
                    total=state.max_steps,
                    train_loss=train,
                    dev_loss=dev,
                    seconds=entry["seconds"],
                )
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop when dev has not improved for a while; reckoned from the history, so that a kill changes nothing."""
        losses = [look.dev_loss for look in looks_of(state.log_history) if look.step > 0 and look.dev_loss is not None]
        if losses and len(losses) - 1 - losses.index(min(losses)) >= self._patience:
            control.should_training_stop = True


def looks_of(history: Sequence[Mapping[str, Any]]) -> tuple[Look, ...]:
    """Evaluations from a trainer's history, each with the mean training loss since the last."""
    looks: list[Look] = []
    since: list[float] = []
    for entry in history:
        if "loss" in entry:
            since.append(float(entry["loss"]))
        elif "eval_loss" in entry:
            mean = sum(since) / len(since) if since else None
            looks.append(Look(step=int(entry["step"]), train_loss=mean, dev_loss=float(entry["eval_loss"])))
            since = []
    return tuple(looks)


def seconds_of(history: Sequence[Mapping[str, Any]]) -> float:
    """How long the run had taken at the last entry of its history."""
    return float(_last(history, "seconds") or 0.0)


def _last(history: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return next((float(entry[key]) for entry in reversed(history) if key in entry), None)
