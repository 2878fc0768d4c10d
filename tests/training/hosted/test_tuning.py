from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import Busy, GateClosed, GroundtuneError, ModelError, ProjectError
from groundtune.models.openai.chat import OpenAIChat
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.records import Message
from groundtune.testing.fine_tuning_api import BASE, FineTuningApi
from groundtune.training.hosted import Event, HostedTuning

from .conftest import RECIPE, SECRET, TRAINING, VALIDATION, conversation

Made = Callable[[], HostedTuning]


def everything_written(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())


def test_from_conversations_to_a_model_that_answers(tuning: Made, api: FineTuningApi, endpoint: Endpoint) -> None:
    quote = tuning().prepare(replace(RECIPE, price=Decimal(3), suffix="Help Désk!"), TRAINING, VALIDATION)
    assert not api.asked, "nothing leaves before the yes"
    assert (quote.conversations, quote.validation, quote.epochs) == (12, 3, 2)
    assert quote.cost_usd == Decimal(3) * quote.tokens * 2 / 1_000_000
    events: list[Event] = []
    tuned = tuning().run(events.append)
    job = api.jobs[tuned.job]
    assert [event.id for event in events] == [event["id"] for event in job.events], "every event once, in order"
    assert [row.step for row in tuned.metrics] == [1, 2, 3, 4]
    assert (tuned.metrics[-1].train_loss, tuned.metrics[-1].valid_loss) == (1.0, 1.5)
    assert [point.step for point in tuned.checkpoints] == [2, 4]
    assert tuned.base == BASE
    assert tuned.trained_tokens == job.answer["trained_tokens"]
    assert tuned.cost_usd == Decimal(3) * job.answer["trained_tokens"] / 1_000_000
    assert tuned.seconds == job.answer["finished_at"] - job.answer["created_at"]
    assert tuned.files == (job.answer["training_file"], job.answer["validation_file"])
    assert job.answer["hyperparameters"] == {
        "n_epochs": 2,
        "batch_size": "auto",
        "learning_rate_multiplier": "auto",
    }
    assert (job.answer["seed"], job.answer["user_provided_suffix"]) == (13, "help-d-sk")
    chat = OpenAIChat(tuned.model, endpoint)
    with closing(chat._client):
        assert chat.complete([Message(role="user", content="Hi")]).text == f"{tuned.model} was told Hi"


def test_what_is_uploaded_is_what_was_quoted(tuning: Made, api: FineTuningApi, tmp_path: Path) -> None:
    tuning().prepare(RECIPE, TRAINING, VALIDATION)
    tuned = tuning().run()
    for identity, name in zip(tuned.files, ("training.jsonl", "validation.jsonl"), strict=True):
        assert api.files[identity].content == (tmp_path / "hosted" / name).read_bytes()


def test_the_same_content_is_never_trained_twice(tuning: Made, api: FineTuningApi) -> None:
    tuning().prepare(RECIPE, TRAINING)
    first = tuning().run()
    tuning().prepare(replace(RECIPE, price=Decimal(2)), TRAINING)
    second = tuning().run()
    assert second == replace(first, cost_usd=second.cost_usd)
    assert second.cost_usd is not None
    assert len(api.jobs) == 1


def test_cancelling_from_elsewhere_ends_the_following(tuning: Made, api: FineTuningApi) -> None:
    tuning().prepare(RECIPE, TRAINING)
    with pytest.raises(ProjectError, match="nothing to cancel"):
        tuning().cancel()
    following = tuning()
    following._pause = lambda seconds: tuning().cancel()
    with pytest.raises(ModelError, match="was cancelled"):
        following.run()
    tuning().prepare(RECIPE, TRAINING)
    assert tuning().run().job == "ftjob-0002", "a new attempt after the cancelled one"


