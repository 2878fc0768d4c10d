"""The rules of the rulebook: conditions on answers, and what follows from them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from groundtune.records import SystemId

__all__ = ["Condition", "Conflict", "Note", "Requirement", "Rule", "Rules", "Toward", "WayOut", "holds", "load_rules"]

Toward = Literal["retrieval", "tuning", "both", "prompt"]
"""A switch of the 2x2, both switches on together, or neither on."""


_FILES = ("figures", "requirements", "knowledge", "behaviour", "circumstances", "conflicts", "notes")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Bounds(_Record):
    """A number from ``at_least`` (included) to ``below`` (not included)."""

    at_least: float | None = None
    below: float | None = None


Condition = Mapping[str, bool | tuple[str, ...] | Bounds]
"""By question: what its answer must be. All must hold; a skipped question holds nothing."""


class Figure(_Record):
    """A published number that conditions refer to by its name."""

    value: float
    says: str
    source: tuple[str, ...]


class _Cited(_Record):
    id: str
    because: str
    source: tuple[str, ...]


class _Conditional(_Cited):
    when: Condition


class Rule(_Conditional):
    """One thing that speaks for or against a technique.

    Attributes:
        weight: 1 weak to 4 and more decisive, below zero away from ``toward``.
        source: Labels of [sources] in figures.toml.
    """

    toward: Toward
    weight: float


class Requirement(_Conditional):
    """Something that a system either meets or not, whatever else speaks for it; ``forbids`` the ones that do not."""

    forbids: tuple[SystemId, ...]


class WayOut(_Record):
    """What could be done about a conflict; ``set``: the answers that it would change."""

    does: str
    set: Mapping[str, Any] = Field(default_factory=dict)


class Conflict(_Conditional):
    """Answers that cannot be had together."""

    ways_out: tuple[WayOut, ...] = Field(min_length=1)


class Note(_Cited):
    """What to watch once a technique is chosen, and what of Groundtune looks after it."""

    technique: Literal["retrieval", "tuning", "prompt"] = Field(alias="for")
    guard: str


class Rules(_Record):
    """Everything in the rulebook."""

    sources: Mapping[str, str]
    figures: Mapping[str, Figure]
    requirement: tuple[Requirement, ...]
    rule: tuple[Rule, ...]
    conflict: tuple[Conflict, ...]
    note: tuple[Note, ...]


@cache
def load_rules(retrieval_p95_ms: float | None = None) -> Rules:
    """Read the rules.

    Args:
        retrieval_p95_ms: What retrieval takes here, in place of the published figure.
    """
    data = _read()
    if retrieval_p95_ms is not None:
        says = "What retrieval takes here."
        data["figures"]["retrieval_p95_ms"] = {"value": retrieval_p95_ms, "says": says, "source": ["measured"]}
    figures = {name: figure["value"] for name, figure in data["figures"].items()}
    for kind in ("requirement", "rule", "conflict"):
        for row in data[kind]:
            row["when"] = {key: _resolved(wanted, figures) for key, wanted in row["when"].items()}
    return Rules.model_validate(data)


def _read() -> dict[str, Any]:
    """The files of the rulebook as one: tables together, and lists in the order of the files."""
    read: dict[str, Any] = {}
    for name in _FILES:
        text = resources.files("groundtune.advice").joinpath(f"rulebook/{name}.toml").read_text(encoding="utf-8")
        for kind, records in tomllib.loads(text).items():
            read[kind] = [*read.get(kind, []), *records] if isinstance(records, list) else records
    return read


def holds(when: Condition, known: Mapping[str, Any]) -> bool:
    """Whether every part of a condition holds.

    Args:
        when: The condition.
        known: Answers by question, the skipped ones left out.
    """
    return all(key in known and _fits(wanted, known[key]) for key, wanted in when.items())


def _fits(wanted: bool | tuple[str, ...] | Bounds, given: Any) -> bool:
    if isinstance(wanted, Bounds):
        return (wanted.at_least is None or given >= wanted.at_least) and (wanted.below is None or given < wanted.below)
    if isinstance(wanted, bool):
        return given is wanted
    return any(value in wanted for value in given) if isinstance(given, tuple) else given in wanted


def _resolved(wanted: Any, figures: Mapping[str, float]) -> Any:
    """With the figures in place of their names."""
    if not isinstance(wanted, dict):
        return wanted
    return {key: figures[bound] if isinstance(bound, str) else bound for key, bound in wanted.items()}
