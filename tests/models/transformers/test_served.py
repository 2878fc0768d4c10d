"""The same weights behind a server that others wrote say the same through the openai provider."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import ModelError
from groundtune.models import Chat
from groundtune.models.chat import ChatModel
from groundtune.models.messages import render
from groundtune.models.openai.chat import OpenAIChat
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.models.transformers import TransformersChat
from groundtune.records import Completion, Message, Prompt
from groundtune.testing.chat_contract import ChatContract
from groundtune.testing.faulty import Fault, in_front_of
from groundtune.testing.tiny import LESSONS, asked, teach
from groundtune.testing.transformers_serve import transformers_serve

pytestmark = pytest.mark.slow

MOST = 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("transformers")
    with transformers_serve(tmp_path_factory.mktemp("serve")) as url:
        yield url


def chat(url: str, weights: Path, *, tries: int = 3) -> OpenAIChat:
    patience = Patience(total_seconds=120, first_wait=0.01, tries=tries)
    return OpenAIChat(
        str(weights), Endpoint(base_url=url, timeout_seconds=60), max_output_tokens=MOST, patience=patience
    )


class TestContract(ChatContract):
    schema_is_kept = False  # this server takes a schema and does nothing about it

    @pytest.fixture(autouse=True)
    def at(self, server: str, taught: Path) -> None:
        self._url, self._weights = server, taught

    def chat(self) -> Chat:
        return chat(self._url, self._weights)


def test_what_was_taught_is_said_whole_and_in_pieces_as_from_the_weights_themselves(server: str, taught: Path) -> None:
    served, local = chat(server, taught), TransformersChat.load(str(taught), dtype="float32", max_output_tokens=MOST)
    for question, answer in LESSONS.items():
        whole = served.complete(asked(question))
        *pieces, last = served.stream(asked(question))
        own = local.complete(asked(question))
        assert isinstance(last, Completion)
        assert answer == whole.text == last.text == "".join(map(str, pieces)) == own.text
        assert whole.usage is not None
        assert own.usage is not None
        assert whole.usage.input_tokens == own.usage.input_tokens


def test_a_tuned_model_is_another_model_there(server: str, taught: Path, adapter: Path, tmp_path: Path) -> None:
    """The adapter merged into the weights, as it is shipped."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(taught)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        PeftModel.from_pretrained(base, str(adapter)).merge_and_unload().save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(taught).save_pretrained(tmp_path)
    local = TransformersChat.load(str(taught), adapter=str(adapter), dtype="float32", max_output_tokens=MOST)
    question = asked(next(iter(LESSONS)))
    tuned = chat(server, tmp_path).complete(question).text
    assert tuned == local.complete(question).text
    assert tuned != chat(server, taught).complete(question).text


@dataclass
class Recorder:
    """Says these lines, and keeps the conversations that it was given."""

    lines: list[str]
    heard: list[list[Message]] = field(default_factory=list)
    name: str = "recorder"
    context_window: int | None = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        text = self.lines[len(self.heard)]
        self.heard.append([*messages, Message(role="assistant", content=text)])
        return Completion(text=text, usage=None, finished="stop", first_token_ms=None, total_ms=1)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


def test_a_reply_that_breaks_its_schema_is_repaired_by_the_model_itself(
    server: str, untaught: Path, tmp_path: Path
) -> None:
    """This server holds nobody to a schema; the model has learned what to do when it is told its fault."""
    people = {"people": {"type": "integer"}}
    schema = {"type": "object", "properties": people, "required": ["people"], "additionalProperties": False}
    prompt = Prompt(task="extract", instruction="Count.", question="Room for 11 of us?", schema=schema)
    recorder = Recorder(['{"people": "eleven"}', '{"people": 11}'])
    ChatModel(recorder).reply(prompt)
    folder = tmp_path / "repairs"
    shutil.copytree(untaught, folder)
    assert teach(folder, recorder.heard, steps=60) < 0.1
    asking = chat(server, folder)
    reply = ChatModel(asking).reply(prompt)
    first = asking.complete(render(prompt), schema=schema)
    assert (first.text, reply.text) == tuple(recorder.lines)
    assert reply.usage is not None
    assert first.usage is not None
    assert reply.usage.input_tokens > 2 * first.usage.input_tokens


@pytest.mark.parametrize("fault", ["429", "500", "drops", "cut", "malformed"])
def test_passing_trouble_in_front_of_it_is_tried_again(server: str, taught: Path, fault: Fault) -> None:
    question, answer = next(iter(LESSONS.items()))
    with in_front_of(server.removesuffix("/v1"), fault) as (address, proxy):
        assert chat(f"{address}/v1", taught).complete(asked(question)).text == answer
        assert proxy.seen == [fault, "none"]


def test_a_stream_of_it_that_is_cut_is_an_error(server: str, untaught: Path) -> None:
    with in_front_of(server.removesuffix("/v1"), "cut") as (address, _):
        stream = chat(f"{address}/v1", untaught).stream(asked("?"))
        assert next(stream)
        with pytest.raises(ModelError, match="cut"):
            list(stream)


def test_weights_that_it_does_not_have_are_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="failed") as caught:
        chat(server, tmp_path / "nothing", tries=1).complete(asked("?"))
    assert "nothing" in str(caught.value)
