"""What one system costs, from the numbers assumed or measured: the formula, and nothing else.

cost.js, which pages carry, holds the same formula; a test draws numbers and compares the two. Unknown numbers are NaN
here and stay NaN through every sum that needs them, so that nothing unknown ever counts as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["HOURS_PER_MONTH", "Floats", "Items", "cost_items", "monthly_bill", "monthly_cost", "total_cost"]

Floats = npt.NDArray[np.float64]
"""One number, shape (), or one for each draw, shape (draws,)."""

HOURS_PER_MONTH = 730
"""8,760 hours a year over 12."""

HOURS_OF_PEOPLE = ("care of the prompt", "checking answers", "care of documents", "labelling and examining again")
"""Monthly items that nobody sends a bill for."""

_RETRIEVES = ("rag", "tuned_rag")
_TUNED = ("tuned", "tuned_rag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """US dollars by what they are spent on.

    Attributes:
        setup: Once.
        monthly: Every month, however many queries there are.
        per_query: For each query.
    """

    setup: Mapping[str, Floats]
    monthly: Mapping[str, Floats]
    per_query: Mapping[str, Floats]


def cost_items(v: Mapping[str, Floats], system: str) -> Items:
    """Everything that one of the four systems costs.

    Args:
        v: Every quantity of defaults.toml by name, all of one shape.
        system: Id of the system.
    """
    checking = v["evaluation_minutes"] / 60 * v["label_usd_per_hour"]
    setup = {
        "the prompt": v["prompt_hours"] * v["team_usd_per_hour"],
        "labelled queries": v["evaluation_queries"] * checking,
    }
    monthly = {
        "care of the prompt": v["prompt_hours_per_month"] * v["team_usd_per_hour"],
        "checking answers": v["checked_per_month"] * checking,
    }
    per_query = {
        "mistakes": _times(v[f"wrong_share.{system}"], v["wrong_usd"])
        + _times(v[f"abstained_share.{system}"], v["abstained_usd"])
    }
    _add_answering(v, system, monthly, per_query)
    if system in _RETRIEVES:
        setup["retrieval"] = v["retrieval_hours"] * v["team_usd_per_hour"]
        setup["first index"] = v["index_usd"]
        monthly["care of documents"] = v["retrieval_hours_per_month"] * v["team_usd_per_hour"]
        monthly["indexing again"] = v["index_usd"] * v["reindexed_per_month"]
        monthly["vector store"] = v["store_usd_per_month"]
        per_query["searching"] = v["search_usd_per_query"]
    if system in _TUNED:
        _add_tuning(v, system, setup, monthly)
    return Items(setup=setup, monthly=monthly, per_query=per_query)


def _add_answering(
    v: Mapping[str, Floats], system: str, monthly: dict[str, Floats], per_query: dict[str, Floats]
) -> None:
    """What the model costs: machines where it runs on your own, else tokens."""
    who = "tuned_" if system in _TUNED else ""
    owned = v[f"{who}self_hosted"]
    read, written = v[f"input_tokens.{system}"], v[f"output_tokens.{system}"]
    cached = v[f"cached_share.{system}"]
    tokens = (
        read * (1 - cached) * v[f"{who}input_price"]
        + _times(read * cached, v[f"{who}cached_price"])
        + written * v[f"{who}output_price"]
    ) / 1e6
    per_query["tokens"] = _unless(owned, tokens * (1 - v["batch_share"] * v["batch_discount"]))
    rate = v[f"requests_per_second.{system}"] * v["utilisation"] * 3600
    per_query["machines"] = _times(owned, v["hosting_usd_per_hour"] / rate)
    monthly["spare machines"] = _times(owned, v["spare_machines"] * v["hosting_usd_per_hour"] * HOURS_PER_MONTH)


def _add_tuning(v: Mapping[str, Floats], system: str, setup: dict[str, Floats], monthly: dict[str, Floats]) -> None:
    """The first training, and those that follow as knowledge (without retrieval) or the base model changes."""
    label = v["label_minutes"] / 60 * v["label_usd_per_hour"]
    tokens = v["training_examples"] * v["example_tokens"] * v["epochs"]
    training = _times(v["tuned_self_hosted"], v["training_hours"] * v["hosting_usd_per_hour"]) + _unless(
        v["tuned_self_hosted"], tokens * v["training_price"] / 1e6
    )
    setup["labelling"] = np.maximum(v["training_examples"] - v["labelled_examples"], 0) * label
    setup["training"] = training
    setup["preparing and examining the tuning"] = v["tuning_hours"] * v["team_usd_per_hour"]
    times = v["base_model_changes_per_year"]
    if system not in _RETRIEVES:
        times = times + v["knowledge_refreshes_per_year"]
    relabelling = v["relabelled_share"] * v["training_examples"] * label
    monthly["training again"] = times / 12 * training
    monthly["labelling and examining again"] = times / 12 * (relabelling + v["retuning_hours"] * v["team_usd_per_hour"])
    monthly["keeping tuned weights ready"] = v["tuned_hosting_usd_per_month"]


def monthly_bill(items: Items, queries_per_month: Floats) -> Floats:
    """US dollars a month that somebody sends a bill for: `monthly_cost` without the hours of people and mistakes."""
    fixed = sum(amount for name, amount in items.monthly.items() if name not in HOURS_OF_PEOPLE)
    each = sum(amount for name, amount in items.per_query.items() if name != "mistakes")
    return np.asarray(fixed + queries_per_month * each)


def monthly_cost(items: Items, queries_per_month: Floats) -> Floats:
    """US dollars a month at a volume, set-up apart."""
    return np.asarray(sum(items.monthly.values()) + queries_per_month * sum(items.per_query.values()))


def total_cost(items: Items, queries_per_month: Floats, months: float) -> Floats:
    """US dollars over so many months, set-up included."""
    return np.asarray(sum(items.setup.values()) + months * monthly_cost(items, queries_per_month))


def _times(switch: Floats, amount: Floats) -> Floats:
    """A product in which 0 switches the other factor off, even where that is not known."""
    return np.where((switch == 0) | (amount == 0), 0.0, switch * amount)


def _unless(switch: Floats, amount: Floats) -> Floats:
    return _times(1 - switch, amount)
