"""What servers send, read: whatever it is, it becomes an answer or a clear failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from time import perf_counter
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ModelError
from groundtune.models.openai.failures import Unreadable
from groundtune.models.openai.receiving import Create, received, received_events
from groundtune.models.openai.sending import Limit
from groundtune.models.openai.written import Written
from groundtune.records import Completion, Usage


@dataclass
class Sent:
    pieces: list[bytes]
    breaks: Exception | None = None

    def iter_bytes(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.breaks:
            raise self.breaks


def sending(*pieces: bytes, breaks: Exception | None = None) -> Create:
    @contextmanager
    def create(**_: Any) -> Iterator[Any]:
        yield Sent(list(pieces), breaks)

    return create


def events(*pieces: bytes, limit: Limit | None = None) -> list[dict[str, Any]]:
    return list(received_events(sending(*pieces), {}, limit or Limit(60)))


def test_events_are_put_together_from_any_pieces() -> None:
    said = "a\u2028b\x85c"  # ends of lines for Python, not for the protocol
    line = f"data: {json.dumps({'said': said}, ensure_ascii=False)}\r\n\r\n".encode()
    text = b": a comment\nevent: message\n" + line + b"data:{}\n\ndata: [DONE]\n\ndata: not read\n\n"
    expected = [{"said": said}, {}]
    assert events(text) == expected
    assert events(*(bytes([byte]) for byte in text)) == expected
    assert events(line.strip()) == expected[:1]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b'{"choices": [{"mess', "not JSON"),
        (b"<html>busy</html>", "not JSON"),
        (b"[1]", "no object"),
        (b'{"error": {"message": "out of\\nmemory"}}', "out of memory"),
        (b'{"error": "overloaded"}', "overloaded"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_is_no_answer_is_told(sent: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        received(sending(sent), {}, Limit(60))
    with pytest.raises(Unreadable, match=says):
        events(b"data: " + sent.replace(b"\n", b" "))


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (httpx2.ReadTimeout("slow"), "said nothing more"),
        (httpx2.RemoteProtocolError("gone"), "connection was cut"),
        (httpx2.ReadError("gone"), "connection was cut"),
    ],
)
def test_a_connection_that_breaks_is_told(breaks: Exception, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        received(sending(b"{}", breaks=breaks), {}, Limit(60))
    with pytest.raises(Unreadable, match=says):
        list(received_events(sending(b"data: {}\n\n", breaks=breaks), {}, Limit(60)))


def test_a_call_that_is_over_or_cancelled_is_left() -> None:
    with pytest.raises(Unreadable, match="took longer"):
        events(b": still here\n", limit=Limit(-1))
    cancelled = Event()
    cancelled.set()
    with pytest.raises(ModelError, match="Cancelled"):
        received(sending(b"{}"), {}, Limit(60, cancelled))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "delta", "content", "usage", "finish_reason", "text", "type", "prompt_tokens"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
OBJECT = st.dictionaries(st.sampled_from(["choices", "usage", "object"]), JSON, max_size=3)
LIKELY = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries({"message": JSON, "delta": JSON, "finish_reason": JSON}), min_size=1, max_size=2
        ),
        "usage": JSON,
    }
)


@given(OBJECT | LIKELY)
def test_any_json_is_an_answer_or_a_failure(answer: dict[str, Any]) -> None:
    try:
        whole = Written(perf_counter()).whole(answer)
    except (Unreadable, ModelError):
        return
    assert isinstance(whole, Completion)
    assert isinstance(whole.text, str)


@given(st.lists(OBJECT | LIKELY, max_size=4))
def test_any_stream_of_json_is_an_answer_or_a_failure(answers: list[dict[str, Any]]) -> None:
    written = Written(perf_counter())
    try:
        pieces = list(written.pieces(event for event in answers))
        whole = written.completion()
    except (Unreadable, ModelError):
        return
    assert "".join(pieces) == whole.text
    assert (whole.first_token_ms is not None) == bool(pieces)


def test_parts_refusals_and_counts() -> None:
    parts = [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "12 "}, {"type": "text", "text": "mm"}]
    answer = {"choices": [{"message": {"content": parts}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    whole = Written(perf_counter()).whole(answer)
    assert (whole.text, whole.usage) == ("12 mm", Usage(input_tokens=3, output_tokens=2))
    refused = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    assert Written(perf_counter()).whole(refused).text == "No."
    half = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 3, "completion_tokens": None}}
    assert Written(perf_counter()).whole(half).usage is None


def test_what_a_filter_withheld_is_no_answer() -> None:
    filtered = {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}
    with pytest.raises(ModelError, match="content filter"):
        Written(perf_counter()).whole(filtered)
