"""Everything that can go wrong on the way to an endpoint, made to go wrong by a proxy in front of a real server."""

from __future__ import annotations

from contextvars import copy_context
from datetime import UTC, datetime
from threading import Event, Thread, active_count
from time import perf_counter

import httpx2
import openai
import pytest
from fastapi import Request, Response

from groundtune.errors import GroundtuneError, ModelError
from groundtune.models.chat import ChatModel
from groundtune.models.metering import tell_when_sending_again
from groundtune.models.openai.failures import retry_after
from groundtune.models.openai.sending import Patience
from groundtune.records import Completion, Prompt
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.faulty import Fault
from groundtune.testing.serving import running

from .conftest import ASKED, chat, echo, served


@pytest.mark.parametrize("fault", ["429", "500", "drops", "cut", "malformed"])
def test_passing_trouble_is_tried_again(fault: Fault) -> None:
    with served(ScriptedEndpoint(echo), fault, fault) as (url, proxy):
        assert chat(url).complete(ASKED).text == "You said: How wide is it?"
    assert proxy.seen == [fault, fault, "none"]


@pytest.mark.parametrize("fault", ["429", "500", "drops", "malformed"])
def test_a_stream_is_asked_for_again_until_its_first_piece(fault: Fault) -> None:
    with served(ScriptedEndpoint(echo), fault, fault) as (url, proxy):
        *pieces, whole = chat(url).stream(ASKED)
        assert proxy.seen == [fault, fault, "none"]
    assert isinstance(whole, Completion)
    assert "".join(map(str, pieces)) == whole.text == "You said: How wide is it?"


def test_a_stream_that_is_cut_is_an_error_after_its_pieces() -> None:
    with served(ScriptedEndpoint(lambda _: "word " * 200), "cut") as (url, proxy):
        pieces: list[str | Completion] = []
        with pytest.raises(ModelError, match="cut"):
            pieces.extend(chat(url).stream(ASKED))
        assert pieces
        assert proxy.seen == ["cut"]


@pytest.mark.parametrize(("fault", "told"), [("429", 0), ("500", 1), ("cut", 1)])
def test_a_budget_hears_of_tries_that_may_be_billed(fault: Fault, told: int) -> None:
    heard: list[int] = []
    with served(ScriptedEndpoint(echo), fault) as (url, _):

        def ask() -> None:
            tell_when_sending_again(lambda: heard.append(1))
            chat(url).complete(ASKED)

        thread = Thread(target=ask)  # a context of its own
        thread.start()
        thread.join()
    assert len(heard) == told


@pytest.mark.parametrize(
    ("fault", "says", "timeout"),
    [
        ("429", "asked too often", 10),
        ("500", "injected 500", 10),
        ("malformed", "not JSON", 10),
        ("stalls", "timeout_seconds", 0.2),
    ],
)
def test_lasting_trouble_ends_within_the_time_limit_and_says_what_it_was(
    fault: Fault, says: str, timeout: float
) -> None:
    with served(ScriptedEndpoint(echo)) as (url, proxy):
        proxy.afterwards = fault
        patience = Patience(total_seconds=0.5, first_wait=0.01)
        began = perf_counter()
        with pytest.raises(ModelError, match=says):
            chat(url, timeout=timeout, patience=patience).complete(ASKED)
    assert perf_counter() - began < 5


def test_a_server_that_drips_is_left() -> None:
    with served(ScriptedEndpoint(echo), "drips", "drips", "drips") as (url, _):
        patience = Patience(total_seconds=0.3, first_wait=0.01)
        with pytest.raises(ModelError, match="took longer than the"):
            chat(url, timeout=10, patience=patience).complete(ASKED)


def test_a_stream_that_drips_is_left() -> None:
    with served(ScriptedEndpoint(echo), "drips", "drips", "drips") as (url, _):
        patience = Patience(total_seconds=0.3, first_wait=0.01)
        with pytest.raises(ModelError, match="took longer than the"):
            next(chat(url, timeout=10, patience=patience).stream(ASKED))


