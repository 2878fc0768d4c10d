"""Published figures as scenarios of the cost model: what must be assumed for each to come out, and what does today."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.forecast import forecast_costs, forecast_latency

__all__ = ["SCENARIOS", "Scenario"]

Measure = Callable[[Assumptions], float | None]
Changes = Mapping[str, float | tuple[float, float, float] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One published figure.

    Attributes:
        figure: As it was published, in our words.
        source: Label of the reference article.
        low: The lower end of the figure.
        high: The upper end; infinite where it has none.
        unit: Of both.
        measure: What the model has for it.
        assuming: What has to be assumed for the figure to come out, beside the defaults.
        because: The same in words.
        today: What holds today, beside the defaults; empty: the defaults alone.
        today_because: The same in words, with its source.
    """

    figure: str
    source: str
    low: float
    high: float
    unit: str
    measure: Measure
    assuming: Changes = field(default_factory=dict)
    because: str = "Groundtune's defaults"
    today: Changes = field(default_factory=dict)
    today_because: str = "Groundtune's defaults"

    def reproduced(self) -> float | None:
        """The figure as the model has it under the scenario's assumptions."""
        return self.measure(Assumptions().given(self.assuming, source=self.source))

    def now(self) -> float | None:
        """The figure as the model has it today."""
        return self.measure(Assumptions().given(self.today, source=self.today_because))

    def holds(self, value: float | None) -> bool:
        """Whether a value lies within the published figure."""
        return value is not None and self.low <= value <= self.high


def _setup(system: str) -> Measure:
    return lambda assumed: forecast_costs(assumed).systems[system].setup[1]


def _added_setup(assumed: Assumptions) -> float | None:
    systems = forecast_costs(assumed).systems
    return _minus(systems["rag"].setup[1], systems["prompt"].setup[1])


def _added_monthly(system: str) -> Measure:
    """What a system costs a month, less the care and the checking that every system needs."""

    def measure(assumed: Assumptions) -> float | None:
        cost = forecast_costs(assumed).systems[system]
        shared = [cost.items["monthly"][name] for name in ("care of the prompt", "checking answers")]
        return None if None in shared else _minus(cost.monthly[1], sum(amount or 0 for amount in shared))

    return measure


def _break_even(assumed: Assumptions) -> float | None:
    """Queries a month from which on tuning is cheaper than retrieval, over three years; infinite: never."""
    pairs = forecast_costs(assumed).break_evens
    found = next(pair for pair in pairs if pair.months == 36 and {pair.below, pair.above} == {"rag", "tuned"})
    if found.never is None:
        return None
    return math.inf if found.volume is None or found.above != "tuned" else found.volume


def _quantity(name: str) -> Measure:
    return lambda assumed: assumed.likely(name)


def _searching(assumed: Assumptions) -> float | None:
    stages = forecast_latency(assumed).systems["rag"].stages
    return sum(stages[name] or 0 for name in ("embedding", "searching", "reranking"))


def _chance(system: str) -> Measure:
    return lambda assumed: forecast_latency(assumed, 200).chance(system)


def _context(assumed: Assumptions) -> float | None:
    return _minus(assumed.likely("input_tokens.rag"), assumed.likely("input_tokens.prompt"))


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


_SMALL_MODEL: Changes = {
    "network_ms": 1,
    "first_token_ms": 60,
    "prefill_ms": 20,
    "token_ms": (1, 1.5, 2),
    "spread": 1.3,
    **{f"output_tokens.{system}": 30 for system in ("prompt", "rag", "tuned", "tuned_rag")},
}
_NO_HOURS: Changes = {"team_usd_per_hour": 0, "label_usd_per_hour": 0}
_BARE_RETRIEVAL: Changes = {"retrieval_hours": 1.3, "retrieval_hours_per_month": 0}

