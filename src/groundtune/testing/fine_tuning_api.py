"""A stateful stand-in for OpenAI's fine-tuning API: files, jobs, events, checkpoints, and a chat with the tuned model.

It holds requests to the published shapes, and its answers are made with the models of the official SDK. A job moves on
by one stage each time it is looked at, so that tests need no clock.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from functools import partial
from itertools import count
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError

from groundtune.testing.fine_tuning_jobs import Course, ScriptedJob, valid
from groundtune.testing.fine_tuning_rows import JobRequest, is_json_lines

__all__ = ["BASE", "FineTuningApi", "Lapse", "Operation"]

BASE = "gpt-4o-mini-2024-07-18"
"""The model that it tunes."""

Operation = Literal[
    "files.create",
    "files.list",
    "files.content",
    "jobs.create",
    "jobs.list",
    "jobs.retrieve",
    "jobs.cancel",
    "jobs.events",
    "jobs.checkpoints",
    "chat",
]
Lapse = Literal["429", "500", "drops", "lost", "500 though done"]
"""What goes wrong with one request: the first three leave it undone, after the others it is done all the same."""

Say = Callable[[str, Sequence[Mapping[str, Any]]], str]


class _Refused(Exception):
    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass
class _File:
    """An uploaded file, or one that a job wrote."""

    answer: dict[str, Any]
    content: bytes


@dataclass
class FineTuningApi:
    """The server; `app` serves it.

    Attributes:
        key: The key that it asks for; empty takes any.
        say: What the models write: of a model's name and the conversation.
        course: How jobs go.
        page: Most entries of one page, whatever is asked for.
        keeps_metadata: Whether jobs show the metadata that they were made with; not all servers do.
        motto: Stands in the first event of each job.
        done: Called after the deed and before the answer, with the operation.
        lapses: What goes wrong with the coming requests of an operation.
        asked: The operations that it was asked for, in order.
    """

    key: str = ""
    say: Say = lambda model, turns: f"{model} was told {turns[-1]['content']}"
    course: Course = field(default_factory=Course)
    page: int = 100
    keeps_metadata: bool = True
    motto: str = ""
    done: Callable[[Operation], None] = lambda operation: None
    lapses: dict[Operation, list[Lapse]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Operation] = field(default_factory=list)
    files: dict[str, _File] = field(default_factory=dict)
    jobs: dict[str, ScriptedJob] = field(default_factory=dict)
    _seconds: count[int] = field(default_factory=lambda: count(1_770_000_000))

    def app(self) -> FastAPI:
        """The application, for `groundtune.testing.serving.running`; its base_url is the address with ``/v1``."""
        routes: list[tuple[str, str, Operation, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/files", "files.create", self._upload),
            ("GET", "/files", "files.list", self._files),
            ("GET", "/files/{id}/content", "files.content", self._content),
            ("POST", "/fine_tuning/jobs", "jobs.create", self._create),
            ("GET", "/fine_tuning/jobs", "jobs.list", self._jobs),
            ("GET", "/fine_tuning/jobs/{id}", "jobs.retrieve", self._retrieve),
            ("POST", "/fine_tuning/jobs/{id}/cancel", "jobs.cancel", self._cancel),
            ("GET", "/fine_tuning/jobs/{id}/events", "jobs.events", self._events),
            ("GET", "/fine_tuning/jobs/{id}/checkpoints", "jobs.checkpoints", self._checkpoints),
            ("POST", "/chat/completions", "chat", self._chat),
        ]
        app = FastAPI()
        for method, path, operation, deed in routes:
            app.add_route(f"/v1{path}", partial(self._serve, operation, deed), methods=[method])
        return app

    async def _serve(
        self, operation: Operation, deed: Callable[[Request], Awaitable[Response]], request: Request
    ) -> Response:
        self.asked.append(operation)
        lapse = self.lapses[operation].pop(0) if self.lapses[operation] else None
        try:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                given = request.headers.get("authorization", "")
                raise _Refused(401, f"Incorrect API key provided: {given}.", code="invalid_api_key")
            if lapse == "429":
                raise _Refused(429, "Rate limit reached.", code="rate_limit_exceeded")
            if lapse == "500":
                raise _Refused(500, "The server had an error while processing your request.")
            if lapse == "drops":
                return StreamingResponse(_no_answer())
            answer = await deed(request)
            self.done(operation)
            if lapse == "500 though done":
                raise _Refused(500, "The server had an error after processing your request.")
        except _Refused as refused:
            return JSONResponse(refused.body, status_code=refused.status, headers={"retry-after": "0"})
        return StreamingResponse(_no_answer()) if lapse == "lost" else answer

    # -- files

    async def _upload(self, request: Request) -> Response:
        fields = _form(request.headers["content-type"], await request.body())
        name, content = fields.get("file", ("", b""))
        if "file" not in fields or fields.get("purpose", ("", b""))[1] != b"fine-tune":
            raise _Refused(400, "'purpose' must be 'fine-tune', and 'file' a file.", param="purpose")
        if not name.endswith(".jsonl") or not is_json_lines(content):
            raise _Refused(400, "Invalid file format for Fine-Tuning API. Must be .jsonl", param="file")
        return JSONResponse(self._store(name, content, "fine-tune"))

    def _store(self, name: str, content: bytes, purpose: str) -> dict[str, Any]:
        from openai.types import FileObject

        answer = valid(
            FileObject,
            {
                "id": f"file-{len(self.files) + 1:04}",
                "object": "file",
                "bytes": len(content),
                "created_at": next(self._seconds),
                "filename": name,
                "purpose": purpose,
                "status": "processed",
            },
        )
        self.files[answer["id"]] = _File(answer, content)
        return answer

    async def _files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        found = [file.answer for file in self.files.values() if purpose in (None, file.answer["purpose"])]
        return self._listed(request, found[::-1])

    async def _content(self, request: Request) -> Response:
        file = self.files.get(request.path_params["id"])
        if file is None:
            raise _Refused(404, "No such File object.", param="id")
        return Response(file.content, media_type="application/octet-stream")

    # -- jobs

    async def _create(self, request: Request) -> Response:
        from openai.types.fine_tuning import FineTuningJob

        try:
            asked = JobRequest.model_validate_json(await request.body())
        except ValidationError as error:
            detail = error.errors()[0]
            raise _Refused(400, detail["msg"], param=".".join(map(str, detail["loc"]))) from None
        self._require(asked)
        hyperparameters = asked.method.supervised.hyperparameters.model_dump()
        answer = {
            "id": f"ftjob-{len(self.jobs) + 1:04}",
            "object": "fine_tuning.job",
            "created_at": next(self._seconds),
            "model": asked.model,
            "training_file": asked.training_file,
            "validation_file": asked.validation_file,
            "status": "validating_files",
            "hyperparameters": hyperparameters,
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
            "organization_id": "org-test",
            "result_files": [],
            "seed": asked.seed if asked.seed is not None else 7,
            "metadata": asked.metadata if self.keeps_metadata else None,
            "user_provided_suffix": asked.suffix,
        }
        training = self.files[asked.training_file].content
        validation = self.files[asked.validation_file].content if asked.validation_file else None
        job = ScriptedJob(valid(FineTuningJob, answer), training, validation, self._seconds)
        self.jobs[job.answer["id"]] = job
        job.tell(f"Created fine-tuning job: {job.answer['id']} {self.motto}".strip())
        job.tell(f"Validating training file: {asked.training_file}")
        return JSONResponse(job.answer)

    def _require(self, asked: JobRequest) -> None:
        if asked.model != BASE and asked.model not in self._tuned():
            message = f"Model {asked.model} is not available for fine-tuning or does not exist."
            raise _Refused(400, message, code="model_not_available", param="model")
        for param in ("training_file", "validation_file"):
            given = getattr(asked, param)
            if given is not None and given not in self.files:
                raise _Refused(400, f"invalid {param}: {given}", code=f"invalid_{param}", param=param)

    async def _jobs(self, request: Request) -> Response:
        return self._listed(request, [job.answer for job in self.jobs.values()][::-1])

    async def _retrieve(self, request: Request) -> Response:
        job = self._job(request)
        answer = dict(job.answer)
        job.move(self.course, lambda name, content: str(self._store(name, content, "fine-tune-results")["id"]))
        return JSONResponse(answer)

    async def _cancel(self, request: Request) -> Response:
        job = self._job(request)
        if job.has_ended:
            raise _Refused(400, f"Job has already completed: {job.answer['id']}", param=None)
        job.end("cancelled", "The job was cancelled.")
        return JSONResponse(job.answer)

    async def _events(self, request: Request) -> Response:
        return self._listed(request, self._job(request).events[::-1])

    async def _checkpoints(self, request: Request) -> Response:
        return self._listed(request, self._job(request).checkpoints[::-1])

    def _job(self, request: Request) -> ScriptedJob:
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            raise _Refused(404, f"Could not find fine tune: {request.path_params['id']}", code="fine_tune_not_found")
        return job

    def _listed(self, request: Request, rows: Sequence[dict[str, Any]]) -> Response:
        after, most = request.query_params.get("after"), int(request.query_params.get("limit", 20))
        ids = [row["id"] for row in rows]
        if after is not None and after not in ids:
            raise _Refused(404, f"No such object: {after}", param="after")
        rest = rows[ids.index(after) + 1 :] if after is not None else rows
        shown = list(rest[: min(most, self.page)])
        ends = {"first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None}
        return JSONResponse({"object": "list", "data": shown, "has_more": len(shown) < len(rest), **ends})

    # -- what it was all for

    async def _chat(self, request: Request) -> Response:
        from openai.types.chat import ChatCompletion

        body = await request.json()
        model, turns = body.get("model"), body.get("messages")
        if model != BASE and model not in self._tuned():
            raise _Refused(404, f"The model `{model}` does not exist.", code="model_not_found", param="model")
        text = self.say(model, turns)
        if body.get("stream"):
            return StreamingResponse(self._pieces(model, text), media_type="text/event-stream")
        read, written = sum(len(turn["content"].split()) for turn in turns), len(text.split())
        message = {"role": "assistant", "content": text}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": next(self._seconds),
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        }
        return JSONResponse(valid(ChatCompletion, answer))

    def _pieces(self, model: str, text: str) -> Iterator[str]:
        from openai.types.chat import ChatCompletionChunk

        same = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": next(self._seconds), "model": model}
        for piece in [*re.findall(r"\s*\S+\s*", text), None]:
            delta = {} if piece is None else {"content": piece}
            choice = {"index": 0, "delta": delta, "finish_reason": "stop" if piece is None else None}
            yield f"data: {json.dumps(valid(ChatCompletionChunk, {**same, 'choices': [choice]}))}\n\n"
        yield "data: [DONE]\n\n"

    def _tuned(self) -> list[str]:
        points = [point["fine_tuned_model_checkpoint"] for job in self.jobs.values() for point in job.checkpoints]
        return [*(job.answer["fine_tuned_model"] for job in self.jobs.values()), *points]


async def _no_answer() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece
    raise ConnectionAbortedError


def _form(kind: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: file name (or nothing) and content."""
    parsed = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields: dict[str, tuple[str, bytes]] = {}
    for part in parsed.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = (part.get_filename() or "", content)
    return fields
