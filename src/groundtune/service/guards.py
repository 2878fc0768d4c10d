"""What every request passes on its way in and every response on its way out.

A server on the loopback address can still be reached by any web page that the user has open. Checking the Host header
closes that door (DNS rebinding); the response headers keep what was retrieved from ever running as code.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundtune.service.headers import SECURITY_HEADERS
from groundtune.service.problems import problem

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names under which a loopback server is addressed."""

MAX_BODY_BYTES = 1_000_000
"""The largest request body that is read."""


class HostGuard:
    """Refuses requests whose Host header names none of ``hosts`` (any port); None lets every host pass."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] != "http" or self._hosts is None or _host(scope) in self._hosts:
            await self._app(scope, receive, send)
            return
        message = (
            f"This server does not answer for the host {_host(scope)!r}. Use one of: {', '.join(sorted(self._hosts))}."
        )
        await _refuse(send, 421, message, code="wrong_host")


class SecurityHeaders:
    """Adds the headers of `SECURITY_HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the response's headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses request bodies above ``limit`` bytes, announced or not."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit and pass it on, or answer 413."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self._limit:
                words = f"The request is too large: at most {self._limit:,} bytes are allowed."
                await _refuse(send, 413, words, code="too_large")
                return
            if message["type"] != "http.request" or not message.get("more_body", False):
                break

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)


def _host(scope: Scope) -> str:
    """The Host header without its port, in lower case; empty when there is none."""
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    if value.startswith("["):
        return str(value[1:].partition("]")[0])
    return str(value.partition(":")[0])


async def _refuse(send: Send, status: int, message: str, *, code: str) -> None:
    body = json.dumps({"error": problem(status, message, code=code)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
