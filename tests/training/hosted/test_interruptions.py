"""Whatever breaks off, and wherever: the next run goes on, and there is never a second job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event as Signal
from typing import get_args

import pytest

from groundtune.errors import ModelError
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.testing.fine_tuning_api import FineTuningApi, Lapse, Operation
from groundtune.training.hosted import Event, HostedTuning, state
from groundtune.training.hosted.state import State

from .conftest import RECIPE, TRAINING, VALIDATION

Made = Callable[[], HostedTuning]


class Killed(BaseException):
    """What a kill looks like from inside: nothing handles it."""


WRITES = 6
"""At least so often is the state of an undisturbed training written."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(WRITES))
def test_a_kill_around_each_writing_of_the_state_never_makes_a_second_job(
    tuning: Made, api: FineTuningApi, monkeypatch: pytest.MonkeyPatch, write: int, moment: str
) -> None:
    tuning().prepare(RECIPE, TRAINING, VALIDATION)
    written, left = state.write_state, [write]

    def killing(folder: Path, given: State) -> None:
        if left[0] == 0 and moment == "before":
            raise Killed
        written(folder, given)
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    with monkeypatch.context() as patched:
        patched.setattr("groundtune.training.hosted.tuning.write_state", killing)
        with pytest.raises(Killed):
            tuning().run()
    tuned = tuning().run()
    assert list(api.jobs) == [tuned.job]
    assert len(api.files) == 3, "both files once, and the results"


@pytest.mark.parametrize(
    ("lapse", "keeps_marks"),
    [("lost", True), ("lost", False), ("500 though done", True)],
    ids=["answer lost", "answer lost and metadata dropped", "500 though done"],
)
@pytest.mark.parametrize("operation", ["files.create", "jobs.create", "jobs.retrieve", "jobs.events"])
def test_a_kill_after_the_server_did_it_never_makes_a_second_job(
    tuning: Made, api: FineTuningApi, operation: Operation, lapse: Lapse, keeps_marks: bool
) -> None:
    """The answer is lost, and with it the process: its patience is at an end."""
    api.keeps_metadata = keeps_marks
    tuning().prepare(RECIPE, TRAINING, VALIDATION)
    api.lapses[operation] = [lapse]
    impatient = tuning()
    impatient._account._patience = Patience(total_seconds=0)
    with pytest.raises(ModelError):
        impatient.run()
    tuned = tuning().run()
    assert list(api.jobs) == [tuned.job]
    assert len(api.files) == 3


@pytest.mark.parametrize("lapse", get_args(Lapse))
def test_every_request_may_fail_once(tuning: Made, api: FineTuningApi, lapse: Lapse) -> None:
    operations: tuple[Operation, ...] = ("files.create", "jobs.create", "jobs.retrieve", "jobs.events")
    for operation in (*operations, "files.list", "jobs.list", "jobs.checkpoints"):
        api.lapses[operation] = [lapse]
    tuning().prepare(RECIPE, TRAINING)
    events: list[Event] = []
    tuned = tuning().run(events.append)
    assert list(api.jobs) == [tuned.job]
    assert len(api.files) == 2
    assert [event.id for event in events] == [event["id"] for event in api.jobs[tuned.job].events]


def test_a_new_process_shows_only_what_is_new(tuning: Made, api: FineTuningApi) -> None:
    api.page = 2
    tuning().prepare(RECIPE, TRAINING)
    stopped = tuning()
    looks = [5]

    def stopping(seconds: float) -> None:
        looks[0] -= 1
        if not looks[0]:
            raise KeyboardInterrupt

    stopped._pause = stopping
    before: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        stopped.run(before.append)
    after: list[Event] = []
    tuned = tuning().run(after.append)
    assert before
    assert after
    assert [event.id for event in before + after] == [event["id"] for event in api.jobs[tuned.job].events]


def test_cancelling_when_nobody_knows_whether_there_is_a_job(tuning: Made, api: FineTuningApi) -> None:
    for lapse, there in (("drops", False), ("lost", True)):
        tuning().prepare(RECIPE, TRAINING)
        api.lapses["jobs.create"] = [lapse]  # type: ignore[list-item]
        impatient = tuning()
        impatient._account._patience = Patience(total_seconds=0)
        with pytest.raises(ModelError):
            impatient.run()
        assert tuning().cancel() == ("ftjob-0001" if there else None)
    assert api.jobs["ftjob-0001"].answer["status"] == "cancelled"


def test_stopping_leaves_the_job_at_work(tuning: Made, api: FineTuningApi, endpoint: Endpoint, tmp_path: Path) -> None:
    tuning().prepare(RECIPE, TRAINING)
    cancelled = Signal()
    stopping = HostedTuning(tmp_path / "hosted", endpoint, patience=Patience(cancelled=cancelled))
    with pytest.raises(ModelError, match="Cancelled"):
        stopping.run(lambda event: cancelled.set())
    assert tuning().run().job == "ftjob-0001"
    assert api.jobs["ftjob-0001"].answer["status"] == "succeeded"
