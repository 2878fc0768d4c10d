"""A budget is never exceeded: whatever is asked, by however many threads, and however calls fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random
from threading import Barrier, BrokenBarrierError, Event, Lock
from typing import Any, Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.errors import BudgetSpent, ModelError, ProjectError
from groundtune.models.budget import Budget, BudgetedChat
from groundtune.models.chat import ContextOverflow
from groundtune.models.metering import most_input_tokens, sending_again
from groundtune.models.prices import NoPrice, Price, Rates, cost
from groundtune.records import Completion, Message, Usage

RATES = Rates(input=Decimal("1e-6"), output=Decimal("4e-6"), cached_input=Decimal("5e-7"), cache_write=Decimal("1e-6"))
PRICE = Price(rates=RATES, source="test", date=date(2026, 1, 1))
MOST_WRITTEN = 100
ASKED = [Message(role="user", content="What is the fee?")]
MOST = most_input_tokens(ASKED) * RATES.input + MOST_WRITTEN * RATES.output

Outcome = Literal["counted", "uncounted", "fails", "refused", "dies", "lost once", "lost always"]


@dataclass
class Server:
    """Bills every request that reaches it, whether or not the caller learns of it.

    Attributes:
        outcomes: What becomes of each call, in turn; ``counted`` when they are through.
        billed: What the caller owes.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(0))
    billed: Decimal = Decimal(0)
    requests: int = 0
    name: str = "server"
    context_window: int | None = 4096
    _lock: Lock = field(default_factory=Lock)

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        with self._lock:
            outcome: Outcome = self.outcomes.pop() if self.outcomes else "counted"
        usage = self._request(messages) if outcome != "refused" else None
        if outcome == "lost once":
            sending_again()
            usage = self._request(messages)
        while outcome == "lost always":
            sending_again()
            usage = self._request(messages)
        if outcome == "refused":
            raise ContextOverflow(tokens=9, window=8)
        if outcome == "fails":
            raise ModelError("the connection was cut")
        if outcome == "dies":
            raise KeyboardInterrupt
        return _completion(None if outcome == "uncounted" else usage)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        usage = self._request(messages)
        yield "3 "
        yield "euros"
        yield _completion(usage)

    def _request(self, messages: Sequence[Message]) -> Usage:
        with self._lock:
            read = self.random.randint(1, most_input_tokens(messages))
            cached = self.random.randint(0, read)
            usage = Usage(input_tokens=read, output_tokens=self.random.randint(1, MOST_WRITTEN), cached_tokens=cached)
            self.billed += cost(usage, PRICE)
            self.requests += 1
        return usage


def _completion(usage: Usage | None) -> Completion:
    return Completion(text="3 euros", usage=usage, finished="stop", first_token_ms=None, total_ms=5.0)


def budgeted(server: Server, budget: Budget) -> BudgetedChat:
    return BudgetedChat(server, PRICE, budget, max_output_tokens=MOST_WRITTEN)


CALLS = st.lists(st.sampled_from(get_args(Outcome)), max_size=30)


@settings(max_examples=60)
@given(outcomes=CALLS, limit=st.integers(1, 40), threads=st.integers(1, 6), seed=st.integers(0, 99))
def test_the_total_never_exceeds_the_limit(outcomes: list[Outcome], limit: int, threads: int, seed: int) -> None:
    server = Server(outcomes=outcomes, random=Random(seed))
    budget = Budget(limit * MOST / 4)
    chat = budgeted(server, budget)

    def calls(number: int) -> None:
        for turn in range(12):
            try:
                if (number + turn) % 3:
                    chat.complete(ASKED)
                else:
                    taken = chat.stream(ASKED)
                    for _ in range(turn % 4 + 1):  # some are left before their end
                        next(taken, None)
            except (BudgetSpent, ModelError, KeyboardInterrupt):
                continue

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(calls, range(threads)))
    assert server.billed <= budget.spent_usd <= budget.limit_usd


def test_what_is_spent_is_what_the_tokens_cost_and_not_what_was_set_aside() -> None:
    server, budget = Server(), Budget(100)
    chat = budgeted(server, budget)
    for _ in range(5):
        assert chat.complete(ASKED).text == "3 euros"
    assert [item for item in chat.stream(ASKED) if isinstance(item, str)] == ["3 ", "euros"]
    assert budget.spent_usd == server.billed
    assert (chat.name, chat.context_window) == ("server", 4096)


