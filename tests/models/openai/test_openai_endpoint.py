"""Keys and addresses: what is missing or wrong is told, and no key is ever shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse

from groundtune.errors import ModelError, ProjectError
from groundtune.models.openai.chat import OpenAIChat
from groundtune.models.openai.endpoint import Endpoint
from groundtune.records import Message
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.serving import running

KEY = "sk-verysecretkey1234567890"
ASKED = [Message(role="user", content="How wide is it?")]


def echo(turns: Any) -> str:
    return f"You said: {turns[-1]['content']}"


@contextmanager
def served(**server: Any) -> Iterator[str]:
    with running(ScriptedEndpoint(echo, **server).app()) as address:
        yield f"{address}/v1"


def chat(url: str, key: str = "") -> OpenAIChat:
    return OpenAIChat("tiny", Endpoint(base_url=url, key=key))


def test_a_wrong_key_is_told_without_it(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with served(key="another") as url:
        endpoint = Endpoint(base_url=url, key="MY_KEY")
        asking = OpenAIChat("tiny", endpoint)
        with pytest.raises(ProjectError, match="MY_KEY") as caught:
            asking.complete(ASKED)
    for text in (str(caught.value), repr(endpoint), repr(asking), asking.name, caplog.text):
        assert KEY not in text
        assert KEY[:12] not in text


def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "f00dcafe-0000")
    app = ScriptedEndpoint(echo).app()

    @app.middleware("http")
    async def repeat(request: Request, _: object) -> JSONResponse:
        said = f"bad request with {request.headers['authorization']} and f00dcafe-0000"
        return JSONResponse({"error": {"message": said}}, status_code=400)

    with running(app) as address, pytest.raises(ModelError, match="bad request") as caught:
        chat(f"{address}/v1", "MY_KEY").complete(ASKED)
    assert "f00dcafe" not in str(caught.value)


def test_a_right_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with served(key=KEY) as url:
        assert chat(url, "MY_KEY").complete(ASKED).text


def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ProjectError, match=r"MY_KEY holds no key for https://models\.example/v1"):
        chat("https://models.example/v1", "MY_KEY").complete(ASKED)


@pytest.mark.parametrize(
    "base_url", ["http://localhost:1/v1", "http://192.168.0.7:8000/v1", "http://[::1]:1/v1", "http://gpu-box:8000/v1"]
)
def test_servers_in_ones_own_network_may_do_without_a_key(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with Endpoint(base_url=base_url, key="MY_KEY").client() as client:
        assert str(client.base_url).startswith(base_url)
        assert "MY_KEY" not in client.api_key


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    for models, says in (
        (("other", "tiny-2"), "The endpoint has: other, tiny-2"),
        (tuple(f"m{n}" for n in range(99)), "89 more"),
    ):
        with served(models=models) as url:
            with pytest.raises(ProjectError, match=f"'tiny' at http.*{says}"):
                chat(url).complete(ASKED)
            with pytest.raises(ProjectError, match=f"'tiny' at http.*{says}"):
                next(chat(url).stream(ASKED))


def test_an_address_without_its_end_is_told() -> None:
    with served() as url, pytest.raises(ProjectError, match="most endpoints end in /v1"):
        chat(url.removesuffix("/v1")).complete(ASKED)


@pytest.mark.parametrize(
    ("base_url", "shown", "local"),
    [
        ("", "https://api.openai.com/v1", False),
        ("http://localhost:11434/v1/", "http://localhost:11434/v1", True),
        ("https://user:secret@host.example/v1?key=abc", "https://host.example/v1", False),
    ],
)
def test_an_address_is_shown_without_secrets(base_url: str, shown: str, local: bool) -> None:
    endpoint = Endpoint(base_url=base_url)
    assert (endpoint.url, endpoint.is_local) == (shown, local)


@pytest.mark.parametrize("base_url", ["localhost:11434", "ftp://host/v1", "http://", "v1"])
def test_what_is_no_address_is_refused_at_once(base_url: str) -> None:
    with pytest.raises(ProjectError, match="no address of an endpoint"):
        Endpoint(base_url=base_url)
