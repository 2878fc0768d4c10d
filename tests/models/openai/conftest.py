"""A chat model at a scripted server on loopback, with a proxy in front of it that makes trouble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from groundtune.models.openai.chat import OpenAIChat
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.records import Message
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.faulty import Fault, FaultyProxy, in_front_of
from groundtune.testing.serving import running

KEY = "sk-verysecretkey1234567890"
ASKED = [Message(role="user", content="How wide is it?")]


def echo(turns: Any) -> str:
    return f"You said: {turns[-1]['content']}"


@contextmanager
def served(server: ScriptedEndpoint, *faults: Fault, retry_after: str = "0") -> Iterator[tuple[str, FaultyProxy]]:
    with running(server.app()) as target, in_front_of(target, *faults, retry_after=retry_after) as (address, proxy):
        yield f"{address}/v1", proxy


def chat(url: str, *, timeout: float = 10.0, patience: Patience | None = None, **options: Any) -> OpenAIChat:
    calm = patience or Patience(total_seconds=20, first_wait=0.01)
    return OpenAIChat("tiny", Endpoint(base_url=url, key="", timeout_seconds=timeout), patience=calm, **options)
