"""What a measurement of retrieval gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from groundtune.experiment.statistics import Interval

__all__ = ["Figure", "Gain", "Measured", "RetrievalResult", "Slice", "SweepResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over ``n`` queries in [0, 1] with its 95 % interval; None where there is nothing to tell."""

    value: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How much better one search is than another on the same queries, by ``measure``.

    Attributes:
        over: The search that it is compared with.
        p: Two-sided; None where there is nothing to test, or too little.
        clusters: Independent units among the ``n`` queries.
        note: What the reader must know; None when nothing.
    """

    measure: str
    over: str
    value: float | None
    interval: Interval | None
    p: float | None
    n: int
    clusters: int
    note: str | None

    @property
    def significant(self) -> bool:
        """Whether it is better beyond doubt (p below 0.05, two-sided)."""
        return self.p is not None and self.p < 0.05 and self.value is not None and self.value > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One unit (documents or passages): search -> measure -> figure, and each search against the baseline."""

    queries: int
    searches: Mapping[str, Mapping[str, Figure]]
    gains: Mapping[str, Gain]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A group of queries, over documents: exploratory, no test is made of it."""

    name: str
    value: str
    queries: int
    searches: Mapping[str, Mapping[str, Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalResult:
    """Retrieval measured by itself.

    Attributes:
        kind: Whether the queries were labelled by people, or made from the passages.
        gone: Queries whose evidence is not in the knowledge base; they count as not found.
        passages: None where no label says where in a document the evidence stands.
        milliseconds: Median and 95th percentile of each search, with embedding the question.
        unanswerable: Synthetic questions besides, whose passage was taken away.
        told_apart: How often each signal of sufficiency is higher where the passage is there, see `told_apart`.
        notes: What the reader must know besides.
    """

    kind: Literal["labelled", "synthetic"]
    queries: int
    gone: int
    documents: Measured
    passages: Measured | None
    slices: tuple[Slice, ...]
    milliseconds: Mapping[str, tuple[float, float] | None]
    unanswerable: int = 0
    told_apart: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it; nothing that was not measured is 0."""
        times = {name: found and {"p50": found[0], "p95": found[1]} for name, found in self.milliseconds.items()}
        return {**asdict(self), "milliseconds": times}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Settings found on dev, and what they are worth on test.

    Attributes:
        arms: Combinations of settings that were tried.
        rounds: How many were compared on how many dev queries.
        changed: Keys of groundtune.toml with their new values; empty where the present settings won.
        recall_on_dev: Share of what is relevant by number of passages, with the settings that won.
        present: nDCG@10 of the present settings on test.
        chosen: The same of those that won.
        gain: Their difference on test, which no choice has seen.
        unit: What was counted: ``passages`` or ``documents``.
        alpha: Weight of meaning beside words in hybrid search with the settings that won; None where it is not hybrid.
    """

    arms: int
    rounds: tuple[tuple[int, int], ...]
    changed: Mapping[str, Any]
    recall_on_dev: Mapping[int, float]
    present: Figure
    chosen: Figure
    gain: Gain
    unit: str
    alpha: float | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What to put into groundtune.toml, section by section."""
        sections: dict[str, list[str]] = {}
        for key, value in self.changed.items():
            section, _, name = key.rpartition(".")
            sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
        return tuple(line for section, rows in sections.items() for line in (f"[{section}]", *rows))

    def to_json(self) -> dict[str, Any]:
        """All of it, with the lines for groundtune.toml."""
        return {**asdict(self), "lines": list(self.lines)}
