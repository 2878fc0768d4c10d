"""What sets two tuned models apart, and whether the base of one has moved on since."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from groundtune.training.card import Card, GateResult

__all__ = ["CardDifferences", "MetricChange", "compare", "newer_base"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """One metric of two models; None where it was not measured."""

    first: float | None
    second: float | None

    @property
    def change(self) -> float | None:
        """Second less first; None unless both were measured."""
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDifferences:
    """Two tuned models side by side; what they agree on is left out, but for the metrics.

    Attributes:
        same_base: They were tuned from the same weights.
        same_data: They were tuned on the same examples.
        made: Fields of the card that differ (kind, base, data, examples, seeds, cost, parent, status): (first, second).
        recipe: Settings of the training that differ; None where one model did not have it.
        metrics: Every metric of either.
        gates: Gates that came out differently, or that only one model went through.
    """

    same_base: bool
    same_data: bool
    made: Mapping[str, tuple[Any, Any]]
    recipe: Mapping[str, tuple[Any, Any]]
    metrics: Mapping[str, MetricChange]
    gates: Mapping[str, tuple[GateResult | None, GateResult | None]]


_MADE = ("kind", "base", "base_name", "data", "examples", "seeds", "cost_usd", "seconds", "parent", "status")


def compare(first: Card, second: Card) -> CardDifferences:
    """Put two tuned models side by side."""
    made = {name: (getattr(first, name), getattr(second, name)) for name in _MADE}
    gates = _pairs({gate.name: gate for gate in first.gates}, {gate.name: gate for gate in second.gates})
    return CardDifferences(
        same_base=first.base == second.base,
        same_data=first.data == second.data,
        made={name: pair for name, pair in made.items() if pair[0] != pair[1]},
        recipe={name: pair for name, pair in _pairs(first.recipe, second.recipe).items() if pair[0] != pair[1]},
        metrics={
            name: MetricChange(first=pair[0], second=pair[1])
            for name, pair in _pairs(first.metrics, second.metrics).items()
        },
        gates={name: pair for name, pair in gates.items() if pair[0] != pair[1]},
    )


def _pairs(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))}


def newer_base(card: Card, current: str) -> str | None:
    """Say when the name of a model's base points to another release than the one that it was tuned from.

    Args:
        card: The tuned model.
        current: What the name points to today: the hash of the weights, or the provider's dated name.

    Returns:
        A sentence with what to do; None when nothing is newer, or when ``current`` is the name itself, which does
        not say what it points to.
    """
    if current in (card.base, card.base_name):
        return None
    then, today = _release(card.base), _release(current)
    if then and today and then[0] == today[0] and today[1] <= then[1]:
        return None
    name = card.base_name or "The base model"
    return (
        f"{name} now points to {_short(current)}; this model was tuned from {_short(card.base)}. Tune again, and "
        "compare the two before you change: the tuned model does not get what the newer release has learned."
    )


_DATE = re.compile(r"^(?P<stem>.+?)[-@](?P<date>20\d\d-?[01]\d-?[0-3]\d)$")


def _release(name: str) -> tuple[str, date] | None:
    """A dated name as the model and its day, for example ``gpt-4o-mini-2024-07-18``; None for any other name."""
    found = _DATE.match(name)
    if found is None:
        return None
    try:
        return found["stem"], date.fromisoformat(found["date"])
    except ValueError:
        return None


def _short(name: str) -> str:
    """The first digits of a hash, and any other name as it is."""
    return name[:12] if re.fullmatch(r"[0-9a-f]{64}", name) else name
