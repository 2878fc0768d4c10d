"""A chat as a generator: rendered, parsed, and a JSON reply repaired once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from groundtune.errors import ModelError, ProjectError
from groundtune.models.chat import ChatModel
from groundtune.models.messages import CHAT_TEMPLATE
from groundtune.records import Completion, Message, Passage, Prompt, Quote, Reply, Usage

SCHEMA = {"type": "object", "required": ["people"], "properties": {"people": {"type": "integer"}}}


@dataclass
class Scripted:
    """Says what it is told to say, and remembers what it was asked."""

    lines: list[str]
    asked: list[Sequence[Message]] = field(default_factory=list)
    name: str = "scripted"
    context_window: int | None = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        self.asked.append(messages)
        usage = Usage(input_tokens=10, output_tokens=2, cached_tokens=4)
        return Completion(text=self.lines.pop(0), usage=usage, finished="stop", first_token_ms=None, total_ms=5.0)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        whole = self.complete(messages)
        yield from whole.text
        yield whole


def extract() -> Prompt:
    return Prompt(task="extract", instruction="", question="Three of us.", schema=SCHEMA)


def test_valid_json_is_taken_out_of_its_fence() -> None:
    chat = Scripted(['Here:\n```json\n{"people": 3}\n```'])
    assert json.loads(ChatModel(chat).reply(extract()).text) == {"people": 3}
    assert len(chat.asked) == 1


def test_an_invalid_object_is_repaired_once_and_both_calls_are_counted() -> None:
    chat = Scripted(['{"people": "three"}', '{"people": 3}'])
    reply = ChatModel(chat).reply(extract())
    assert json.loads(reply.text) == {"people": 3}
    assert reply.usage == Usage(input_tokens=20, output_tokens=4, cached_tokens=8)
    assert "$.people: 'three' is not of type 'integer'" in chat.asked[1][-1].content


def test_what_cannot_be_repaired_is_given_as_it_came() -> None:
    chat = Scripted(['{"people": "three"}', "sorry"])
    assert ChatModel(chat).reply(extract()).text == '{"people": "three"}'


def test_a_stream_ends_with_the_reply_and_shows_no_citation_line() -> None:
    text = "The seal is 12 mm wide."
    passage = Passage(id="p", document="d", source="d", title="", headings=(), start=0, end=len(text), text=text)
    prompt = Prompt(task="answer", instruction="", question="How wide?", passages=(passage,))
    *pieces, reply = ChatModel(Scripted(['12 mm\n[S1] "12 mm wide"'])).stream(prompt)
    assert isinstance(reply, Reply)
    assert "".join(str(piece) for piece in pieces) == reply.text == "12 mm"
    assert reply.quotes == (Quote(passage=0, start=12, end=22),)


@pytest.mark.parametrize("said", ["NOT", "12 mm [", "12 mm [S", "a [b] c", "12\n\n", "<think>so</think>\n12", "[S1]"])
def test_all_of_a_streamed_answer_is_shown_in_the_end(said: str) -> None:
    prompt = Prompt(task="answer", instruction="", question="How wide?")
    *pieces, reply = ChatModel(Scripted([said])).stream(prompt)
    assert isinstance(reply, Reply)
    assert "".join(map(str, pieces)) == reply.text


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"type": "objekt"},
        {"required": "people"},
        {"properties": {"people": {"pattern": "("}}},
    ],
)
def test_a_schema_that_cannot_be_used_is_the_users_to_correct(schema: dict[str, Any]) -> None:
    prompt = Prompt(task="extract", instruction="", question="Three of us.", schema=schema)
    with pytest.raises(ProjectError, match="JSON Schema of the replies cannot be used"):
        ChatModel(Scripted(['{"people": "3"}'])).reply(prompt)


def test_a_streamed_abstention_shows_nothing() -> None:
    prompt = Prompt(task="answer", instruction="", question="How wide?")
    (reply,) = ChatModel(Scripted(["I DO NOT KNOW"])).stream(prompt)
    assert isinstance(reply, Reply)
    assert reply.reason


def test_the_name_tells_the_form() -> None:
    assert ChatModel(Scripted([])).name == f"scripted {CHAT_TEMPLATE}"


def test_the_time_to_the_first_word_is_known_and_a_broken_stream_is_asked_for_again() -> None:
    class Breaking(Scripted):
        def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
            if len(self.lines) > 1:
                yield self.lines.pop(0)
                raise ModelError("cut")
            whole = self.complete(messages)
            yield whole.text
            yield replace(whole, first_token_ms=2.0)

    prompt = Prompt(task="answer", instruction="", question="How wide?")
    assert ChatModel(Breaking(["12 mm"])).reply(prompt).first_token_ms == 2.0
    broken = Breaking(["1", "12 mm"])
    assert ChatModel(broken).reply(prompt).text == "12 mm"


def test_a_stream_that_never_began_is_not_tried_a_second_time() -> None:
    class Dead(Scripted):
        def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
            raise ModelError("nobody there")

    dead = Dead(["never said"])
    with pytest.raises(ModelError, match="nobody there"):
        ChatModel(dead).reply(Prompt(task="answer", instruction="", question="How wide?"))
    assert dead.asked == []
