"""What costs and times rest on before anything is measured: numbers with a range, a source and a date."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from groundtune.errors import AssumptionsError, Fault
from groundtune.models.prices import NoPrice, Price
from groundtune.records import SYSTEM_IDS

__all__ = ["REFRESHES", "Assumptions", "Quantity", "default_quantities"]

REFRESHES: dict[str, int | None] = {"never": 0, "yearly": 1, "monthly": 12, "weekly": 52, "daily": 365, "live": None}
"""How often a year knowledge changes, by ``knowledge_changes`` of the settings; None: no training keeps up."""

_OUTPUT_TOKENS = {
    "answer": 150,
    "chat": 150,
    "classify": 10,
    "extract": 120,
    "summarise": 250,
    "write": 300,
    "code": 400,
}
_MILLION = 1_000_000
_DOCUMENT_TOKENS = 2000
"""Of the text that a task "summarise" reads besides the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One number that a forecast rests on.

    Attributes:
        likely: The best guess; None: not known, and so is everything that depends on it.
        low: Lower end of what is plausible; None where the number is exact.
        high: Upper end; None where the number is exact.
        unit: In plain words.
        about: What it is, in a sentence.
        source: Where it is from.
        date: The day it is of, ISO 8601.
        group: The heading it stands under.
        least: The smallest value that makes sense.
        most: The largest value that makes sense.
    """

    likely: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    about: str = ""
    source: str = ""
    date: str = ""
    group: str = ""
    least: float = 0.0
    most: float = math.inf

    @property
    def range(self) -> tuple[float, float, float]:
        """(low, likely, high); all NaN where the number is not known, all the same where it is exact."""
        if self.likely is None:
            return (math.nan, math.nan, math.nan)
        return (
            self.likely if self.low is None else self.low,
            self.likely,
            self.likely if self.high is None else self.high,
        )

    def faults(self) -> Iterator[str]:
        """What is impossible about the number, with what is allowed."""
        given = [value for value in (self.low, self.likely, self.high) if value is not None]
        for value in dict.fromkeys(given):
            if not (math.isfinite(value) and self.least <= value <= self.most):
                yield f"{_plain(value)} {self.unit}; allowed: {_plain(self.least)} to {_plain(self.most)}"
        if given != sorted(given):
            yield f"low, likely and high must rise; given {', '.join(map(_plain, given))}"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        low, likely, high = (None if math.isnan(value) else value for value in self.range)
        return {
            "low": low,
            "likely": likely,
            "high": high,
            "unit": self.unit,
            "about": self.about,
            "source": self.source,
            "date": self.date,
            "group": self.group,
        }


@cache
def _read_defaults() -> Mapping[str, Quantity]:
    text = resources.files("groundtune.economics").joinpath("defaults.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    date = rows.pop("as_of").isoformat()
    return {
        name: Quantity(**{"likely": None, "date": date, "group": group} | row)
        for group, quantities in rows.items()
        for name, row in quantities.items()
    }


def default_quantities() -> dict[str, Quantity]:
    """Every quantity as it is assumed until somebody says or measures otherwise, by name; see defaults.toml."""
    return dict(_read_defaults())


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """All numbers of a forecast: what is given replaces a default, and what is measured replaces both.

    Attributes:
        quantities: By name, every one of defaults.toml; those of one system end in its id, as ``input_tokens.rag``.
    """

    quantities: Mapping[str, Quantity] = field(default_factory=default_quantities)

    def __getitem__(self, name: str) -> Quantity:
        return self.quantities[name]

    def likely(self, name: str) -> float | None:
        """The best guess at a number; None where it is not known."""
        return self.quantities[name].likely

    def given(
        self, values: Mapping[str, float | tuple[float, float, float] | None], *, source: str, date: str | None = None
    ) -> Assumptions:
        """With these numbers in place of the ones assumed.

        Args:
            values: By name: an exact number, (low, likely, high), or None for "not known".
            source: Where they are from, for example "your answer".
            date: ISO 8601; None keeps the date of the default.

        Raises:
            AssumptionsError: when a name is unknown or a number impossible; names all of them.
        """
        known = dict(self.quantities)
        faults: list[Fault] = []
        for name, value in values.items():
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.4)
                faults.append(
                    Fault(
                        None,
                        f"{name}: unknown; did you mean {' or '.join(near) or 'one of those in docs/economics.md'}?",
                    )
                )
                continue
            low, likely, high = value if isinstance(value, tuple) else (None, value, None)
            changed = replace(known[name], low=low, likely=likely, high=high, source=source)
            known[name] = replace(changed, date=date) if date else changed
            faults += [Fault(None, f"{name}: {fault}") for fault in known[name].faults()]
        if faults:
            raise AssumptionsError(faults)
        return replace(self, quantities=known)

    def for_task(self, task: str) -> Assumptions:
        """With the lengths that answers of such a task usually have.

        Args:
            task: answer, chat, classify, extract, summarise, write or code.
        """
        written = _OUTPUT_TOKENS[task]
        lengths: dict[str, float | tuple[float, float, float] | None] = {
            f"output_tokens.{system}": (round(written / 3), written, round(written * 2.5)) for system in SYSTEM_IDS
        }
        if task == "summarise":
            for system in SYSTEM_IDS:
                low, likely, high = (value + _DOCUMENT_TOKENS for value in self[f"input_tokens.{system}"].range)
                lengths[f"input_tokens.{system}"] = (low, likely, high)
        return self.given(lengths, source=f"Groundtune's assumption for {task}; put in your own")

    def with_knowledge_changes(self, changes: str | None) -> Assumptions:
        """With as many trainings a year as knowledge changes; None (unknown) keeps the default and its range."""
        if changes is None:
            return self
        return self.given(
            {"knowledge_refreshes_per_year": REFRESHES[changes]}, source=f'knowledge_changes = "{changes}"'
        )

    def with_prices(self, base: Price | NoPrice | None, tuned: Price | NoPrice | None) -> Assumptions:
        """With what the project's own models charge for tokens; a missing price is not known, and never 0."""
        return self._priced("", base)._priced("tuned_", tuned)

    def _priced(self, who: str, price: Price | NoPrice | None) -> Assumptions:
        names = [f"{who}{kind}_price" for kind in ("input", "cached", "output")]
        if not isinstance(price, Price):
            reason = price.reason if isinstance(price, NoPrice) else "nobody asked for its price"
            return self.given(dict.fromkeys(names), source=reason)
        rates = (price.rates.input, price.rates.cached_input, price.rates.output)
        amounts = {name: float(rate * _MILLION) for name, rate in zip(names, rates, strict=True)}
        return self.given(amounts, source=price.source, date=price.date.isoformat())

    def to_json(self) -> dict[str, Any]:
        """Every number with its range, source and date."""
        return {name: quantity.to_json() for name, quantity in self.quantities.items()}


def _plain(value: float) -> str:
    value = float(value)
    return f"{value:,.0f}" if value.is_integer() else f"{value:g}"
