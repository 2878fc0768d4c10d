"""A whole run against a server that bills, over a line that fails: never above the budget, and never paid for twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import BudgetSpent
from groundtune.experiment.asking import answer_all
from groundtune.experiment.cost import cost_per_query
from groundtune.models.budget import Budget, BudgetedChat
from groundtune.models.cached import CachedChat
from groundtune.models.chat import ChatModel
from groundtune.models.openai.chat import OpenAIChat
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.models.prices import Price, Rates, cost
from groundtune.records import Answer, Usage
from groundtune.storage.completions import CompletionStore
from groundtune.storage.ledger import Ledger
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.system import System
from groundtune.testing.endpoint import ScriptedEndpoint
from groundtune.testing.faulty import Fault, FaultyProxy
from groundtune.testing.scripted import queries
from groundtune.testing.serving import running

RATES = Rates(input=Decimal("3e-6"), output=Decimal("6e-6"), cached_input=Decimal("1e-6"), cache_write=Decimal("3e-6"))
PRICE = Price(rates=RATES, source="test", date=date(2026, 1, 1))
MOST_WRITTEN = 8
ASKED = queries(10)
TRUTH = {query.question: query.answers[0] for query in ASKED}


class Billing(ScriptedEndpoint):
    """Knows what it is owed: for every request that reached it, whatever became of its answer."""

    def __init__(self) -> None:
        super().__init__(lambda turns: next(a for q, a in TRUTH.items() if str(turns[-1]["content"]).endswith(q)))
        self.owed = Decimal(0)

    def _usage(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        counts = super()._usage(body, text)
        usage = Usage(input_tokens=counts["prompt_tokens"], output_tokens=counts["completion_tokens"])
        self.owed += cost(usage, PRICE)
        return counts


@contextmanager
def billed(*faults: Fault) -> Iterator[tuple[Billing, str]]:
    server = Billing()
    with running(server.app()) as target, running(FaultyProxy(target, list(faults)).app()) as address:
        yield server, f"{address}/v1"


def system(address: str, store: CompletionStore, budget: Budget) -> System:
    endpoint = Endpoint(base_url=address, key="", timeout_seconds=10)
    asked = OpenAIChat("tiny", endpoint, max_output_tokens=MOST_WRITTEN, patience=Patience(20, first_wait=0.01))
    paid = BudgetedChat(asked, PRICE, budget, max_output_tokens=MOST_WRITTEN)
    return System(id="prompt", model=ChatModel(CachedChat(paid, store)), template=PromptTemplate(task="answer"))


@contextmanager
def kept(folder: Path) -> Iterator[tuple[CompletionStore, Ledger]]:
    with (
        CompletionStore.open(folder / "completions.sqlite") as store,
        Ledger.open(folder / "ledger.sqlite") as ledger,
    ):
        ledger.start_run("r", kind="experiment", record={})
        ledger.start_run("again", kind="experiment", record={})
        yield store, ledger


def ask(asked: System, ledger: Ledger, run: str = "r") -> dict[tuple[str, str], Answer]:
    return answer_all({"prompt": asked}, ASKED, ledger, run, concurrency=3)


def test_a_repeated_run_costs_nothing_and_counts_the_same(tmp_path: Path) -> None:
    with kept(tmp_path) as (store, ledger), billed() as (server, address):
        first = ask(system(address, store, Budget(1)), ledger)
        budget, requests = Budget(1), len(server.asked)
        again = ask(system(address, store, budget), ledger, "again")
        assert requests == len(server.asked) == len(ASKED)
    assert budget.spent_usd == 0
    assert [first["prompt", query.id].text for query in ASKED] == [query.answers[0] for query in ASKED]
    assert all(answer.from_cache for answer in again.values())
    mean = float(server.owed) / len(ASKED)
    assert cost_per_query(list(first.values()), PRICE) == pytest.approx(mean)
    assert cost_per_query(list(again.values()), PRICE) == pytest.approx(mean)


def test_lost_answers_are_counted_and_the_budget_holds(tmp_path: Path) -> None:
    faults: list[Fault] = ["none", "cut", "500", "cut", "malformed", "429", "none", "cut", "drops", "cut"]
    with kept(tmp_path) as (store, ledger), billed(*faults) as (server, address):
        generous = Budget(1)
        answers = ask(system(address, store, generous), ledger)
        assert all(answer.error is None for answer in answers.values())
        assert len(server.asked) > len(ASKED)
        # What the line swallowed is owed, and counted in full.
        assert server.owed < generous.spent_usd
        owed = server.owed
    with kept(tmp_path / "tight") as (store, ledger), billed(*faults) as (server, address):
        tight = Budget(generous.spent_usd * Decimal("0.5"))
        with pytest.raises(BudgetSpent) as stopped:
            ask(system(address, store, tight), ledger)
        recorded = ledger.answers("r")
        assert server.owed <= tight.spent_usd <= tight.limit_usd
        assert server.owed < owed
        assert stopped.value.missing == {"prompt": len(ASKED) - len(recorded)}
        assert len(ask(system(address, store, generous), ledger)) == len(ASKED)
