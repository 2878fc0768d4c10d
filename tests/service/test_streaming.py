"""Streaming through a whole project: from a chat model behind an endpoint to OpenAI's own client, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import openai
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from openai.types.chat import ChatCompletionChunk

from groundtune.project import Project
from groundtune.service import create_app
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.serving import running

PATIENCE = 20
SENTENCE = "The big valve is 12 mm wide."
SETTINGS = """\
[project]
name = "valves"
instruction = "Answer from the manual."
[model]
provider = "openai"
name = "tiny"
base_url = "{url}/v1"
key = ""
total_timeout_seconds = 0.3
"""


@dataclass
class Slowly:
    """A chat model that writes its second word when it is told to, and what it is told to do after its words.

    Attributes:
        text: What it writes.
        then: ``stop``; ``cut``, the connection ends; ``on``, it writes until its client goes away; ``refuse``, it
            writes nothing but a server's error.
        go_on: Set it, and the second word follows.
        left: Set when its client went away.
    """

    text: str = f'12 mm\n[S1] "{SENTENCE}"'
    then: str = "stop"
    go_on: Event = field(default_factory=Event)
    left: Event = field(default_factory=Event)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/v1/chat/completions", response_model=None)(self._chat)
        return app

    async def _chat(self, request: Request) -> Response:
        if self.then == "refuse":
            return JSONResponse({"error": {"message": "no memory left", "type": "server_error"}}, status_code=500)
        assert (await request.json())["stream"] is True
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        first, *others = self.text.split(" ")
        yield self._chunk({"content": first})
        try:
            while not self.go_on.is_set():
                await asyncio.sleep(0.002)
            for word in others:
                yield self._chunk({"content": f" {word}"})
            while self.then == "on":
                yield self._chunk({"content": " on"})
                await asyncio.sleep(0.002)
        except asyncio.CancelledError:
            self.left.set()
            raise
        if self.then == "cut":
            raise ConnectionAbortedError
        yield self._chunk({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13})
        yield "data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        envelope = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
        return f"data: {json.dumps({**envelope, 'choices': [choice], **more})}\n\n"


@contextmanager
def serving(folder: Path, model: Slowly | ScriptedEndpoint) -> Iterator[openai.OpenAI]:
    """A client of a project whose model this is."""
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "valve.md").write_text(f"# The big valve\n\n{SENTENCE} It is made of brass.", "utf-8")
    with running(model.app()) as behind:
        (folder / "groundtune.toml").write_text(SETTINGS.format(url=behind), "utf-8")
        project = Project.open(folder)
        project.sync()
        with (
            running(create_app(project.answerer())) as url,
            openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=PATIENCE) as client,
        ):
            yield client


def ask(client: openai.OpenAI, question: str = "How wide is the big valve?") -> openai.Stream[ChatCompletionChunk]:
    return client.chat.completions.create(
        model="rag",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )


def content(chunk: ChatCompletionChunk) -> str:
    return chunk.choices[0].delta.content or "" if chunk.choices else ""


def first_words(stream: openai.Stream[ChatCompletionChunk]) -> str:
    return next(text for text in map(content, stream) if text)


def test_the_first_word_arrives_before_the_model_has_written_its_second(tmp_path: Path) -> None:
    model = Slowly()
    with serving(tmp_path / "p", model) as client:
        stream = ask(client)
        assert first_words(stream) == "12"
        assert not model.go_on.is_set()
        model.go_on.set()
        chunks = list(stream)
    assert "".join(map(content, chunks)) == " mm"
    last = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    extras: dict[str, Any] = dict(last.model_extra or {})
    assert [citation["quote"] for citation in extras["citations"]] == [SENTENCE]
    assert extras["milliseconds"]["first_token"] <= extras["milliseconds"]["total"]
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (9, 4)


def test_a_model_that_fails_before_its_first_word_is_an_http_error(tmp_path: Path) -> None:
    with serving(tmp_path / "p", Slowly(then="refuse")) as client:
        with pytest.raises(openai.InternalServerError, match=r"could not answer: .*no memory left") as caught:
            ask(client)
        assert (caught.value.status_code, caught.value.code) == (502, "system_failed")


def test_a_stream_that_is_cut_ends_with_an_error_that_clients_raise(tmp_path: Path) -> None:
    model = Slowly(then="cut")
    model.go_on.set()
    with serving(tmp_path / "p", model) as client:
        stream = ask(client)
        said = first_words(stream)
        with pytest.raises(openai.APIError, match=r"'rag' could not answer: .*cut") as caught:
            said += "".join(map(content, stream))
        assert caught.value.code == "system_failed"
        assert said == "12"
        model.then = "stop"
        assert "".join(map(content, ask(client))) == "12 mm"


def test_a_client_that_goes_away_ends_the_work_of_the_model(tmp_path: Path) -> None:
    model = Slowly(then="on", text="12 mm")
    model.go_on.set()
    with serving(tmp_path / "p", model) as client:
        stream = ask(client)
        assert first_words(stream) == "12"
        assert not model.left.is_set()
        stream.close()
        assert model.left.wait(PATIENCE)
        model.then = "stop"
        assert "".join(map(content, ask(client))) == "12 mm"


def test_an_abstention_that_comes_late_is_said_after_what_was_shown(tmp_path: Path) -> None:
    with serving(tmp_path / "p", ScriptedEndpoint(lambda _: "**NOT IN THE SOURCES**")) as client:
        chunks = list(ask(client))
    said = "".join(map(content, chunks))
    assert said.endswith(
        "I do not know. the model found no answer in the passages that it was given\n\n"
        "The nearest topic is “The big valve”. Is your question about it?"
    )
    last = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    assert dict(last.model_extra or {})["abstained"] is True


def test_token_counts_tell_the_cached_and_the_hidden_ones(tmp_path: Path) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 1}}
    with serving(tmp_path / "p", ScriptedEndpoint(lambda _: "12 mm", usage=details)) as client:
        usage = list(ask(client))[-1].usage
        again = client.chat.completions.create(
            model="rag", messages=[{"role": "user", "content": "How wide is the big valve?"}]
        )
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 3
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 1
    assert again.usage == usage
    assert again.choices[0].message.content == "12 mm"
