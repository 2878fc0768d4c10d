"""What a provider says of a job, as records: servers that leave fields out are understood all the same."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from groundtune.models.openai.failures import Unreadable

__all__ = ["ENDED", "Event", "Failure", "Job", "StepMetrics", "event_of", "job_of", "metrics_of", "metrics_of_file"]

ENDED = ("succeeded", "failed", "cancelled")
"""States in which a job stays."""

_NAMES = {
    "train_loss": ("train_loss",),
    "train_accuracy": ("train_mean_token_accuracy", "train_accuracy"),
    "valid_loss": ("valid_loss",),
    "valid_accuracy": ("valid_mean_token_accuracy",),
    "full_valid_loss": ("full_valid_loss",),
    "full_valid_accuracy": ("full_valid_mean_token_accuracy",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetrics:
    """What the provider measured at one training step; None where it did not.

    Attributes:
        step: 1-based.
        train_loss: Of the step's batch.
        train_accuracy: Share of its tokens that were predicted right, in [0, 1].
        valid_loss: Of a batch of the validation file.
        valid_accuracy: As for training.
        full_valid_loss: Of the whole validation file.
        full_valid_accuracy: As for training.
    """

    step: int
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    full_valid_loss: float | None = None
    full_valid_accuracy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that a job said.

    Attributes:
        id: The server's.
        at: When.
        level: ``info``, ``warn`` or ``error``.
        message: In the server's words.
        metrics: What it measured; None where it only says something.
    """

    id: str
    at: datetime
    level: str
    message: str
    metrics: StepMetrics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The server's words on a failed job; each may be empty.

    Attributes:
        code: For machines.
        message: For people.
        param: What of the request was wrong.
    """

    code: str
    message: str
    param: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the server describes it.

    Attributes:
        id: Its name at the server.
        status: One of `ENDED`, or what it is doing.
        model: The base model, by its full name.
        tuned: Name of the tuned model; None until it is made.
        trained_tokens: What is billed; None until it is known.
        created: Seconds since 1970; None where the server does not say.
        finished: As ``created``.
        training_file: Id of the file that it trains on.
        result_files: Ids of the files with its metrics.
        key: The attempt that it belongs to; None where the server does not keep such marks.
        failure: Why it failed; None where it did not.
    """

    id: str
    status: str
    model: str | None
    tuned: str | None
    trained_tokens: int | None
    created: int | None
    finished: int | None
    training_file: str | None
    result_files: tuple[str, ...]
    key: str | None
    failure: Failure | None


def job_of(answer: Any, mark: str) -> Job:
    """Read the SDK's object; ``mark`` is the name under which the job's metadata hold the attempt's key.

    Raises:
        Unreadable: when it is no job.
    """
    given = _fields(answer, "the server's answer is no fine-tuning job")
    return Job(
        id=str(given["id"]),
        status=str(given.get("status", "")),
        model=_text(given.get("model")),
        tuned=_text(given.get("fine_tuned_model")),
        trained_tokens=_whole(given.get("trained_tokens")),
        created=_whole(given.get("created_at")),
        finished=_whole(given.get("finished_at")),
        training_file=_text(given.get("training_file")),
        result_files=tuple(str(name) for name in given.get("result_files") or ()),
        key=_text((given.get("metadata") or {}).get(mark)),
        failure=_failure(given.get("error")),
    )


def event_of(answer: Any, cleaned: Callable[[str], str]) -> Event:
    """Read the SDK's object.

    Raises:
        Unreadable: when it is no event.
    """
    given = _fields(answer, "the server's answer is no event of a job")
    return Event(
        id=str(given["id"]),
        at=datetime.fromtimestamp(_whole(given.get("created_at")) or 0, UTC),
        level=str(given.get("level") or "info"),
        message=cleaned(str(given.get("message") or "")),
        metrics=metrics_of(given.get("data")),
    )


def metrics_of(data: Any) -> StepMetrics | None:
    """The metrics of an event or checkpoint; None where there is no step, or nothing was measured at it."""
    if not isinstance(data, Mapping):
        return None
    step = _number(data.get("step"))
    values = {
        name: next((value for key in keys if (value := _number(data.get(key))) is not None), None)
        for name, keys in _NAMES.items()
    }
    if step is None or all(value is None for value in values.values()):
        return None
    return StepMetrics(step=int(step), **values)


def metrics_of_file(content: bytes) -> tuple[StepMetrics, ...]:
    """The metrics of a result file: CSV with a header, plain or in base64 (as OpenAI gives it out)."""
    with suppress(binascii.Error):
        content = base64.b64decode(content, validate=True)
    rows = csv.DictReader(io.StringIO(content.decode("utf-8", "replace")))
    found = (metrics_of({name: _parsed(value) for name, value in row.items() if name}) for row in rows)
    return tuple(metrics for metrics in found if metrics is not None)


def _fields(answer: Any, otherwise: str) -> dict[str, Any]:
    given = answer.to_dict(mode="python") if hasattr(answer, "to_dict") else None
    if not isinstance(given, dict) or not given.get("id"):
        raise Unreadable(otherwise)
    return given


def _failure(error: Any) -> Failure | None:
    """Servers give an empty error, or none, for a job that did not fail."""
    if not isinstance(error, Mapping) or not (error.get("code") or error.get("message")):
        return None
    code, message, param = (str(error.get(part) or "") for part in ("code", "message", "param"))
    return Failure(code=code, message=message, param=param)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _parsed(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
