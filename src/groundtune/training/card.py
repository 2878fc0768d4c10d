"""The card of a tuned model: what it was made from and how, what was measured of it, and whether it may be used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

from groundtune.errors import StorageError

__all__ = ["ROLE_OF_KIND", "Card", "GateResult"]

ROLE_OF_KIND: Mapping[str, str] = {
    "reader": "generator",
    "chooser": "generator",
    "generator": "generator",
    "hosted": "generator",
    "embedding": "embedding",
    "reranker": "reranker",
}
"""What each kind of tuned model is used as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate after training found.

    Attributes:
        name: The gate, for example ``forgetting: refusal``.
        passed: True and False are shown by the measurement; None: it can show neither, which is a warning.
        value: What was measured; None where nothing could be.
        margin: The limit that ``value`` was held against.
        interval: Where the true value lies: 90 %, so that each end is a one-sided bound of 95 %.
        note: The measurement in a sentence, with what to do where something is wrong.
    """

    name: str
    passed: bool | None
    value: float | None = None
    margin: float | None = None
    interval: tuple[float, float] | None = None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How a tuned model was made; fields with a default are missing from cards of older versions.

    Attributes:
        kind: A key of `ROLE_OF_KIND`.
        key: Names data, recipe, base weights and seed: the same key need not be trained again.
        base: SHA-256 of the base weights, or the dated name that a provider gives them.
        data: SHA-256 of the examples file.
        examples: How many examples it was trained on.
        recipe: Every setting of the training.
        metrics: On dev, before and after.
        seconds: What the training took.
        created: UTC, ISO 8601.
        base_name: The base model as the user named it, which may point to newer weights one day.
        served_as: The name that a provider answers to with these weights; None where the files are the weights.
        seeds: Of every random choice.
        gates: What was found after training; empty where nobody looked.
        cost_usd: What the training cost; None where nobody knows.
        parent: Id of the tuned model that this one was tuned from; None where that was the base.
        status: ``failed`` when a gate did not pass.
        reasons: Why it failed.
    """

    kind: str
    key: str
    base: str
    data: str
    examples: int
    recipe: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    seconds: float
    created: str
    base_name: str | None = None
    served_as: str | None = None
    seeds: tuple[int, ...] = ()
    gates: tuple[GateResult, ...] = ()
    cost_usd: float | None = None
    parent: str | None = None
    status: Literal["registered", "failed"] = "registered"
    reasons: tuple[str, ...] = field(default=())

    def judged(self, gates: Iterable[GateResult]) -> Self:
        """The card with these gates and the status that follows from them; a gate that shows nothing fails nobody."""
        found = tuple(gates)
        reasons = tuple(f"{gate.name}: {gate.note}" for gate in found if gate.passed is False)
        return replace(self, gates=found, reasons=reasons, status="failed" if reasons else "registered")

    def to_json(self) -> str:
        """The text of a card file."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card, also one of an older version.

        Raises:
            StorageError: when it cannot be read.
        """
        try:
            return _reader().validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise StorageError(f"{path} is damaged: {error}. Delete its folder and tune again.") from error


@cache
def _reader() -> TypeAdapter[Card]:
    return TypeAdapter(Card)
