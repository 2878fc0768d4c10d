"""The path from here: which systems to try in which order, and the next experiment with its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundtune.advice.answers import Answers
from groundtune.economics.assumptions import Assumptions
from groundtune.economics.draws import Spread, draw_values, likely_values, spread_of
from groundtune.economics.formula import Floats, cost_items
from groundtune.records import SYSTEM_IDS, SystemId

__all__ = ["NextExperiment", "next_experiment", "path_to"]

ENOUGH = 0.8
"""Share that a prompt must solve to be kept; many teams reach it [S0 S1 S2 S3]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextExperiment:
    """What to do next.

    Attributes:
        systems: The systems that it compares, simplest first.
        says: The step in words.
        queries: Labelled queries that it takes.
        usd: Its price (low, likely, high) in US dollars; None where a part of it is not known.
        items: The likely price by what it is spent on; None where it is not known.
    """

    systems: tuple[SystemId, ...]
    says: str
    queries: int
    usd: Spread
    items: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """As ``advise --json`` gives it under ``next_experiment``."""
        return {
            "systems": list(self.systems),
            "says": self.says,
            "queries": self.queries,
            "usd": list(self.usd),
            "items": dict(self.items),
        }


def path_to(system: SystemId) -> tuple[SystemId, ...]:
    """The stages on the way to a system: the prompt first, retrieval before fine-tuning, and none that it lacks."""
    stages: dict[SystemId, tuple[SystemId, ...]] = {
        "prompt": ("prompt",),
        "rag": ("prompt", "rag"),
        "tuned": ("prompt", "tuned"),
        "tuned_rag": ("prompt", "rag", "tuned_rag"),
    }
    return stages[system]


def next_experiment(
    answers: Answers, system: SystemId, assumed: Assumptions, *, labelled_queries: int = 0
) -> NextExperiment:
    """The next step on the path to a system.

    Args:
        answers: A measured prompt baseline shortens the path.
        system: The recommended one.
        assumed: What its price is forecast from.
        labelled_queries: Those that are there already, and cost nothing any more.
    """
    systems, says = _step(answers.prompt_baseline, system)
    queries = round(assumed.likely("evaluation_queries") or 0)
    likely = _items(likely_values(assumed), systems, labelled_queries)
    drawn = _items(draw_values(assumed), systems, labelled_queries)
    total = np.asarray(sum(likely.values()))
    return NextExperiment(
        systems=systems,
        says=says.format(queries=queries, missing=_missing(answers, assumed)),
        queries=queries,
        usd=spread_of(total, np.asarray(sum(drawn.values()))),
        items={name: None if np.isnan(value) else float(value) for name, value in likely.items()},
    )


def _step(baseline: float | None, system: SystemId) -> tuple[tuple[SystemId, ...], str]:
    if system == "prompt":
        if baseline is not None and baseline >= ENOUGH:
            return ("prompt",), "Run the prompt, keep {queries} labelled queries, and check them after each change."
        return (
            "prompt",
        ), "Write a good prompt with a few examples and measure it on {queries} representative queries."
    if baseline is None:
        first: tuple[SystemId, ...] = ("prompt",) if system == "tuned" else ("prompt", "rag")
        beside = " and a retrieval prototype beside it" if "rag" in first else ""
        then = {
            "rag": "",
            "tuned": " Fine-tune only if the prompt falls short: {missing}.",
            "tuned_rag": " Fine-tune only once these two have reached a plateau: {missing}.",
        }[system]
        return first, f"Measure a good prompt{beside} on {{queries}} representative queries with ideal answers.{then}"
    if system == "rag":
        return ("prompt", "rag"), (
            "Put a retrieval prototype beside the prompt that you have, and compare them on {queries} queries."
        )
    return SYSTEM_IDS, "Compare all four on {queries} queries (groundtune decide): {missing}."


def _missing(answers: Answers, assumed: Assumptions) -> str:
    """What labelling a training still takes."""
    wanted, have = round(assumed.likely("training_examples") or 0), answers.labelled_examples
    if have is None:
        return f"that takes about {wanted:,} labelled examples"
    return (
        f"the {have:,} labelled examples are enough to start"
        if have >= wanted
        else (f"that takes about {wanted:,} labelled examples, of which {have:,} are there")
    )


def _items(values: Mapping[str, Floats], systems: Sequence[SystemId], labelled: int) -> dict[str, Floats]:
    """US dollars of comparing some systems once: labels, training, and what the model charges for the queries."""
    costs = {system: cost_items(values, system) for system in systems}
    missing = np.maximum(values["evaluation_queries"] - labelled, 0)
    items = {"labelled queries": missing * values["evaluation_minutes"] / 60 * values["label_usd_per_hour"]}
    per_query = [costs[s].per_query["tokens"] + costs[s].per_query["machines"] for s in systems]
    items["answering them"] = np.asarray(sum(per_query)) * values["evaluation_queries"]
    if "tuned" in systems:
        items |= {name: costs["tuned"].setup[name] for name in ("labelling", "training")}
    return items
