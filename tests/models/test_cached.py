"""The same thing is asked once, and a different thing is never mistaken for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ModelError
from groundtune.models.cached import CachedChat, asking_anew, completion_key
from groundtune.records import Completion, Message, Usage

ASKED = [Message(role="user", content="What is the fee?")]
FIRST = Completion(
    text="3 euros",
    usage=Usage(input_tokens=9, output_tokens=2, cached_tokens=4, reasoning_tokens=0),
    finished="stop",
    first_token_ms=7.0,
    total_ms=12.5,
)


@dataclass
class Kept:
    """A cache in memory."""

    completions: dict[str, Completion] = field(default_factory=dict)

    def get(self, key: str) -> Completion | None:
        return self.completions.get(key)

    def put(self, key: str, completion: Completion) -> None:
        self.completions[key] = completion


@dataclass
class Says:
    """Writes one completion, and counts how often; breaks off where it is told to."""

    completion: Completion = FIRST
    breaks: bool = False
    asked: int = 0
    name: str = "says"
    context_window: int | None = 512

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        self.asked += 1
        if self.breaks:
            raise ModelError("the connection was cut")
        return self.completion

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        self.asked += 1
        yield self.completion.text[:2]
        if self.breaks:
            raise ModelError("the connection was cut")
        yield self.completion.text[2:]
        yield self.completion


def test_answers_can_be_asked_for_anew_and_are_then_neither_given_again_nor_forgotten() -> None:
    says = Says()
    chat = CachedChat(says, Kept())
    chat.complete(ASKED)
    with asking_anew():
        assert not chat.complete(ASKED).from_cache
        assert [item for item in chat.stream(ASKED) if not isinstance(item, str)] == [FIRST]
    assert says.asked == 3
    assert chat.complete(ASKED).from_cache


def test_a_repeated_question_is_answered_from_the_cache_with_the_first_times() -> None:
    says = Says()
    chat = CachedChat(says, Kept())
    assert chat.complete(ASKED) == FIRST
    assert chat.complete(ASKED) == replace(FIRST, from_cache=True)
    assert says.asked == 1
    assert (chat.name, chat.context_window) == ("says", 512)


def test_a_stream_fills_the_cache_and_is_given_from_it() -> None:
    says = Says()
    chat = CachedChat(says, Kept())
    assert list(chat.stream(ASKED)) == ["3 ", "euros", FIRST]
    assert list(chat.stream(ASKED)) == ["3 euros", replace(FIRST, from_cache=True)]
    assert chat.complete(ASKED).from_cache
    assert says.asked == 1


def test_what_fails_or_is_left_half_way_is_not_kept() -> None:
    says = Says(breaks=True)
    chat = CachedChat(says, Kept())
    with pytest.raises(ModelError):
        chat.complete(ASKED)
    with pytest.raises(ModelError):
        list(chat.stream(ASKED))
    says.breaks = False
    left = chat.stream(ASKED)
    assert next(left) == "3 "
    del left
    assert not chat.complete(ASKED).from_cache


def test_another_model_schema_or_choice_is_another_question() -> None:
    keys = [
        completion_key("a", ASKED),
        completion_key("b", ASKED),
        completion_key("a", [replace(ASKED[0], role="system")]),
        completion_key("a", [*ASKED, *ASKED]),
        completion_key("a", ASKED, schema={}),
        completion_key("a", ASKED, schema={"type": "object", "title": "x"}),
        completion_key("a", ASKED, schema={"title": "x", "type": "object"}),
        completion_key("a", ASKED, choices=["x", "y"]),
        completion_key("a", ASKED, choices=["y", "x"]),
        completion_key("a", ASKED, choices=["x y"]),
    ]
    assert len(set(keys)) == len(keys)


CONVERSATIONS = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=st.text(max_size=6)), max_size=3
)


@given(first=CONVERSATIONS, second=CONVERSATIONS, names=st.tuples(st.text(max_size=4), st.text(max_size=4)))
def test_keys_are_equal_only_for_equal_questions(
    first: list[Message], second: list[Message], names: tuple[str, str]
) -> None:
    same = (names[0], first) == (names[1], second)
    assert (completion_key(names[0], first) == completion_key(names[1], second)) is same


def test_a_key_stays_the_same_from_release_to_release() -> None:
    # A changed key would let every user pay again: raise _FORM only on purpose.
    assert completion_key("model", ASKED, schema={"type": "object"}, choices=["a"]) == (
        "d74c13c71d0787efbce52af50336f945b9d4b440b9035798c63699a56103b9a8"
    )
