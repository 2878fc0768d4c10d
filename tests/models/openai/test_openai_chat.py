"""The openai provider against a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from threading import enumerate as enumerate_threads
from typing import Any

import pytest

from groundtune.errors import ModelError
from groundtune.models import Chat
from groundtune.models.chat import ContextOverflow
from groundtune.models.openai.sending import Patience
from groundtune.records import Completion, Usage
from groundtune.testing.chat_contract import ChatContract
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.serving import running

from .conftest import ASKED, chat, echo, served


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(ScriptedEndpoint(echo).app()) as served_at:
        yield f"{served_at}/v1"


class TestContract(ChatContract):
    schema_is_kept = False

    @pytest.fixture(autouse=True)
    def at(self, address: str) -> None:
        self.url = address

    def chat(self) -> Chat:
        return chat(self.url)


def test_usage_keeps_cached_and_reasoning_tokens_apart() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 1}}
    with served(ScriptedEndpoint(echo, usage=details)) as (url, _):
        expected = Usage(input_tokens=4, output_tokens=6, cached_tokens=2, reasoning_tokens=1)
        assert chat(url).complete(ASKED).usage == expected
        *_, whole = chat(url).stream(ASKED)
        assert isinstance(whole, Completion)
        assert whole.usage == expected


def test_a_server_that_does_not_count_leaves_the_usage_unknown() -> None:
    with served(ScriptedEndpoint(echo, usage=None)) as (url, _):
        assert chat(url).complete(ASKED).usage is None


def test_a_cut_answer_says_so() -> None:
    with served(ScriptedEndpoint(echo, finish="length")) as (url, _):
        assert chat(url).complete(ASKED).finished == "length"


@pytest.mark.parametrize("refused", ["temperature", "max_tokens", "response_format", "stream_options"])
def test_what_a_server_refuses_is_left_out_from_then_on(refused: str) -> None:
    server = ScriptedEndpoint(echo, refuses=frozenset({refused}))
    with served(server) as (url, proxy):
        asking = chat(url)
        if refused == "stream_options":
            *_, whole = asking.stream(ASKED)
            assert isinstance(whole, Completion)
        else:
            assert asking.complete(ASKED, schema={"type": "object"}).text
        first = len(proxy.seen)
        asking.complete(ASKED, schema={"type": "object"})
        assert first > 1
        assert len(proxy.seen) == first + 1
    assert refused not in server.asked[-1]


def test_a_schema_is_asked_for_as_set() -> None:
    closed = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    server = ScriptedEndpoint(echo)
    with served(server) as (url, _):
        for structured in ("schema", "json", "prompt"):
            chat(url, structured=structured).complete(ASKED, schema=closed)
        chat(url).complete(ASKED, schema={**closed, "additionalProperties": False})
    asked = [(body.get("response_format") or {}) for body in server.asked]
    assert [form.get("type") for form in asked] == ["json_schema", "json_object", None, "json_schema"]
    assert [asked[place]["json_schema"]["strict"] for place in (0, 3)] == [False, True]


@pytest.mark.parametrize("streamed", [False, True])
def test_no_more_requests_are_under_way_than_allowed_and_no_fewer(streamed: bool) -> None:
    under_way, most = [0], [0]
    two = Barrier(2, timeout=20)  # passes pairs alone: with one at a time it would break
    lock = Lock()

    def count(turns: Any) -> str:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        two.wait()
        with lock:
            under_way[0] -= 1
        return echo(turns)

    server = ScriptedEndpoint(count, in_threads=True)
    with served(server) as (url, _):
        asking = chat(url, patience=Patience(concurrency=2))
        ask = (lambda: list(asking.stream(ASKED))[-1]) if streamed else (lambda: asking.complete(ASKED))
        with ThreadPoolExecutor(6) as threads:
            answers = [threads.submit(ask) for _ in range(6)]
        assert {answer.result().text for answer in answers} == {"You said: How wide is it?"}  # type: ignore[union-attr]
    assert most[0] == 2


def test_a_conversation_that_is_too_long_is_told_apart() -> None:
    with served(ScriptedEndpoint(echo, window=3)) as (url, proxy):
        for asked in (chat(url).complete, lambda messages: next(chat(url).stream(messages))):
            with pytest.raises(ContextOverflow) as caught:
                asked(ASKED)
            assert (caught.value.tokens, caught.value.window) == (4, 3)
        assert len(proxy.seen) == 2  # asking again in other words would not make it shorter


def test_a_server_that_takes_no_limit_is_not_asked_forever() -> None:
    refuses = frozenset({"max_tokens", "max_completion_tokens"})
    with served(ScriptedEndpoint(echo, refuses=refuses)) as (url, proxy):
        with pytest.raises(ModelError, match="Unsupported parameter"):
            chat(url).complete(ASKED)
        assert len(proxy.seen) == 2


def test_what_was_left_out_in_vain_is_not_remembered() -> None:
    server = ScriptedEndpoint(echo, refuses=frozenset({"response_format", "model=tiny"}))
    with served(server) as (url, _):
        asking = chat(url)
        with pytest.raises(ModelError, match="model=tiny"):
            asking.complete(ASKED, schema={"type": "object"})
        server.refuses = frozenset()
        asking.complete(ASKED, schema={"type": "object"})
        assert "response_format" in server.asked[-1]


def test_leaving_a_stream_ends_its_connection_and_frees_its_slot() -> None:
    with served(ScriptedEndpoint(lambda _: "word " * 5_000)) as (url, _):
        asking = chat(url, patience=Patience(concurrency=1))
        threads = set(enumerate_threads())
        stream = asking.stream(ASKED)
        assert next(stream) == "word "
        stream.close()  # type: ignore[attr-defined]
        assert asking.complete(ASKED).text
        # The servers run in this process too, and have workers of their own.
        assert all("AnyIO" in thread.name for thread in set(enumerate_threads()) - threads)
