"""The OpenAI protocol, spoken by OpenAI's own client over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from groundtune.records import Document
from groundtune.service import create_app
from groundtune.testing.answering import FakeAnswerer
from groundtune.testing.serving import running

QUOTE = "A bucket holds at most nine objects."
QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Answer as a pirate."},
    {"role": "user", "content": "Which codeword is it?"},
    {"role": "assistant", "content": "I do not know."},
    {"role": "user", "content": "How many objects does a bucket hold?"},
]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    documents = [Document(id="a.md", title="Limits", text=f"# Limits\n\n{QUOTE}\n", source="docs/a.md")]
    with (
        running(create_app(FakeAnswerer(documents))) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def extra(thing: Any) -> dict[str, Any]:
    return dict(thing.model_extra)


def test_the_last_user_message_is_answered_with_citations(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="rag", messages=QUESTION, temperature=0.3)
    assert completion.choices[0].message.content == QUOTE
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "rag"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert extra(completion)["citations"][0]["quote"] == QUOTE
    assert extra(completion)["abstained"] is False


def test_a_stream_spells_the_same_answer(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="rag", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == QUOTE
    assert len(pieces) > 5
    last = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    assert extra(last)["citations"][0]["source"] == "docs/a.md"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 7
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_without_usage_ends_with_the_last_choice(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="rag", messages=QUESTION, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_an_abstention_is_said_in_words(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="rag", messages=[{"role": "user", "content": "zzz"}])
    assert completion.choices[0].message.content == "I do not know. No document speaks of this."
    assert extra(completion)["abstained"] is True
    assert completion.usage is None


def test_content_parts_are_read(client: openai.OpenAI) -> None:
    parts: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": [{"type": "text", "text": "How many objects"}, {"type": "text", "text": "hold?"}]}
    ]
    assert client.chat.completions.create(model="rag", messages=parts).choices[0].message.content == QUOTE


def test_systems_are_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["prompt", "rag", "tuned"]
    assert client.models.retrieve("tuned").owned_by == "groundtune"


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Name one of: prompt, rag, tuned") as caught:
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    with pytest.raises(openai.NotFoundError, match="Name one of"):
        client.models.retrieve("gpt-4o")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": []}, "'messages' is empty"),
        ({"messages": [{"role": "system", "content": "x"}]}, "no message with the role 'user'"),
        ({"messages": [{"role": "user", "content": " "}]}, "is empty: send a question"),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, "at most 4,000 characters"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "parts of type image_url"),
    ],
)
def test_messages_that_hold_no_question(client: openai.OpenAI, body: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=words):
        client.post("/chat/completions", body={"model": "rag", **body}, cast_to=object)


@pytest.mark.parametrize(("option", "words"), [({"n": 2}, "one answer"), ({"tools": [{}]}, "Tools are not supported")])
def test_what_cannot_be_honoured_is_refused(client: openai.OpenAI, option: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        client.chat.completions.create(model="rag", messages=QUESTION, extra_body=option)