def test_the_time_for_one_answer_is_kept_to_the_end() -> None:
    with served(ScriptedEndpoint(echo), "500", "stalls") as (url, proxy):
        began = perf_counter()
        with pytest.raises(ModelError, match=r"did not answer|said nothing"):
            chat(url, timeout=60, patience=Patience(total_seconds=2, first_wait=0.01)).complete(ASKED)
        assert proxy.seen == ["500", "stalls"]
    assert perf_counter() - began < 10  # and not the sixty seconds that one call may take


def test_retry_after_is_honoured() -> None:
    with served(ScriptedEndpoint(echo), "429", retry_after="1000") as (url, proxy):
        with pytest.raises(ModelError, match="asked too often"):
            chat(url).complete(ASKED)
        assert proxy.seen == ["429"]  # a thousand seconds are beyond the limit, so it is not even tried


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("Fri, 02 Jan 2026 00:00:09 GMT", 9), ("", None), ("soon", None)],
)
def test_when_to_come_back_is_read_from_the_header(given: str, seconds: float | None) -> None:
    request = httpx2.Request("POST", "http://x")
    response = httpx2.Response(429, headers={"retry-after": given}, request=request)
    error = openai.RateLimitError("busy", response=response, body=None)
    assert retry_after(error, lambda: datetime(2026, 1, 2, tzinfo=UTC)) == seconds


@pytest.fixture
def unused_address() -> str:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def test_nobody_there_is_found_out_after_a_few_tries(unused_address: str) -> None:
    tries = 0

    def count() -> None:
        nonlocal tries
        tries += 1

    def ask() -> None:
        tell_when_sending_again(count)
        with pytest.raises(GroundtuneError, match="cannot be reached"):
            chat(unused_address, patience=Patience(first_wait=0.001, tries=3)).complete(ASKED)

    copy_context().run(ask)
    assert tries == 2


def test_a_server_that_dies_half_way_is_told() -> None:
    with served(ScriptedEndpoint(echo)) as (url, _):
        asking = chat(url, patience=Patience(first_wait=0.001, tries=2))
        assert asking.complete(ASKED).text
    with pytest.raises(ModelError, match="cannot be reached"):
        asking.complete(ASKED)
    with pytest.raises(ModelError, match="cannot be reached"):
        next(asking.stream(ASKED))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"error": {"message": "no\\nroom"}}', "no room"),
        ('{"error": "no room"}', "no room"),
        ('{"detail": "no room"}', "no room"),
        ('{"message": "no room"}', "no room"),
        ("no room", "no room"),
        ("<html><h1>Bad</h1></html>", "Bad Request"),
        ("", "Bad Request"),
        ("[1]", "Bad Request"),
    ],
)
def test_the_servers_own_words_are_passed_on_in_whatever_form_they_come(body: str, told: str) -> None:
    app = ScriptedEndpoint(echo).app()

    @app.middleware("http")
    async def refuse(_request: Request, _next: object) -> Response:
        return Response(body, status_code=400, media_type="application/json" if body[:1] in "{[" else "text/plain")

    with running(app) as address, pytest.raises(ModelError, match=rf"refused \(400\): {told}") as caught:
        chat(f"{address}/v1").complete(ASKED)
    assert "<" not in str(caught.value)


def test_cancelling_ends_the_waiting() -> None:
    cancelled = Event()
    patience = Patience(total_seconds=60, cancelled=cancelled)
    caught: list[BaseException] = []
    threads = active_count()
    with served(ScriptedEndpoint(echo), "429", retry_after="50") as (url, proxy):

        def ask() -> None:
            try:
                chat(url, patience=patience).complete(ASKED)
            except ModelError as error:
                caught.append(error)

        thread = Thread(target=ask)
        thread.start()
        while not proxy.seen:
            thread.join(0.01)
        cancelled.set()
        thread.join(5)
        assert not thread.is_alive()
    assert "Cancelled" in str(caught[0])
    assert active_count() == threads


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_without_text_is_told(streamed: bool) -> None:
    prompt = Prompt(task="answer", instruction="", question="How wide?")
    with served(ScriptedEndpoint(echo), "empty") as (url, _), pytest.raises(ModelError, match="empty answer"):
        list(ChatModel(chat(url)).stream(prompt)) if streamed else ChatModel(chat(url)).reply(prompt)
