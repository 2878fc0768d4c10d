"""The jobs of the stand-in for OpenAI's fine-tuning API: each looks one stage further every time it is moved."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from groundtune.testing.fine_tuning_rows import FEWEST_ROWS, fault_of_rows

__all__ = ["Course", "Ending", "ScriptedJob", "valid"]

Ending = Literal["succeeded", "failed", "unsafe"]
"""How jobs end by themselves: well, with a fault of the server, or refused by its usage policies."""

ENDED = ("succeeded", "failed", "cancelled")

_ERRORS = {
    "failed": ("server_error", "The job failed due to an internal error.", None),
    "unsafe": (
        "invalid_training_file",
        "The job failed due to an unsafe training file. This training file was blocked because too many examples were "
        "flagged by our moderation API for containing content that violates the usage policies.",
        "training_file",
    ),
}


@dataclass
class Course:
    """How jobs go.

    Attributes:
        ending: How they end.
        steps: Of their training.
        tells_metrics: Whether each step is told with its metrics; the result file has them in any case.
    """

    ending: Ending = "succeeded"
    steps: int = 4
    tells_metrics: bool = True


@dataclass
class ScriptedJob:
    """One job.

    Attributes:
        answer: What the server says of it.
        training: The training file.
        validation: The validation file, if any.
        seconds: The server's clock.
        events: What it has said, oldest first.
        checkpoints: What it has kept, oldest first.
        metrics: By step.
    """

    answer: dict[str, Any]
    training: bytes
    validation: bytes | None
    seconds: count[int]
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Whether it stays as it is."""
        return self.answer["status"] in ENDED

    @property
    def tuned(self) -> str:
        """Name of the model that it makes."""
        suffix = self.answer.get("user_provided_suffix") or ""
        return f"ft:{self.answer['model']}:test:{suffix}:{self.answer['id'][-4:]}"

    def move(self, course: Course, store: Callable[[str, bytes], str]) -> None:
        """Go one stage further; ``store`` keeps a result file and gives its id."""
        status = self.answer["status"]
        if status == "validating_files":
            self._validate()
        elif status == "queued":
            self.answer["status"] = "running"
            self.tell("Fine-tuning job started")
        elif status == "running" and len(self.metrics) < course.steps:
            self._train(course)
        elif status == "running":
            self._finish(course, store)

    def end(self, status: str, message: str) -> None:
        """Stay in a state for good."""
        self.answer["status"] = status
        self.answer["finished_at"] = next(self.seconds)
        self.tell(message, level="error" if status == "failed" else "info")

    def tell(self, message: str, data: Mapping[str, Any] | None = None, *, level: str = "info") -> None:
        """Say something, with metrics or without."""
        from openai.types.fine_tuning import FineTuningJobEvent

        answer = {
            "id": f"ftevent-{self.answer['id'][-4:]}-{len(self.events) + 1:04}",
            "object": "fine_tuning.job.event",
            "created_at": next(self.seconds) // 3,  # several in one second, as on the real server
            "level": level,
            "message": message,
            "type": "metrics" if data else "message",
            "data": dict(data or {}),
        }
        self.events.append(valid(FineTuningJobEvent, answer))

    def _validate(self) -> None:
        files = (("training_file", self.training, FEWEST_ROWS), ("validation_file", self.validation, 1))
        for param, content, fewest in files:
            if content is not None and (fault := fault_of_rows(content, fewest)):
                message = f"The job failed due to an invalid {param.replace('_', ' ')}. {fault}"
                self._fail(f"invalid_{param}", message, param)
                return
        self.answer["status"] = "queued"
        self.tell("Files validated, moving job to queued state")

    def _train(self, course: Course) -> None:
        step = len(self.metrics) + 1
        share = step / course.steps
        data = {"step": step, "train_loss": 2 - share, "train_mean_token_accuracy": share / 2}
        if self.validation is not None:
            data |= {"valid_loss": 2.5 - share, "valid_mean_token_accuracy": share / 3}
        self.metrics.append(data)
        if course.tells_metrics:
            message = f"Step {step}/{course.steps}: training loss={data['train_loss']:.2f}"
            self.tell(message, {**data, "total_steps": course.steps})
        if step in (course.steps // 2, course.steps):
            self._check_point(data)

    def _check_point(self, data: Mapping[str, float]) -> None:
        from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

        answer = {
            "id": f"ftckpt-{self.answer['id'][-4:]}-{data['step']}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": next(self.seconds),
            "fine_tuning_job_id": self.answer["id"],
            "fine_tuned_model_checkpoint": f"{self.tuned}:ckpt-step-{data['step']}",
            "step_number": data["step"],
            "metrics": data,
        }
        self.checkpoints.append(valid(FineTuningJobCheckpoint, answer))
        self.tell(f"Checkpoint created at step {data['step']}")

    def _finish(self, course: Course, store: Callable[[str, bytes], str]) -> None:
        if course.ending != "succeeded":
            self._fail(*_ERRORS[course.ending])
            return
        table = "\n".join(["step,train_loss", *(f"{row['step']},{row['train_loss']}" for row in self.metrics)])
        epochs = self.answer["hyperparameters"]["n_epochs"]
        self.answer["trained_tokens"] = len(self.training.split()) * (epochs if isinstance(epochs, int) else 3)
        self.answer["result_files"] = [store("step_metrics.csv", base64.b64encode(table.encode()))]
        self.answer["fine_tuned_model"] = self.tuned
        self.tell(f"New fine-tuned model created: {self.tuned}")
        self.end("succeeded", "The job has successfully completed")

    def _fail(self, code: str, message: str, param: str | None) -> None:
        self.answer["error"] = {"code": code, "message": message, "param": param}
        self.end("failed", message)


def valid(model: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as the SDK's own model of it says it, or an error of this stand-in."""
    checked: dict[str, Any] = model.model_validate(answer).model_dump(mode="json")
    return checked
