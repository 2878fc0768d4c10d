"""A small server in OpenAI's form that says what it is told to: for tests of everything that talks to an endpoint."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

__all__ = ["ScriptedEndpoint"]

Turns = Sequence[dict[str, Any]]
Say = Callable[[Turns], str]


@dataclass
class ScriptedEndpoint:
    """Chat completions and embeddings; `app` serves them.

    Attributes:
        say: What it writes for a conversation.
        key: The key that it asks for; empty takes any.
        models: The names that it knows.
        refuses: Settings that it refuses with 400, by their name in the request, or by ``name=value``.
        most_texts: Most texts that it embeds at once.
        window: Most words that it reads; None reads all.
        in_threads: ``say`` runs in threads, several at once.
        usage: Extra fields of the usage that it reports; None reports none.
        finish: Its finish reason.
        asked: The requests that it took, in order.
    """

    say: Say
    key: str = ""
    models: tuple[str, ...] = ("tiny",)
    refuses: frozenset[str] = frozenset()
    most_texts: int = 2048
    window: int | None = None
    in_threads: bool = False
    usage: dict[str, Any] | None = field(default_factory=dict)
    finish: str = "stop"
    asked: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> FastAPI:
        """The application, for `groundtune.testing.serving.running`."""
        app = FastAPI()
        app.post("/v1/chat/completions", response_model=None)(self._chat)
        app.post("/v1/embeddings", response_model=None)(self._embed)
        app.get("/v1/models", response_model=None)(self._list)
        return app

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        if refusal := self._refusal(request, body):
            return refusal
        self.asked.append(body)
        text = await self._said(body["messages"])
        if body.get("stream"):
            return StreamingResponse(self._events(body, text), media_type="text/event-stream")
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        answer = {**_envelope(body, "chat.completion"), "choices": [choice]}
        return JSONResponse(answer if self.usage is None else {**answer, "usage": self._usage(body, text)})

    async def _said(self, turns: Turns) -> str:
        return await asyncio.to_thread(self.say, turns) if self.in_threads else self.say(turns)

    def _events(self, body: dict[str, Any], text: str) -> Iterator[str]:
        envelope = _envelope(body, "chat.completion.chunk")
        words = [word + " " for word in text.split(" ")]
        for word in [*words[:-1], words[-1][:-1]]:
            yield _event({**envelope, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
        yield _event({**envelope, "choices": [{"index": 0, "delta": {}, "finish_reason": self.finish}]})
        if self.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
            yield _event({**envelope, "choices": [], "usage": self._usage(body, text)})
        yield "data: [DONE]\n\n"

    async def _list(self) -> Response:
        listed = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in self.models]
        return JSONResponse({"object": "list", "data": listed})

    async def _embed(self, request: Request) -> Response:
        body = await request.json()
        if refusal := self._refusal(request, body):
            return refusal
        if len(body["input"]) > self.most_texts:
            return _error(422, f"batch size {len(body['input'])} > maximum allowed batch size {self.most_texts}", None)
        self.asked.append(body)
        encoded = _in_base64 if body.get("encoding_format") == "base64" else list
        rows = [
            {"object": "embedding", "index": place, "embedding": encoded(_vector(text))}
            for place, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return JSONResponse({"object": "list", "model": body["model"], "data": rows[::-1], "usage": usage})

    def _refusal(self, request: Request, body: dict[str, Any]) -> Response | None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            given = request.headers.get("authorization", "")
            return _error(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        if body["model"] not in self.models:
            return _error(404, f"The model {body['model']!r} does not exist.", "model_not_found")
        refused = sorted(self.refuses & {*body, *(f"{name}={value}" for name, value in body.items())})
        if refused:
            hint = " Use 'max_completion_tokens' instead." if refused == ["max_tokens"] else ""
            name = refused[0].partition("=")[0]
            return _error(400, f"Unsupported parameter: {refused[0]!r}.{hint}", "unsupported_parameter", name)
        read = self._words(body)
        if self.window is not None and read > self.window:
            words = f"This model's maximum context length is {self.window} tokens. However, your messages resulted in"
            return _error(400, f"{words} {read} tokens.", "context_length_exceeded", "messages")
        return None

    @staticmethod
    def _words(body: dict[str, Any]) -> int:
        return sum(len(str(turn["content"]).split()) for turn in body.get("messages", ()))

    def _usage(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        counts = {"prompt_tokens": self._words(body), "completion_tokens": len(text.split())}
        return {**counts, "total_tokens": sum(counts.values()), **(self.usage or {})}


def _envelope(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"]}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _in_base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _error(status: int, message: str, code: str | None, param: str | None = None) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "code": code, "param": param}
    return JSONResponse({"error": error}, status_code=status)


def _vector(text: str) -> list[float]:
    return [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:8]]
