from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import ModelError, ProjectError
from groundtune.knowledge import KnowledgeBase
from groundtune.models.openai.chat import OpenAIChat
from groundtune.models.openai.endpoint import Endpoint
from groundtune.records import Answer, Completion, Demonstration, Message, Query, Usage
from groundtune.settings import ArmSettings
from groundtune.systems import Origins, PromptTemplate
from groundtune.systems.arms import NOTHING_SAID, CallableArm, load_arms
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.serving import running

QUERY = Query(id="q7", question="What does a transfer abroad cost?", answers=("three euros",))
USAGE = Usage(input_tokens=9, output_tokens=2)


@dataclass
class ScriptedChat:
    """Says one thing, and remembers what it was asked."""

    says: str | ModelError
    asked: list[Any] = field(default_factory=list)
    name: str = "theirs"
    context_window: int | None = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        self.asked.append((list(messages), schema, tuple(choices)))
        if isinstance(self.says, ModelError):
            raise self.says
        return Completion(text=self.says, usage=USAGE, finished="stop", first_token_ms=None, total_ms=5.0)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


def no_chat(name: str, arm: ArmSettings) -> ScriptedChat:
    raise AssertionError("no endpoint is named")


def callable_arm(folder: Path, body: str, knowledge: KnowledgeBase | None = None, name: str = "answer") -> CallableArm:
    module = f"bot_{uuid.uuid4().hex}"
    (folder / f"{module}.py").write_text(body, encoding="utf-8")
    arms = {"our_bot": ArmSettings.model_validate({"callable": f"{module}:{name}"})}
    template = PromptTemplate(task="answer")
    made = load_arms(arms, folder, template=template, origins=Origins(knowledge), chat_of=no_chat)["our_bot"]
    assert isinstance(made, CallableArm)
    return made


def said(folder: Path, what: str, knowledge: KnowledgeBase | None = None) -> Answer:
    return callable_arm(folder, f"def answer(question):\n    return {what}", knowledge).answer(QUERY)


def endpoint(chat: ScriptedChat, template: PromptTemplate) -> Answer:
    arms = {"our_api": ArmSettings.model_validate({"base_url": "http://127.0.0.1:1/v1"})}
    made = load_arms(arms, Path(), template=template, origins=Origins(), chat_of=lambda name, arm: chat)
    return made["our_api"].answer(QUERY)


def test_text_alone_is_an_answer(tmp_path: Path) -> None:
    answer = said(tmp_path, "' About ' + question[:4] + '\\n'")
    assert (answer.query, answer.system, answer.text) == ("q7", "our_bot", "About What")
    assert (answer.abstained, answer.error, answer.hits, answer.citations, answer.usage) == (False, None, (), (), None)
    assert answer.milliseconds["total"] > 0
    assert answer.model is not None
    assert answer.model.startswith("bot_")


@pytest.mark.parametrize("what", ["None", "''", "'  '", "(None, ['a'])", "{}", "{'text': 'eh', 'abstained': True}"])
def test_nothing_said_is_an_abstention(tmp_path: Path, what: str) -> None:
    answer = said(tmp_path, what)
    assert (answer.abstained, answer.reason, answer.text, answer.citations) == (True, NOTHING_SAID, "", ())


def test_its_own_reason_and_usage_are_kept(tmp_path: Path) -> None:
    answer = said(
        tmp_path, "{'abstained': True, 'reason': 'off topic', 'usage': {'input_tokens': 9, 'output_tokens': 2}}"
    )
    assert (answer.reason, answer.usage) == ("off topic", USAGE)


@pytest.mark.parametrize(
    "passages",
    [
        "['Transfers at home are free of charge.', 'A transfer abroad costs three euros.']",
        "[{'text': t, 'source': 'fees.md'} for t in ('free of charge', 'A transfer abroad costs three euros.')]",
    ],
)
def test_passages_become_hits_of_the_projects_documents(
    tmp_path: Path, knowledge: KnowledgeBase, passages: str
) -> None:
    answer = said(tmp_path, f"('three euros', {passages})", knowledge)
    assert [hit.rank for hit in answer.hits] == [1, 2]
    assert {hit.passage.document for hit in answer.hits} == {"fees.md"}
    assert answer.hits[1].passage.start == 0
    assert answer.citations == ()


