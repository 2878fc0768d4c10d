from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import GateClosed, GroundtuneError, MissingExtra, ModelError, ProjectError
from groundtune.records import Answer, Completion, Demonstration, Hit, Message, Prompt, Query, Reply
from groundtune.systems import PromptTemplate, System
from groundtune.systems.optimised import LEAST_CALLS, Optimised, optimise_instruction

pytest.importorskip("dspy")

DEV = [Query(id=f"q{n}", question=f"say word {n}", answers=(f"SAY WORD {n}",)) for n in range(30)]
SHOWN = "```\nWrite in CAPITALS.\n```"


@dataclass
class Obeys:
    """Shouts when told to, fails on one question, and counts."""

    asked: list[Prompt] = field(default_factory=list)
    stops_after: int | None = None
    name: str = "obeys"

    def reply(self, prompt: Prompt) -> Reply:
        if self.stops_after is not None and len(self.asked) >= self.stops_after:
            raise GroundtuneError("the budget is spent")
        self.asked.append(prompt)
        if prompt.question == "say word 3":
            raise ModelError("it fell over")
        text = prompt.question.upper() if "CAPITALS" in prompt.instruction else prompt.question
        return Reply(text=text, reason=None, quotes=(), confidence=None, usage=None)


@dataclass
class Writer:
    """Proposes the same instruction each time."""

    says: str | GroundtuneError = SHOWN
    asked: list[str] = field(default_factory=list)
    name: str = "writer"
    context_window: int | None = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        self.asked.append(messages[-1].content)
        if isinstance(self.says, GroundtuneError):
            raise self.says
        return Completion(text=self.says, usage=None, finished="stop", first_token_ms=None, total_ms=1.0)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


def exact(answer: Answer, query: Query) -> float:
    return float(answer.text in query.answers)


def system(model: Obeys, instruction: str = "") -> System:
    template = PromptTemplate(
        task="answer", instruction=instruction, examples=(Demonstration(question="a", answer="A"),), datamark=True
    )
    return System(id="prompt", model=model, template=template, answer_from=0.25)


def optimise(
    model: Obeys, writer: Writer, max_calls: int = 80, dev: Sequence[Query] = DEV, threads: int = 1
) -> Optimised:
    return optimise_instruction(system(model), dev, exact, writer, max_calls=max_calls, seed=3, threads=threads)


def test_a_better_instruction_is_found_and_nothing_else_of_the_system_changes(
    capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    model, writer = Obeys(), Writer()
    found = optimise(model, writer)
    before = system(model)
    assert found.system == replace(
        before, id="optimised_prompt", template=replace(before.template, instruction="Write in CAPITALS.")
    )
    assert found.before == 0.0
    assert found.after > 0.8
    assert found.tried >= 2
    assert found.calls == len(model.asked) + len(writer.asked) <= 80
    assert all(prompt.examples == before.template.examples and prompt.datamark for prompt in model.asked)
    assert capsys.readouterr() == ("", "")
    assert list(own_home.iterdir()) == []


def test_the_writer_is_shown_what_went_wrong_and_what_would_have_been_right() -> None:
    writer = Writer()
    optimise(Obeys(), writer)
    shown = [query for query in DEV if f"## Question\n{query.question}\n" in writer.asked[0]]
    assert len(shown) >= 2
    for query in shown:
        assert query.question == "say word 3" or f"Scored 0.00 of 1. Accepted: {query.answers[0]}." in writer.asked[0]


@pytest.mark.parametrize(("max_calls", "threads"), [(LEAST_CALLS, 1), (31, 4), (57, 1), (120, 4)])
def test_the_calls_are_never_more_than_allowed(max_calls: int, threads: int) -> None:
    model, writer = Obeys(), Writer("```\nWrite neatly, in some other way.\n```")
    found = optimise(model, writer, max_calls, threads=threads)
    assert len(model.asked) + len(writer.asked) <= max_calls
    assert found.system.template.instruction == ""


def test_the_same_seed_finds_the_same() -> None:
    first, second = Obeys(), Obeys()
    one, other = optimise(first, Writer()), optimise(second, Writer())
    assert first.asked == second.asked
    assert (one.before, one.after, one.calls) == (other.before, other.after, other.calls)


@pytest.mark.parametrize("says", ["", "```\n```", ModelError("it fell over")])
def test_without_a_proposal_the_instruction_stays(says: str | GroundtuneError) -> None:
    found = optimise(Obeys(), Writer(says))
    assert (found.system.template.instruction, found.system.id) == ("", "optimised_prompt")
    assert found.before == found.after == 0.0


@pytest.mark.parametrize("stops_after", [0, 5, 20])
def test_what_stops_every_answer_stops_the_search(stops_after: int) -> None:
    model = Obeys(stops_after=stops_after)
    with pytest.raises(GroundtuneError, match="the budget is spent"):
        optimise(model, Writer())
    assert len(model.asked) == stops_after


def test_what_a_person_must_put_right_is_said_at_the_first_answer() -> None:
    class NoKey:
        name = "no key"
        asked = 0

        def reply(self, prompt: Prompt) -> Reply:
            NoKey.asked += 1
            raise ProjectError("The environment variable holds no key.")

    keyless = replace(system(Obeys()), model=NoKey())
    with pytest.raises(ProjectError, match="holds no key"):
        optimise_instruction(keyless, DEV, exact, Writer(), max_calls=80, seed=3)
    assert NoKey.asked == 1


def test_a_budget_that_is_spent_on_a_proposal_stops_the_search() -> None:
    writer = Writer(GroundtuneError("the budget is spent"))
    with pytest.raises(GroundtuneError, match="the budget is spent"):
        optimise(Obeys(), writer)
    assert len(writer.asked) == 1


def test_a_retriever_that_fails_on_a_question_costs_that_question_alone() -> None:
    class Fails:
        def retrieve(self, query: Query) -> list[Hit]:
            if query.id == "q5":
                raise ProjectError("theirs failed")
            return []

    rag = replace(system(Obeys()), retriever=Fails())
    found = optimise_instruction(rag, DEV, exact, Writer(), max_calls=LEAST_CALLS, seed=3)
    assert found.calls <= LEAST_CALLS


def test_too_few_queries_or_calls_are_told() -> None:
    with pytest.raises(GateClosed, match="3 dev queries and 80 calls are too few"):
        optimise(Obeys(), Writer(), dev=DEV[:3])
    with pytest.raises(GateClosed, match=f"at least 4 queries and {LEAST_CALLS} calls are needed"):
        optimise(Obeys(), Writer(), max_calls=LEAST_CALLS - 1)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'groundtune\[dspy\]'"):
        optimise(Obeys(), Writer())


@pytest.mark.slow
def test_no_client_library_of_dspy_is_loaded() -> None:
    program = (
        "import sys, dspy\n"
        "import groundtune.systems.optimised\n"
        "from gepa.strategies.instruction_proposal import InstructionProposalSignature\n"
        "assert not {'litellm', 'torch', 'diskcache'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
