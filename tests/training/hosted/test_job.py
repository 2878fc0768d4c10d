from __future__ import annotations

import base64
import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs.fine_tuning_job_checkpoint import Metrics

from groundtune.models.openai.failures import Unreadable
from groundtune.training.hosted.job import _NAMES, StepMetrics, event_of, job_of, metrics_of, metrics_of_file

PUBLISHED = {
    "step": 288,
    "train_loss": 0.012,
    "valid_loss": 0.4,
    "total_steps": 288,
    "full_valid_loss": 0.3,
    "train_mean_token_accuracy": 0.9,
    "valid_mean_token_accuracy": 0.8,
    "full_valid_mean_token_accuracy": 0.7,
}


def test_every_metric_that_the_sdk_knows_is_read() -> None:
    assert {field.name for field in fields(StepMetrics)} == {"step", *_NAMES}
    assert {keys[0] for keys in _NAMES.values()} | {"step"} == set(Metrics.model_fields)
    assert metrics_of(PUBLISHED) == StepMetrics(
        step=288,
        train_loss=0.012,
        valid_loss=0.4,
        full_valid_loss=0.3,
        train_accuracy=0.9,
        valid_accuracy=0.8,
        full_valid_accuracy=0.7,
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(PUBLISHED)), inner, max_size=3),
    max_leaves=6,
)


@given(json_values | st.dictionaries(st.sampled_from(list(PUBLISHED)), json_values))
def test_whatever_a_server_calls_metrics_gives_finite_numbers_or_nothing(data: Any) -> None:
    found = metrics_of(data)
    if found is not None:
        values = [getattr(found, name) for name in _NAMES]
        assert any(value is not None for value in values)
        assert all(value is None or math.isfinite(value) for value in values)


def test_a_result_file_is_read_plain_and_in_base64() -> None:
    table = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,1.5,0.25,,\n2,0.5,0.75,0.625,0.5\n"
    rows = (
        StepMetrics(step=1, train_loss=1.5, train_accuracy=0.25),
        StepMetrics(step=2, train_loss=0.5, train_accuracy=0.75, valid_loss=0.625, valid_accuracy=0.5),
    )
    assert metrics_of_file(table) == rows
    assert metrics_of_file(base64.b64encode(table)) == rows
    assert metrics_of_file(b"\xff\x00 no table") == ()


def test_a_server_that_says_little_is_understood() -> None:
    job = job_of(FineTuningJob.construct(id="job-1", status="running", error={"code": None, "message": ""}), "mark")
    assert (job.id, job.status, job.tuned, job.failure, job.created, job.result_files) == (
        "job-1",
        "running",
        None,
        None,
        None,
        (),
    )
    event = event_of(FineTuningJobEvent.construct(id="e", message="hello"), str.upper)
    assert (event.message, event.level, event.metrics) == ("HELLO", "info", None)


@pytest.mark.parametrize("answer", ["<html>", FineTuningJob.construct(status="running"), None])
def test_what_is_no_job_is_unreadable(answer: Any) -> None:
    with pytest.raises(Unreadable):
        job_of(answer, "mark")
