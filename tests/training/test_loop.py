from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from groundtune.testing.encoders import TINY, tiny_tensors

pytest.importorskip("torch")
import torch
from torch import nn

from groundtune.training.encoder import load_encoder
from groundtune.training.loop import Fitted, Progress, Schedule, fit

Rows = list[int]


class Killed(Exception):
    pass


class CountTokens:
    """A toy: tell from the first token's state whether the row begins with an even id."""

    fingerprint = "toy"

    def __init__(self, scores: Sequence[float] | None = None) -> None:
        self.module = load_encoder(tiny_tensors(), TINY)
        self._head = nn.Linear(TINY.hidden_size, 1)
        nn.init.zeros_(self._head.weight)
        nn.init.zeros_(self._head.bias)
        self.module.add_module("head", self._head)
        self.module.freeze_tables()
        self._scores = iter(scores) if scores is not None else None

    def batches(self, epoch: int, rng: random.Random) -> Sequence[Rows]:
        rows = list(range(2, 26))
        rng.shuffle(rows)
        return [rows[i : i + 8] for i in range(0, len(rows), 8)]

    def loss(self, batch: Rows, noise: torch.Generator) -> torch.Tensor:
        ids = torch.tensor([[row, 1, row] for row in batch])
        states = self.module(ids, torch.zeros_like(ids), torch.tensor([3] * len(batch)), noise)
        wanted = torch.tensor([float(row % 2 == 0) for row in batch])
        logits = self._head(states[:, 0])[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), wanted)

    def dev_score(self) -> float | None:
        return None if self._scores is None else next(self._scores)


def train(
    schedule: Schedule, state: Path | None = None, *, kill_at: int | None = None, scores: Sequence[float] | None = None
) -> Fitted:
    def stop(progress: Progress) -> None:
        if progress.done == kill_at:
            raise Killed

    return fit(CountTokens(scores), schedule=schedule, state=state, progress=stop)


SCHEDULE = Schedule(epochs=4, learning_rate=0.01, seed=7, evaluations=2, precision="float32")


def test_the_loss_falls() -> None:
    fitted = train(Schedule(epochs=30, learning_rate=0.01, precision="float32"))
    assert fitted.history[-1].loss < 0.5 * fitted.history[0].loss
    assert fitted.steps == 90


def test_frozen_tables_are_not_exported() -> None:
    names = train(SCHEDULE).tensors.keys()
    assert "embeddings.word_embeddings.weight" not in names
    assert {"encoder.layer.1.attention.self.query.weight", "head.weight"} <= names


@pytest.mark.parametrize("kill_at", [1, 4, 5, 11])
def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path, kill_at: int) -> None:
    whole = train(SCHEDULE, tmp_path / "whole.safetensors")
    with pytest.raises(Killed):
        train(SCHEDULE, tmp_path / "killed.safetensors", kill_at=kill_at)
    resumed = train(SCHEDULE, tmp_path / "killed.safetensors")
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(tensor, resumed.tensors[name], err_msg=name)
    assert [look.loss for look in resumed.history] == [look.loss for look in whole.history]


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first = train(SCHEDULE, tmp_path / "state.safetensors")
    again = train(SCHEDULE, tmp_path / "state.safetensors", kill_at=first.steps)
    np.testing.assert_array_equal(first.tensors["head.weight"], again.tensors["head.weight"])


def test_a_state_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    train(SCHEDULE, tmp_path / "state.safetensors")
    other = Schedule(epochs=2, learning_rate=0.02, precision="float32")
    assert train(other, tmp_path / "state.safetensors").steps == 6


def test_early_stopping_keeps_the_best_weights() -> None:
    schedule = Schedule(epochs=9, learning_rate=0.01, patience=2, precision="float32")
    stopped = train(schedule, scores=[0.1, 0.5, 0.4, 0.5, 0.9])
    assert [look.dev_score for look in stopped.history] == [0.1, 0.5, 0.4, 0.5]
    assert (stopped.best.step, stopped.steps) == (6, 12)


def test_the_seed_decides_everything() -> None:
    one, same, other = (train(Schedule(epochs=2, learning_rate=0.01, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.tensors["head.weight"], same.tensors["head.weight"])
    assert not np.array_equal(one.tensors["head.weight"], other.tensors["head.weight"])


def test_progress_counts_to_the_end() -> None:
    seen: list[Progress] = []
    fit(CountTokens(), schedule=Schedule(epochs=2, learning_rate=0.01), progress=seen.append)
    assert [(step.done, step.total) for step in seen] == [(i, 6) for i in range(1, 7)]
