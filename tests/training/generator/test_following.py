from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers")

from groundtune.training.after import Look
from groundtune.training.generator import Step
from groundtune.training.generator.following import Following, looks_of, seconds_of


def history(*dev: float) -> list[dict[str, Any]]:
    """Two steps before each evaluation, with losses 1 and 3."""
    entries: list[dict[str, Any]] = []
    for turn, loss in enumerate(dev):
        entries += [{"loss": 1.0, "step": 2 * turn + 1}, {"loss": 3.0, "step": 2 * turn + 2}]
        entries += [{"eval_loss": loss, "step": 2 * turn + 2}]
    return entries


def follow(entries: list[dict[str, Any]], patience: int = 2) -> tuple[list[Step], Any, Following]:
    steps: list[Step] = []
    following = Following(steps.append, patience=patience)
    control = SimpleNamespace(should_training_stop=False, should_save=False)
    args = SimpleNamespace(world_size=1)
    state = SimpleNamespace(log_history=[], global_step=0, max_steps=20, is_world_process_zero=True)
    following.on_train_begin(args, state, control)
    for entry in entries:
        state.log_history.append(entry)
        state.global_step = entry["step"]
        following.on_log(args, state, control)
        if "eval_loss" in entry:
            following.on_evaluate(args, state, control)
        if control.should_training_stop:
            break
    return steps, control, following


def test_each_look_has_the_mean_training_loss_since_the_last() -> None:
    assert looks_of([{"eval_loss": 5.0, "step": 0}, *history(4.0, 3.5)]) == (
        Look(step=0, dev_loss=5.0),
        Look(step=2, train_loss=2.0, dev_loss=4.0),
        Look(step=4, train_loss=2.0, dev_loss=3.5),
    )


@pytest.mark.parametrize(
    ("losses", "stopped_after"),
    [((3.0, 2.0, 2.1, 2.2, 1.0), 4), ((3.0, 2.0, 2.1, 1.9, 1.8), None), ((2.0, 2.0, 2.0, 1.0), 3)],
)
def test_a_run_stops_when_dev_has_not_improved_for_a_while(
    losses: tuple[float, ...], stopped_after: int | None
) -> None:
    steps, control, _ = follow(history(*losses))
    assert control.should_training_stop == (stopped_after is not None)
    assert steps[-1].done == 2 * (stopped_after or len(losses))


def test_the_look_before_training_does_not_count_as_the_best() -> None:
    _, control, _ = follow([{"eval_loss": 0.1, "step": 0}, *history(3.0, 2.0, 1.0)])
    assert not control.should_training_stop


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(loss: float) -> None:
    _, control, following = follow([{"loss": loss, "step": 1}])
    assert control.should_training_stop
    assert following.diverged


def test_steps_are_reported_with_the_losses_that_are_known() -> None:
    steps, _, _ = follow(history(4.0))
    assert [(step.done, step.train_loss, step.dev_loss) for step in steps] == [
        (1, 1.0, None),
        (2, 3.0, None),
        (2, 3.0, 4.0),
    ]
    assert all(step.total == 20 for step in steps)


def test_the_clock_goes_on_where_the_killed_run_was() -> None:
    steps: list[Step] = []
    following = Following(steps.append, patience=2)
    state = SimpleNamespace(
        log_history=[{"loss": 1.0, "step": 1, "seconds": 500.0}],
        global_step=2,
        max_steps=5,
        is_world_process_zero=True,
    )
    following.on_train_begin(None, state, None)
    state.log_history.append({"loss": 1.0, "step": 2})
    following.on_log(None, state, SimpleNamespace())
    assert 500 <= steps[0].seconds < 560
    assert seconds_of(state.log_history) == steps[0].seconds


def test_a_long_run_is_saved_between_the_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("groundtune.training.generator.following.time.monotonic", lambda: now)
    following = Following(lambda _: None, patience=2)
    single = SimpleNamespace(world_size=1)

    def asked(args: Any = single) -> bool:
        control = SimpleNamespace(should_save=False)
        following.on_step_end(args, None, control)
        return bool(control.should_save)

    assert not asked()
    now += 301
    assert asked()
    assert not asked(SimpleNamespace(world_size=2))
    following.on_save(single, None, None)
    assert not asked()