SCENARIOS = (
    Scenario(
        figure="fine-tuning needs 500 to 5,000 good examples",
        source="S1",
        low=500,
        high=5000,
        unit="examples",
        measure=_quantity("training_examples"),
    ),
    Scenario(
        figure="setting up fine-tuning costs $5,000 and more",
        source="S0",
        low=5000,
        high=math.inf,
        unit="$",
        measure=_setup("tuned"),
        because="1,000 examples of 3 minutes each at $30 an hour, 56 hours of an engineer at $75",
        today=_NO_HOURS,
        today_because="the bill alone: at today's price the training costs a few dollars, the rest is people's time",
    ),
    Scenario(
        figure="setting up retrieval costs about $100",
        source="S0",
        low=50,
        high=200,
        unit="$",
        measure=_added_setup,
        assuming=_BARE_RETRIEVAL,
        because="a little over an hour of an engineer at $75, on top of the prompt",
        today_because="Groundtune's defaults: 24 hours to prepare documents, passages and search",
    ),
    Scenario(
        figure="knowledge that changes monthly: retrieval costs $50 to $500 a month",
        source="S4",
        low=50,
        high=500,
        unit="$ a month",
        measure=_added_monthly("rag"),
        because="4 hours of care a month at $75, 10,000 queries",
        today=_NO_HOURS,
        today_because="the bill alone: tokens at today's price",
    ),
    Scenario(
        figure="knowledge that changes monthly: fine-tuning costs $500 to $5,000 a month",
        source="S4",
        low=500,
        high=5000,
        unit="$ a month",
        measure=_added_monthly("tuned"),
        assuming={"knowledge_refreshes_per_year": 12},
        because="13 trainings a year, each with 100 examples labelled anew and 8 hours of an engineer",
        today={"knowledge_refreshes_per_year": 12, **_NO_HOURS},
        today_because="the bill alone: training and tokens at today's price",
    ),
    Scenario(
        figure="stable knowledge: fine-tuning may be cheaper than retrieval from about 10 million queries a month",
        source="S4",
        low=5e6,
        high=20e6,
        unit="queries a month",
        measure=_break_even,
        assuming={
            **_BARE_RETRIEVAL,
            "training_examples": 5000,
            "knowledge_refreshes_per_year": 0,
            "base_model_changes_per_year": 4,
        },
        because="retrieval that nobody tends; 5,000 examples, tuned again four times a year for new base models",
        today={"knowledge_refreshes_per_year": 0},
        today_because="Groundtune's defaults: 4 hours of care for retrieval a month, one new base model a year",
    ),
    Scenario(
        figure="an embedded vector store is free",
        source="S4",
        low=0,
        high=0,
        unit="$ a month",
        measure=_quantity("store_usd_per_month"),
    ),
    Scenario(
        figure="hosted search costs $100 to $1,000 a month",
        source="S4",
        low=100,
        high=1000,
        unit="$ a month",
        measure=_quantity("store_usd_per_month"),
        assuming={"store_usd_per_month": (100, 500, 1000)},
        because="as published",
        today={"store_usd_per_month": 50},
        today_because="the least that Pinecone's plan Standard costs, docs.pinecone.io",
    ),
    Scenario(
        figure="retrieval takes 10 to 30 ms to embed the query and 10 to 50 ms to search",
        source="S4",
        low=20,
        high=80,
        unit="ms",
        measure=_searching,
    ),
    Scenario(
        figure="under 200 ms: fine-tune",
        source="S4",
        low=0.9,
        high=1,
        unit="chance of tuned",
        measure=_chance("tuned"),
        assuming=_SMALL_MODEL,
        because="a small model nearby that begins after 60 ms and writes 30 tokens",
        today_because="Groundtune's defaults: a hosted model that begins after 350 ms keeps 200 ms with no system",
    ),
    Scenario(
        figure="under 200 ms: retrieval does not fit, unless it streams",
        source="S4",
        low=0,
        high=0.5,
        unit="chance of rag",
        measure=_chance("rag"),
        assuming=_SMALL_MODEL,
        because="the same small model, with retrieval before it",
    ),
    Scenario(
        figure="50 labelled queries to evaluate on",
        source="S1",
        low=50,
        high=50,
        unit="queries",
        measure=_quantity("evaluation_queries"),
    ),
    Scenario(
        figure="the reference tutorial gives the model 5 passages of 512 tokens",
        source="S1",
        low=2560,
        high=2560,
        unit="tokens more",
        measure=_context,
        assuming={"input_tokens.rag": 620 + 5 * 512},
        because="5 passages of 512 tokens after the prompt of the defaults",
        today_because="Groundtune's defaults: 5 passages of 200 tokens",
    ),
    Scenario(
        figure="the reference tutorial tunes for 3 epochs",
        source="S1",
        low=3,
        high=3,
        unit="passes",
        measure=_quantity("epochs"),
    ),
)
"""Every figure of the reference articles on numbers, costs and latency."""
