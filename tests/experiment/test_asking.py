"""Several answers at a time: as many as allowed, in turns, each kept at once, and an end that loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from groundtune.errors import BudgetSpent, GroundtuneError, MissingExtra, ModelError, ProjectError, StorageError
from groundtune.experiment.asking import answer_all
from groundtune.experiment.latency import measure_latency
from groundtune.models.budget import Budget, BudgetedChat
from groundtune.models.cached import CachedChat
from groundtune.models.metering import most_input_tokens
from groundtune.models.prices import Price, Rates
from groundtune.records import Answer, Completion, Message, Prompt, Query, Reply, Usage
from groundtune.storage.completions import CompletionStore
from groundtune.storage.ledger import Ledger
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.system import System
from groundtune.testing.scripted import FAILS, Scripted, queries, right_on

EVERY = right_on(12, lambda _: True)


@contextmanager
def ledger_in(folder: Path) -> Iterator[Ledger]:
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        yield ledger


@dataclass
class Watched:
    """Answers when it may, and knows how many of its answers were under way at once."""

    id: str
    may: Callable[[Query], None] = lambda _: None
    most: int = 0
    under_way: int = 0
    order: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def answer(self, query: Query) -> Answer:
        with self._lock:
            self.order.append(query.id)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            self.may(query)
        finally:
            with self._lock:
                self.under_way -= 1
        return Answer(query=query.id, system=self.id, text="x")


def test_as_many_answers_are_under_way_as_allowed_and_no_more(tmp_path: Path) -> None:
    # Every three answers wait for each other: with fewer than three at a time none would come back.
    meeting = Barrier(3)
    warm = Event()

    def meet(query: Query) -> None:
        if warm.is_set():
            meeting.wait(10)
        warm.set()

    system = Watched("rag", meet)
    with ledger_in(tmp_path) as ledger:
        answers = answer_all({"rag": system}, queries(12), ledger, "r", concurrency=3)
        assert len(ledger.answers("r")) == len(answers) == 12
    assert system.most == 3
    assert all(answer.error is None for answer in answers.values())


def test_the_result_does_not_depend_on_how_many_are_asked_at_once(tmp_path: Path) -> None:
    found = []
    for concurrency in (1, 5):
        systems = {name: Scripted(name, EVERY | {"q3": FAILS}) for name in ("prompt", "rag")}
        with ledger_in(tmp_path / str(concurrency)) as ledger:
            answers = answer_all(systems, queries(12), ledger, "r", concurrency=concurrency)
        found.append({key: (answer.text, answer.error) for key, answer in answers.items()})
    assert found[0] == found[1]
    assert found[0]["rag", "q3"][1] == "ModelError: the endpoint did not answer"


def test_systems_are_asked_in_turns_and_progress_counts_each_answer(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    order: list[str] = []

    def system(name: str) -> Watched:
        return Watched(name, lambda _: order.append(name))

    with ledger_in(tmp_path) as ledger:
        answer_all(
            {name: system(name) for name in ("a", "b")},
            queries(6),
            ledger,
            "r",
            concurrency=2,
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen == [(done, 12) for done in range(1, 13)]
    measured = order[2:]
    assert all({"a", "b"} <= set(measured[start : start + 4]) for start in range(len(measured) - 3))


@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageError])
def test_an_end_keeps_the_answers_that_were_under_way(tmp_path: Path, error: type[BaseException]) -> None:
    begun, stopped = Event(), Event()

    def may(query: Query) -> None:
        if query.id == "q4":
            assert begun.wait(10)
            stopped.set()
            raise error("stop")
        if query.id == "q5":
            begun.set()
            assert stopped.wait(10)

    system = Watched("rag", may)
    with ledger_in(tmp_path) as ledger:
        with pytest.raises(error):
            answer_all({"rag": system}, queries(12), ledger, "r", concurrency=2)
        kept = {query for _, query in ledger.answers("r")}
        asked = set(system.order)
        assert kept == asked - {"q4"}
        assert {"q0", "q1", "q2", "q3", "q5"} <= kept
        assert len(asked) < 12
        again = Watched("rag")
        answer_all({"rag": again}, queries(12), ledger, "r", concurrency=2)
        assert set(again.order[1:]) == {f"q{n}" for n in range(12)} - kept


RATES = Rates(input=Decimal("1e-6"), output=Decimal("1e-6"), cached_input=Decimal("1e-6"), cache_write=Decimal("1e-6"))
PRICE = Price(rates=RATES, source="test", date=date(2026, 1, 1))
MOST_WRITTEN = 100


@dataclass
class Chatting:
    """A chat model that fails where it is told to."""

    name: str = "chatting"
    context_window: int | None = None
    asked: list[str] = field(default_factory=list)
    fails_on: set[str] = field(default_factory=set)

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        self.asked.append(messages[0].content)
        if messages[0].content in self.fails_on:
            raise ModelError("the connection was cut")
        usage = Usage(input_tokens=1, output_tokens=1)
        return Completion(text="x", usage=usage, finished="stop", first_token_ms=3.0, total_ms=9.0)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


@dataclass
class OverChat:
    """The least that makes a model of a chat."""

    chat: CachedChat | BudgetedChat

    @property
    def name(self) -> str:
        return self.chat.name

    def reply(self, prompt: Prompt) -> Reply:
        given = self.chat.complete([Message(role="user", content=prompt.question)])
        return Reply(
            text=given.text,
            reason=None,
            quotes=(),
            confidence=None,
            usage=given.usage,
            first_token_ms=given.first_token_ms,
            from_cache=given.from_cache,
        )


def system_over(chat: CachedChat | BudgetedChat, name: str = "prompt") -> System:
    return System(id=name, model=OverChat(chat), template=PromptTemplate(task="answer"))


MOST = (most_input_tokens([Message(role="user", content="what is thing11")]) + MOST_WRITTEN) * RATES.input
PAID = 2 * RATES.input
"""What the server bills for one answer."""


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_spent_budget_stops_the_run_says_what_is_missing_and_a_new_one_goes_on(
    tmp_path: Path, concurrency: int
) -> None:
    server, asked = Chatting(), queries(12)
    # Enough for 13 answers and for setting one more aside; the first of each system is a warm-up and not kept.
    first = Budget(MOST + 13 * PAID)
    with ledger_in(tmp_path) as ledger:
        systems = {
            name: system_over(BudgetedChat(server, PRICE, first, max_output_tokens=MOST_WRITTEN), name)
            for name in ("prompt", "rag")
        }
        with pytest.raises(BudgetSpent) as stopped:
            answer_all(systems, asked, ledger, "r", concurrency=concurrency)
        kept = ledger.answers("r")
        assert stopped.value.missing == {
            name: 12 - sum(system == name for system, _ in kept) for name in ("prompt", "rag")
        }
        assert sum(stopped.value.missing.values()) == 24 - len(kept) > 0
        assert f"Not answered: {24 - len(kept)} (prompt " in str(stopped.value)
        assert len(kept) >= 10
        assert first.spent_usd <= first.limit_usd
        paid = len(server.asked)
        systems = {
            name: system_over(BudgetedChat(server, PRICE, Budget(1), max_output_tokens=MOST_WRITTEN), name)
            for name in ("prompt", "rag")
        }
        assert len(answer_all(systems, asked, ledger, "r", concurrency=concurrency)) == 24
    assert len(server.asked) - paid == 24 - len(kept) + 2


@pytest.mark.parametrize("concurrency", [1, 4])
def test_with_a_cache_the_warm_up_is_not_paid_for_twice_and_has_no_latency(tmp_path: Path, concurrency: int) -> None:
    server, asked = Chatting(), queries(12)
    with CompletionStore.open(tmp_path / "completions.sqlite") as store, ledger_in(tmp_path) as ledger:
        chat = CachedChat(BudgetedChat(server, PRICE, Budget(1), max_output_tokens=MOST_WRITTEN), store)
        answers = answer_all({"prompt": system_over(chat)}, asked, ledger, "r", concurrency=concurrency)
        latency = measure_latency(list(answers.values()), seed=1)
        ledger.start_run("again", kind="experiment", record={})
        again = answer_all({"prompt": system_over(chat)}, asked, ledger, "again", concurrency=concurrency)
    assert sorted(server.asked) == sorted(query.question for query in asked)
    assert latency is not None
    assert (latency.n, latency.from_cache, latency.first_token_p50) == (11, 1, 3.0)
    assert measure_latency(list(again.values()), seed=1) is None
    assert [answer.usage for answer in again.values()] == [answer.usage for answer in answers.values()]


def test_failed_answers_are_asked_for_again_and_the_others_are_not(tmp_path: Path) -> None:
    server, asked = Chatting(fails_on={"what is thing4"}), queries(12)
    with CompletionStore.open(tmp_path / "completions.sqlite") as store, ledger_in(tmp_path) as ledger:
        chat = CachedChat(BudgetedChat(server, PRICE, Budget(1), max_output_tokens=MOST_WRITTEN), store)
        answers = answer_all({"prompt": system_over(chat)}, asked, ledger, "r", concurrency=3)
        assert answers["prompt", "q4"].error == "the connection was cut"
        server.fails_on.clear()
        server.asked.clear()
        answers = answer_all({"prompt": system_over(chat)}, asked, ledger, "r", concurrency=3)
    assert answers["prompt", "q4"].error is None
    assert server.asked == ["what is thing4"]


@pytest.mark.parametrize("error", [ProjectError("the key is wrong"), MissingExtra("A model", "openai")])
def test_what_a_person_must_put_right_is_said_before_the_first_answer(tmp_path: Path, error: GroundtuneError) -> None:
    class Misnamed(Scripted):
        def answer(self, query: Query) -> Answer:
            raise error

    good = Scripted("prompt", EVERY)
    with ledger_in(tmp_path) as ledger, pytest.raises(type(error)):
        answer_all({"prompt": good, "rag": Misnamed("rag", EVERY)}, queries(12), ledger, "r")
    assert good.asked == ["q0"]


def test_a_ledger_takes_answers_from_many_threads(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as ledger:
        answers = [Answer(query=str(n), system="rag", text="x") for n in range(100)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda answer: ledger.record_answer("r", answer), answers))
        assert len(ledger.answers("r")) == 100