@pytest.mark.parametrize(
    ("ending", "kind", "part"),
    [("failed", ModelError, "internal error"), ("unsafe", GateClosed, "violates the usage policies")],
)
def test_the_servers_reason_is_told_and_the_next_try_is_a_new_job(
    tuning: Made, api: FineTuningApi, ending: Any, kind: type[GroundtuneError], part: str
) -> None:
    api.course.ending = ending
    tuning().prepare(RECIPE, TRAINING)
    for _ in range(2):
        with pytest.raises(kind, match=part):
            tuning().run()
    assert len(api.jobs) == 1, "running again does not pay again"
    api.course.ending = "succeeded"
    tuning().prepare(RECIPE, TRAINING)
    assert tuning().run().job == "ftjob-0002"


def test_a_wrong_model_or_setting_is_refused_and_can_be_put_right(tuning: Made, api: FineTuningApi) -> None:
    for wrong, part in ((replace(RECIPE, model="gpt-9"), "gpt-9"), (replace(RECIPE, suffix="x" * 65), "64")):
        tuning().prepare(wrong, TRAINING)
        with pytest.raises(ModelError, match=part):
            tuning().run()
    tuning().prepare(RECIPE, TRAINING)
    assert tuning().run().job == "ftjob-0001"


def test_other_content_waits_for_the_job_under_way(tuning: Made, api: FineTuningApi) -> None:
    tuning().prepare(RECIPE, TRAINING)
    stopped = tuning()
    stopped._pause = lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    with pytest.raises(ProjectError, match="ftjob-0001"):
        tuning().prepare(RECIPE, [*TRAINING, conversation(50)])
    tuning().run()
    tuning().prepare(RECIPE, [*TRAINING, conversation(50)])
    assert tuning().run().job == "ftjob-0002"


def test_two_processes_do_not_follow_one_job(tuning: Made) -> None:
    tuning().prepare(RECIPE, TRAINING)
    with pytest.raises(Busy):
        tuning().run(lambda event: [tuning().run()].clear())


def test_changed_files_and_another_server_are_refused(tuning: Made, endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="prepared"):
        tuning().run()
    tuning().prepare(RECIPE, TRAINING)
    with pytest.raises(ProjectError, match="base_url"):
        HostedTuning(tmp_path / "hosted", Endpoint(base_url="http://127.0.0.1:9/v1")).run()
    (tmp_path / "hosted" / "training.jsonl").write_text("{}\n")
    with pytest.raises(ProjectError, match="changed since the quote"):
        tuning().run()


def test_the_key_stands_nowhere(
    tuning: Made, api: FineTuningApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning().prepare(RECIPE, TRAINING)
    api.key = "another"
    with pytest.raises(ProjectError) as refused:
        tuning().run()
    assert SECRET not in str(refused.value)
    api.key = SECRET
    api.motto = f"you are {SECRET}"
    events: list[Event] = []
    tuned = tuning().run(events.append)
    assert any("you are [key]" in event.message for event in events)
    assert SECRET not in f"{tuned}{events}{everything_written(tmp_path / 'hosted')}"
    stored = json.loads((tmp_path / "hosted" / "job.json").read_text())
    assert stored["job"] == tuned.job


def test_metrics_come_from_the_result_file_where_the_events_have_none(tuning: Made, api: FineTuningApi) -> None:
    api.course.tells_metrics = False
    tuning().prepare(RECIPE, TRAINING)
    assert [(row.step, row.train_loss) for row in tuning().run().metrics] == [(1, 1.75), (2, 1.5), (3, 1.25), (4, 1.0)]


def test_a_server_that_cannot_tune_is_named(tmp_path: Path) -> None:
    from fastapi import FastAPI

    from groundtune.testing.serving import running

    with running(FastAPI()) as url:
        tuning = HostedTuning(tmp_path, Endpoint(base_url=f"{url}/v1"), patience=Patience(total_seconds=1))
        tuning.prepare(RECIPE, TRAINING)
        with pytest.raises(ProjectError, match="cannot tune models"):
            tuning.run()
