"""What OpenAI's fine-tuning API asks of its requests and of the rows of a training file, as published."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

__all__ = ["FEWEST_ROWS", "JobRequest", "fault_of_rows", "is_json_lines"]

FEWEST_ROWS = 10
"""Fewer conversations for training are refused."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Hyperparameters(_Strict):
    """Of supervised tuning."""

    n_epochs: Literal["auto"] | Annotated[int, Field(ge=1, le=50)] = "auto"
    batch_size: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = "auto"
    learning_rate_multiplier: Literal["auto"] | Annotated[float, Field(gt=0)] = "auto"


class Supervised(_Strict):
    """The one method that the stand-in knows."""

    hyperparameters: Hyperparameters = Hyperparameters()


class Method(_Strict):
    """How is tuned."""

    type: Literal["supervised"]
    supervised: Supervised = Supervised()


_Key = Annotated[str, Field(max_length=64)]
_Value = Annotated[str, Field(max_length=512)]


class JobRequest(_Strict):
    """The body of ``POST /fine_tuning/jobs``."""

    model: str
    training_file: str
    validation_file: str | None = None
    method: Method = Method(type="supervised")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    metadata: Annotated[dict[_Key, _Value], Field(max_length=16)] | None = None


class _Turn(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(min_length=1)]
    name: str | None = None
    weight: Literal[0, 1] | None = None

    @model_validator(mode="after")
    def _weight_of_a_reply(self) -> _Turn:
        if self.weight is not None and self.role != "assistant":
            raise ValueError("only assistant messages have a weight")
        return self


class _Row(_Strict):
    messages: Annotated[list[_Turn], Field(min_length=2)]


def is_json_lines(content: bytes) -> bool:
    """Whether every line is a JSON object."""
    try:
        return all(isinstance(json.loads(line), dict) for line in content.decode("utf-8").splitlines())
    except ValueError:
        return False


def fault_of_rows(content: bytes, fewest: int = FEWEST_ROWS) -> str | None:
    """What is wrong with a file of conversations, in the words of its first fault; None where nothing is."""
    lines = content.decode("utf-8").split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    for number, line in enumerate(lines, start=1):
        if fault := _fault(json.loads(line)):
            return f"Invalid file format. Example {number}: {fault}"
    if len(lines) < fewest:
        return f"File has {len(lines)} example(s), but must have at least {fewest} examples."
    return None


def _fault(given: Any) -> str | None:
    try:
        turns = _Row.model_validate(given).messages
    except ValidationError as error:
        detail = error.errors()[0]
        return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
    roles = [turn.role for turn in turns if turn.role not in ("system", "developer")]
    if roles[-1:] != ["assistant"] or turns[-1].role != "assistant":
        return "the last message must be from the assistant"
    if any(one == other for one, other in pairwise(roles)) or roles[0] != "user":
        return "user and assistant messages must alternate, beginning with the user"
    if all(turn.weight == 0 for turn in turns if turn.role == "assistant"):
        return "at least one assistant message must have a weight of 1"
    return None