def test_quotes_become_citations_where_they_stand_in_a_passage(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    passages = "[{'text': 'A transfer abroad costs three euros.', 'source': 'fees.md'}]"
    answer = said(
        tmp_path, f"dict(text='3', passages={passages}, citations=['costs three euros', 'is invented'])", knowledge
    )
    (citation,) = answer.citations
    document = knowledge.document("fees.md")
    assert document is not None
    assert document.text[citation.start : citation.end] == citation.quote == "costs three euros"


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("3", "gave a int ('3'). Allowed is text, None (it does not know), (text, passages), or a mapping"),
        ("('a', 'b')", "gave a str ('b') where a list of passages is needed"),
        ("('a', ['p'], 'c')", "gave a tuple"),
        ("{'answer': 'a'}", "answer: extra inputs are not permitted, given 'a'. Allowed is"),
        ("{'text': 3}", "text: input should be a valid string, given '3'"),
        ("{'text': 'a', 'usage': {'input_tokens': 'many'}}", "usage.input_tokens: input should be a valid integer"),
        ("1 / 0", "failed with ZeroDivisionError: division by zero"),
        ("(_ for _ in 'ab')", "gave a generator"),
    ],
)
def test_a_fault_of_the_callable_is_an_answer_with_error(tmp_path: Path, what: str, told: str) -> None:
    answer = said(tmp_path, what)
    assert answer.error is not None
    assert told in answer.error
    assert (answer.text, answer.abstained) == ("", False)


def test_a_callable_object_will_do(tmp_path: Path) -> None:
    body = "class Bot:\n    def __call__(self, question): return 'yes'\nbot = Bot()"
    assert callable_arm(tmp_path, body, name="bot").answer(QUERY).text == "yes"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("answer = 3", "is a int ('3'), which is no function. Name a function that takes a question"),
        ("class answer: pass", "which is no function"),
        ("async def answer(question): return 'x'", "is an async function"),
    ],
)
def test_what_cannot_answer_is_refused_before_anything_runs(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(ProjectError) as refused:
        callable_arm(tmp_path, body)
    assert told in str(refused.value)
    assert "[arms.our_bot] callable = " in str(refused.value)


@pytest.mark.parametrize("name", ["rag", "prompt", "long_context", "optimised_prompt", "", "a+gold", "prompt#1", "a b"])
def test_names_of_our_own_systems_and_unfit_ones_are_refused(name: str) -> None:
    arms = {name: ArmSettings.model_validate({"callable": "json:loads"})}
    with pytest.raises(ProjectError, match="name"):
        load_arms(arms, Path(), template=PromptTemplate(task="answer"), origins=Origins(), chat_of=no_chat)


def test_an_endpoint_is_told_the_instruction_and_asked_the_bare_question() -> None:
    chat = ScriptedChat("three euros")
    template = PromptTemplate(
        task="answer",
        instruction="Be brief.",
        examples=(Demonstration(question="a", answer="b"),),
        schema={"type": "object"},
        datamark=True,
    )
    answer = endpoint(chat, template)
    messages = [Message(role="system", content="Be brief."), Message(role="user", content=QUERY.question)]
    assert chat.asked == [(messages, None, ())]
    assert (answer.system, answer.text, answer.usage, answer.error) == ("our_api", "three euros", USAGE, None)


def test_an_endpoint_without_instruction_gets_the_question_alone() -> None:
    chat = ScriptedChat("three euros")
    endpoint(chat, PromptTemplate(task="answer"))
    assert chat.asked == [([Message(role="user", content=QUERY.question)], None, ())]


def test_an_endpoints_label_is_read_like_any_other_models() -> None:
    template = PromptTemplate(task="classify", labels=("card_lost", "transfer_fee"))
    assert endpoint(ScriptedChat("**Transfer_fee.**"), template).text == "transfer_fee"


def test_an_endpoint_that_fails_is_an_answer_with_error() -> None:
    answer = endpoint(ScriptedChat(ModelError("it fell over")), PromptTemplate(task="answer"))
    assert (answer.error, answer.text) == ("it fell over", "")


def test_a_real_endpoint_on_loopback_answers_with_its_usage() -> None:
    pytest.importorskip("openai")
    theirs = ScriptedEndpoint(say=lambda turns: f"asked: {turns[-1]['content']}", key="", models=("support-bot",))
    with running(theirs.app()) as address:
        arms = {"our_api": {"base_url": f"{address}/v1", "model": "support-bot"}}
        made = load_arms(
            {name: ArmSettings.model_validate(arm) for name, arm in arms.items()},
            Path(),
            template=PromptTemplate(task="answer", instruction="Be brief."),
            origins=Origins(),
            chat_of=lambda name, arm: OpenAIChat(arm.model, Endpoint(base_url=arm.base_url, key=arm.key)),
        )
        answer = made["our_api"].answer(QUERY)
    assert (answer.system, answer.text, answer.error) == ("our_api", f"asked: {QUERY.question}", None)
    assert answer.usage is not None
    assert [turn["role"] for turn in theirs.asked[0]["messages"]] == ["system", "user"]
    assert "response_format" not in theirs.asked[0]
