"""The estimate is from above: no byte-level tokeniser makes more of a conversation."""

from __future__ import annotations

from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from groundtune.models.metering import most_input_tokens, sending_again, tell_when_sending_again
from groundtune.records import Message

MARKS = ["<|im_start|>", "<|im_end|>"]
CONVERSATIONS = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=st.text(max_size=80)), max_size=6
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A byte-level vocabulary with hardly a merge: the worst that there can be."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=258, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(["a"], trainer)
    return made


def chat_ml(messages: list[Message]) -> str:
    turns = "".join(f"{MARKS[0]}{message.role}\n{message.content}{MARKS[1]}\n" for message in messages)
    return f"{turns}{MARKS[0]}assistant\n"


@given(messages=CONVERSATIONS)
def test_no_conversation_has_more_tokens(tokenizer: Tokenizer, messages: list[Message]) -> None:
    assert len(tokenizer.encode(chat_ml(messages)).ids) <= most_input_tokens(messages)


def test_text_that_is_no_unicode_is_counted_too() -> None:
    assert most_input_tokens([Message(role="user", content="\ud800" * 1000)]) > 1000


def test_schema_and_choices_count() -> None:
    messages = [Message(role="user", content="?")]
    plain = most_input_tokens(messages)
    schema = {"type": "object", "properties": {"x" * 500: {"type": "string"}}}
    assert most_input_tokens(messages, schema=schema) > plain + 1000
    assert most_input_tokens(messages, choices=["refund" * 100]) > plain + 1200


def test_only_the_context_that_listens_hears_of_a_retry() -> None:
    heard: list[str] = []
    context = copy_context()
    context.run(tell_when_sending_again, lambda: heard.append("again"))
    sending_again()
    assert heard == []
    context.run(sending_again)
    assert heard == ["again"]