def test_the_call_that_does_not_fit_is_not_sent_and_the_error_says_what_is_left() -> None:
    server, budget = Server(outcomes=["uncounted"]), Budget(MOST * Decimal("1.5"))
    chat = budgeted(server, budget)
    chat.complete(ASKED)
    with pytest.raises(BudgetSpent, match="give a new budget and run the same command again") as refused:
        chat.complete(ASKED)
    with pytest.raises(BudgetSpent):
        next(chat.stream(ASKED))
    assert server.requests == 1
    error = refused.value
    assert (error.limit, error.spent, error.needed, error.exit_code) == (MOST * Decimal("1.5"), MOST, MOST, 3)


def test_a_call_without_usage_or_with_an_unknown_end_counts_in_full() -> None:
    budget = Budget(100)
    chat = budgeted(Server(outcomes=["fails", "uncounted"]), budget)
    chat.complete(ASKED)
    assert budget.spent_usd == MOST
    with pytest.raises(ModelError):
        chat.complete(ASKED)
    assert budget.spent_usd == 2 * MOST
    left = chat.stream(ASKED)
    next(left)
    del left
    assert budget.spent_usd == 3 * MOST


def test_a_refusal_costs_nothing() -> None:
    server, budget = Server(outcomes=["refused"]), Budget(100)
    with pytest.raises(ContextOverflow):
        budgeted(server, budget).complete(ASKED)

    class NoKey(Server):
        def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
            if self.name:
                raise ProjectError("the key is wrong")
            yield ""

    with pytest.raises(ProjectError):
        list(budgeted(NoKey(), budget).stream(ASKED))
    assert budget.spent_usd == 0


def test_a_retry_after_a_lost_answer_is_paid_for_as_well() -> None:
    server, budget = Server(outcomes=["lost once"]), Budget(100)
    budgeted(server, budget).complete(ASKED)
    assert server.requests == 2
    assert MOST < budget.spent_usd < 2 * MOST
    assert server.billed <= budget.spent_usd


def test_a_retry_that_does_not_fit_is_not_sent() -> None:
    server, budget = Server(outcomes=["lost always"]), Budget(MOST * Decimal("3.5"))
    with pytest.raises(BudgetSpent) as refused:
        budgeted(server, budget).complete(ASKED)
    assert server.requests == 3
    assert refused.value.spent == budget.spent_usd == 3 * MOST


def test_a_thread_waits_for_what_another_has_set_aside() -> None:
    budget = Budget(MOST * Decimal("1.5"))
    asked, answered = Event(), Event()

    class Slow(Server):
        def _request(self, messages: Sequence[Message]) -> Usage:
            asked.set()
            assert answered.wait(10)
            return Usage(input_tokens=1, output_tokens=1)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(budgeted(Slow(), budget).complete, ASKED)
        assert asked.wait(10)
        quick = Server()
        second = pool.submit(budgeted(quick, budget).complete, ASKED)
        assert quick.requests == 0
        answered.set()
        assert slow.result(10).text == second.result(10).text == "3 euros"
    assert quick.requests == 1


def test_calls_that_fit_beside_each_other_run_at_the_same_time() -> None:
    together = Barrier(3)

    class Meeting(Server):
        def _request(self, messages: Sequence[Message]) -> Usage:
            try:
                together.wait(10)
            except BrokenBarrierError:
                raise AssertionError("the calls came one after the other") from None
            return Usage(input_tokens=1, output_tokens=1)

    chat = budgeted(Meeting(), Budget(3 * MOST))
    with ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(chat.complete, [ASKED] * 3))) == 3


def test_a_price_that_is_not_known_is_refused_before_the_first_call() -> None:
    with pytest.raises(ProjectError, match="nobody lists it") as refused:
        BudgetedChat(Server(), NoPrice(reason="nobody lists it."), Budget("5.00"), max_output_tokens=1)
    assert "$5.00" in str(refused.value)


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf")])
def test_a_budget_is_a_positive_amount(amount: float) -> None:
    with pytest.raises(ProjectError, match="positive amount"):
        Budget(amount)
