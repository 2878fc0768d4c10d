"""A proxy that does to the traffic of any server what networks and overloaded servers do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Literal

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from groundtune.testing.serving import running

__all__ = ["Fault", "FaultyProxy", "in_front_of"]

Fault = Literal["none", "429", "500", "stalls", "drops", "cut", "malformed", "empty", "drips"]
"""What happens to one request:

none       it is passed on
429, 500   a refusal; 429 says when to come back
stalls     no answer ever
drops      the connection ends without an answer
cut        the answer ends half way
malformed  the answer is no JSON
empty      an answer without text
drips      the answer comes byte by byte and never ends
"""


@dataclass
class FaultyProxy:
    """Passes requests on to ``target``; `app` serves it.

    Attributes:
        target: Address of the server behind it.
        faults: What happens to the coming requests, one each.
        afterwards: What happens to all further ones.
        retry_after: What a 429 says.
        seen: What happened, in order.
    """

    target: str
    faults: list[Fault] = field(default_factory=list)
    afterwards: Fault = "none"
    retry_after: str = "0"
    seen: list[Fault] = field(default_factory=list)

    def then(self, *faults: Fault) -> None:
        """These happen to the next requests."""
        self.faults[:] = faults
        self.seen.clear()

    def app(self) -> FastAPI:
        """The application, for `groundtune.testing.serving.running`."""
        app = FastAPI()
        app.api_route("/{path:path}", methods=["GET", "POST"], response_model=None)(self._handle)
        return app

    async def _handle(self, path: str, request: Request) -> Response:
        fault: Fault = self.faults.pop(0) if self.faults else self.afterwards
        self.seen.append(fault)
        if fault in ("429", "500"):
            error = {"message": f"injected {fault}", "type": "server_error", "code": None}
            return JSONResponse({"error": error}, status_code=int(fault), headers={"retry-after": self.retry_after})
        if fault == "malformed":
            return Response('{"choices": [{"mess', media_type="application/json")
        if fault == "empty":
            return _without_text((await request.json()).get("stream", False))
        if fault in ("stalls", "drips", "drops"):
            return StreamingResponse(self._nothing(fault, request), media_type="application/json")
        return await self._passed_on(path, request, cut=fault == "cut")

    async def _nothing(self, fault: Fault, request: Request) -> AsyncIterator[bytes]:
        if fault == "drops":
            raise ConnectionAbortedError
        while not await request.is_disconnected():
            if fault == "drips":
                yield b" "
            await asyncio.sleep(0.01)

    async def _passed_on(self, path: str, request: Request, *, cut: bool) -> Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
        client = httpx.AsyncClient(timeout=120)
        content = await request.body()
        sent = client.build_request(request.method, f"{self.target}/{path}", content=content, headers=headers)
        answer = await client.send(sent, stream=True)
        pieces = _half(answer, client) if cut else _whole(answer, client)
        kind = answer.headers.get("content-type", "application/json")
        return StreamingResponse(pieces, status_code=answer.status_code, media_type=kind)


@contextmanager
def in_front_of(target: str, *faults: Fault, retry_after: str = "0") -> Iterator[tuple[str, FaultyProxy]]:
    """A proxy on loopback, and its address, for as long as the block lasts.

    Args:
        target: Address of the server behind it.
        faults: What happens to the first requests.
        retry_after: What a 429 says.
    """
    proxy = FaultyProxy(target, list(faults), retry_after=retry_after)
    with running(proxy.app()) as address:
        yield address, proxy


async def _whole(answer: httpx.Response, client: httpx.AsyncClient) -> AsyncIterator[bytes]:
    """The answer as it comes."""
    async with aclosing(client):
        async for piece in answer.aiter_bytes():
            yield piece


async def _half(answer: httpx.Response, client: httpx.AsyncClient) -> AsyncIterator[bytes]:
    """The first half of the answer, after which the connection breaks."""
    async with aclosing(client):
        content = await answer.aread()
    for first in range(0, len(content) // 2, 512):
        yield content[first : min(first + 512, len(content) // 2)]
    raise ConnectionAbortedError


def _without_text(stream: bool) -> Response:
    choice = {"index": 0, "delta" if stream else "message": {"role": "assistant", "content": ""}}
    kind = "chat.completion.chunk" if stream else "chat.completion"
    answer = {
        "id": "x",
        "object": kind,
        "created": 1,
        "model": "x",
        "choices": [{**choice, "finish_reason": "stop"}],
    }
    if not stream:
        return JSONResponse(answer)
    return Response(f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n", media_type="text/event-stream")
