"""Local weights keep the contract of every chat, and make a generator with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune.models.chat import ChatModel
from groundtune.models.transformers import TransformersChat
from groundtune.records import Prompt
from groundtune.testing.chat_contract import ChatContract


class TestTransformersChat(ChatContract):
    @pytest.fixture(autouse=True)
    def _weights(self, taught: Path) -> None:
        self._folder = taught

    def chat(self) -> TransformersChat:
        return TransformersChat.load(str(self._folder), dtype="float32", max_output_tokens=32)


class TestDrawing(TestTransformersChat):
    """The same holds when tokens are drawn: the draws belong to the conversation."""

    def chat(self) -> TransformersChat:
        return TransformersChat.load(str(self._folder), dtype="float32", max_output_tokens=32, temperature=1.0)


def test_as_a_generator_it_keeps_labels_and_schemas(untaught: Path) -> None:
    """Even weights that know nothing reply in the form that a prompt asks for."""
    model = ChatModel(TransformersChat.load(str(untaught), dtype="float32"))
    labels = ("card lost", "card stolen")
    chosen = model.reply(Prompt(task="classify", instruction="", question="My card is gone.", labels=labels))
    assert chosen.text in labels
    people = {"type": "integer", "minimum": 0, "maximum": 99}
    schema = {"type": "object", "properties": {"people": people}, "required": ["people"], "additionalProperties": False}
    filled = model.reply(Prompt(task="extract", instruction="", question="We are 9.", schema=schema))
    assert isinstance(json.loads(filled.text)["people"], int)
    assert filled.usage is not None
