from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.fine_tuning import job_create_params

from groundtune.testing.fine_tuning_api import BASE, FineTuningApi
from groundtune.testing.fine_tuning_rows import JobRequest, fault_of_rows
from groundtune.testing.serving import running


@pytest.fixture
def api() -> FineTuningApi:
    return FineTuningApi(key="right")


@pytest.fixture
def client(api: FineTuningApi) -> Iterator[openai.OpenAI]:
    with (
        running(api.app()) as url,
        openai.OpenAI(
            api_key="right", base_url=f"{url}/v1", max_retries=0, _strict_response_validation=True
        ) as connected,
    ):
        yield connected


def row(*turns: str) -> dict[str, Any]:
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return {"messages": [{"role": roles[turn[0]], "content": turn[1:]} for turn in turns]}


def lines(*rows: dict[str, Any], times: int = 10) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows * times).encode()


GOOD = lines(row("sBe brief.", "uHow many?\r\nNow", "aZwölf"))


def test_a_whole_job_as_the_sdk_sees_it(client: openai.OpenAI, api: FineTuningApi) -> None:
    training = client.files.create(file=("rows.jsonl", GOOD), purpose="fine-tune")
    assert api.files[training.id].content == GOOD
    assert training.bytes == len(GOOD)
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=training.id,
        seed=3,
        suffix="mine",
        metadata={"a": "b"},
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
    )
    seen = [job.status]
    while job.status not in ("succeeded", "failed"):
        job = client.fine_tuning.jobs.retrieve(job.id)
        seen += [job.status] * (seen[-1] != job.status)
    assert seen == ["validating_files", "queued", "running", "succeeded"]
    assert job.trained_tokens == 2 * len(GOOD.split())
    assert job.metadata == {"a": "b"}
    api.page = 3
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=10))
    assert [event.id for event in events] == [event["id"] for event in api.jobs[job.id].events[::-1]]
    assert len(list(client.fine_tuning.jobs.checkpoints.list(job.id))) == 2
    said = client.chat.completions.create(model=str(job.fine_tuned_model), messages=[{"role": "user", "content": "Hi"}])
    assert said.choices[0].message.content == f"{job.fine_tuned_model} was told Hi"
    streamed = client.chat.completions.create(
        model=BASE, messages=[{"role": "user", "content": "Hi  there"}], stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in streamed]
    assert len(pieces) > 3
    assert "".join(pieces) == f"{BASE} was told Hi  there"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (lines(row("uHi", "aHo"), times=9), "at least 10"),
        (lines(row("uHi", "aHo", "uAgain")), "last message"),
        (lines(row("uHi", "uHo", "aHe")), "alternate"),
        (lines(row("sRules", "aHe")), "alternate"),
        (lines({"messages": [{"role": "bot", "content": "x"}, {"role": "user", "content": "y"}]}), "role"),
        (lines({"messages": [{"role": "user", "content": "x", "weight": 0}, row("aHo")["messages"][0]]}), "weight"),
        (lines({"prompt": "x", "completion": "y"}), "messages"),
    ],
)
def test_rows_that_the_api_refuses(content: bytes, part: str) -> None:
    assert fault_of_rows(GOOD) is None
    assert part in str(fault_of_rows(content))


def test_a_bad_file_fails_the_job_with_its_reason(client: openai.OpenAI) -> None:
    training = client.files.create(file=("rows.jsonl", lines(row("uHi", "aHo"), times=3)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=BASE, training_file=training.id)
    client.fine_tuning.jobs.retrieve(job.id)
    job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.param == "training_file"


def test_requests_are_held_to_the_published_shape(client: openai.OpenAI) -> None:
    known = set(job_create_params.JobCreateParams.__annotations__)
    assert set(JobRequest.model_fields) == known - {"hyperparameters", "integrations"}  # deprecated; not offered
    for wrong in ({"model": "gpt-9"}, {"training_file": "file-none"}, {"suffix": "x" * 65}, {"seed": "one"}):
        request: dict[str, Any] = {"model": BASE, "training_file": "file-none", **wrong}
        with pytest.raises(openai.BadRequestError):
            client.fine_tuning.jobs.create(**request)
    with pytest.raises(openai.BadRequestError, match="jsonl"):
        client.files.create(file=("rows.csv", GOOD), purpose="fine-tune")
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.retrieve("ftjob-none")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").files.list()


def test_lapses_happen_once_and_a_lost_answer_is_done_all_the_same(client: openai.OpenAI, api: FineTuningApi) -> None:
    api.lapses["files.create"] = ["429", "500", "drops", "lost"]
    for kind in (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError):
        with pytest.raises(kind):
            client.files.create(file=("rows.jsonl", GOOD), purpose="fine-tune")
    assert not api.files
    with pytest.raises(openai.APIConnectionError):
        client.files.create(file=("rows.jsonl", GOOD), purpose="fine-tune")
    assert len(api.files) == 1


def test_a_cancelled_job_stays_cancelled(client: openai.OpenAI) -> None:
    training = client.files.create(file=("rows.jsonl", GOOD), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=BASE, training_file=training.id)
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    assert client.fine_tuning.jobs.retrieve(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(job.id)
