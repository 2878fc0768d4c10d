"""The OpenAI chat protocol: POST /v1/chat/completions and GET /v1/models, for clients that already speak it.

A model is a system, the last user message is the question, and citations come as an extra field. Earlier turns and
system messages are not read: the project's own instruction applies, so that what is served is what was evaluated.
Sampling settings have no effect. What cannot be honoured (tools, several choices) is refused rather than ignored.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from groundtune.errors import GroundtuneError
from groundtune.records import Answer
from groundtune.service.asking import (
    MAX_QUESTION_CHARACTERS,
    Begun,
    answer_with,
    stream_with,
    system_failed,
)
from groundtune.service.caller import Backend
from groundtune.service.events import EventStream
from groundtune.service.problems import failure, refusal, unknown_system
from groundtune.systems.clarifying import clarifying_question
from groundtune.systems.wire import AnswerView

router = APIRouter(prefix="/v1", tags=["OpenAI protocol"])


class ContentPart(BaseModel):
    """A part of a message; only text is understood."""

    type: str
    text: str | None = None


class ChatMessage(BaseModel):
    """One turn of the conversation."""

    role: str
    content: str | list[ContentPart] | None = None


class StreamOptions(BaseModel):
    """Whether the stream ends with the token counts."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The fields of a chat completion request that mean something here; others are accepted and have no effect."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None


class ModelCard(BaseModel):
    """A system under the name of a model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "groundtune"


class ModelList(BaseModel):
    """Every system that can be named."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


@router.get("/models")
def models(answerer: Backend) -> ModelList:
    """List the systems."""
    return ModelList(data=[ModelCard(id=system) for system in answerer.systems()])


@router.get("/models/{model}")
def model(model: str, answerer: Backend) -> ModelCard:
    """Describe one system."""
    if model not in answerer.systems():
        raise unknown_system(model, answerer.systems(), param="model")
    return ModelCard(id=model)


@router.post("/chat/completions", response_model=None)
def complete(request: ChatRequest, answerer: Backend) -> Response:
    """Answer the last user message, whole or as a stream of server-sent events."""
    _refuse_unsupported(request)
    question = _question(request)
    if request.stream:
        begun = stream_with(answerer, question, request.model, param="model")
        with_usage = request.stream_options is not None and request.stream_options.include_usage
        return EventStream(_events(begun, request.model, with_usage=with_usage), close=begun.close)
    return JSONResponse(_completion(answer_with(answerer, question, request.model, param="model")))


def spoken(answer: Answer) -> str:
    """The answer as a chat turn: an abstention says that it is one, why, and what it could tell about instead."""
    if not answer.abstained:
        return answer.text
    asked = clarifying_question(answer)
    return f"I do not know. {answer.reason}" + (f"\n\n{asked}" if asked else "")


def _refuse_unsupported(request: ChatRequest) -> None:
    if request.tools or request.functions:
        raise refusal(
            400, "Tools are not supported: leave out 'tools' and 'functions'.", code="unsupported", param="tools"
        )
    if request.n not in (None, 1):
        raise refusal(400, f"'n' is {request.n}: there is one answer to a question.", code="unsupported", param="n")


def _question(request: ChatRequest) -> str:
    """The text of the last user message."""
    turn = next((message for message in reversed(request.messages) if message.role == "user"), None)
    if turn is None:
        raise refusal(
            422, "'messages' holds no message with the role 'user'.", code="invalid_request", param="messages"
        )
    text = turn.content or ""
    if not isinstance(text, str):
        if strange := sorted({part.type for part in text if part.type != "text"}):
            message = f"The last user message holds parts of type {', '.join(strange)}: only text is understood."
            raise refusal(422, message, code="unsupported", param="messages")
        text = "\n".join(part.text or "" for part in text)
    text = text.strip()
    if not text:
        raise refusal(422, "The last user message is empty: send a question.", code="invalid_request", param="messages")
    if len(text) > MAX_QUESTION_CHARACTERS:
        message = f"The last user message is too long: at most {MAX_QUESTION_CHARACTERS:,} characters are allowed."
        raise refusal(422, message, code="invalid_request", param="messages")
    return text


def _envelope(system: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": system,
    }


def _extras(answer: Answer) -> dict[str, Any]:
    """What Groundtune knows beyond the protocol."""
    view = asdict(AnswerView.of(answer))
    return {key: view[key] for key in ("citations", "abstained", "reason", "confidence", "milliseconds")}


def _usage(answer: Answer) -> dict[str, Any] | None:
    usage = answer.usage
    if usage is None:
        return None
    counts: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts


def _completion(answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": spoken(answer), "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        **_envelope(answer.system, "chat.completion"),
        "choices": [choice],
        "usage": _usage(answer),
        **_extras(answer),
    }


def _events(begun: Begun, system: str, *, with_usage: bool) -> Iterator[str]:
    """The answer as it is written; what fails half way ends it with an error event, which clients raise."""
    envelope = _envelope(system, "chat.completion.chunk")

    def event(delta: dict[str, str], finish: str | None = None, **extra: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _event({**envelope, "choices": [choice], **extra})

    yield event({"role": "assistant", "content": ""})
    said = False
    try:
        for item in begun:
            if isinstance(item, str):
                said = True
                yield event({"content": item})
            elif item.error is not None:
                yield _event({"error": system_failed(item).detail})
                return
            else:
                if item.abstained:
                    yield event({"content": ("\n\n" if said else "") + spoken(item)})
                yield event({}, "stop", **_extras(item))
                if with_usage:
                    yield _event({**envelope, "choices": [], "usage": _usage(item)})
    except GroundtuneError as error:
        yield _event({"error": failure(error)})
        return
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
