"""From which volume on one system is cheaper than another, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from groundtune.economics.formula import Floats, Items

__all__ = ["BreakEven", "break_evens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Two systems, and the volume from which on the one with the cheaper queries is the cheaper one in all.

    Attributes:
        below: Cheaper at small volumes.
        above: Cheaper from ``volume`` on: each of its queries costs less.
        months: Over which the set-up is spread.
        volume: Queries a month; 0: ``above`` is cheaper at any volume; None: never, or not known.
        low: Where the middle 95 % of the draws begin; None: never.
        high: Where they end; None: never.
        never: Share of draws in which ``above`` is not cheaper at any volume, in [0, 1]; None: nothing is known.
    """

    below: str
    above: str
    months: int
    volume: float | None
    low: float | None
    high: float | None
    never: float | None

    @property
    def sentence(self) -> str:
        """The break-even in plain words."""
        if self.never is None:
            return f"{self.below} or {self.above}: not known, because what they cost is not."
        if self.volume is None:
            return f"{self.above} is never cheaper than {self.below}, at any volume{self._range()}."
        return f"{self.above} is cheaper than {self.below} {_from(self.volume)}{self._range()}."

    def _range(self) -> str:
        return "" if self.low == self.high else f" (plausible: {_from(self.low)} to {_from(self.high)})"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "below": self.below,
            "above": self.above,
            "months": self.months,
            "queries_per_month": self.volume,
            "interval": None if self.never is None else [self.low, self.high],
            "never": self.never,
            "sentence": self.sentence,
        }


def break_evens(likely: Mapping[str, Items], drawn: Mapping[str, Items], months: int) -> tuple[BreakEven, ...]:
    """The break-even volume of every pair of systems, V* = (F_B - F_A) / (v_A - v_B).

    Args:
        likely: Costs at the likely values, by system, shape ().
        drawn: The same at drawn values, shape (draws,).
        months: Over which the set-up is spread: a fixed cost F of a month is its monthly items and its share of it.
    """
    return tuple(_pair(likely, drawn, first, second, months) for first, second in combinations(likely, 2))


def _pair(likely: Mapping[str, Items], drawn: Mapping[str, Items], first: str, second: str, months: int) -> BreakEven:
    below, above = first, second
    if _per_query(likely[first]) < _per_query(likely[second]):
        below, above = second, first
    volume = _volume(likely[below], likely[above], months)
    volumes = _volume(drawn[below], drawn[above], months)
    if np.isnan(volume).any() or np.isnan(volumes).any():
        return BreakEven(below=below, above=above, months=months, volume=None, low=None, high=None, never=None)
    # An observed draw and not one between two, because "never" is infinite.
    low, high = np.quantile(volumes, (0.025, 0.975), method="inverted_cdf")
    return BreakEven(
        below=below,
        above=above,
        months=months,
        volume=_finite(volume),
        low=_finite(np.minimum(low, volume)),
        high=_finite(np.maximum(high, volume)),
        never=float(np.isinf(volumes).mean()),
    )


def _volume(below: Items, above: Items, months: int) -> Floats:
    """Volume from which on ``above`` is cheaper; infinite: never."""
    extra = _fixed(above, months) - _fixed(below, months)
    saved = _per_query(below) - _per_query(above)
    with np.errstate(divide="ignore", invalid="ignore"):
        volume = np.where(saved > 0, np.maximum(extra, 0) / saved, np.inf)
    always = (saved == 0) & (extra < 0)
    known = np.isfinite(extra) & np.isfinite(saved)
    return np.where(known, np.where(always, 0.0, volume), np.nan)


def _from(volume: float | None) -> str:
    if volume is None:
        return "never"
    return "at any volume" if volume == 0 else f"from {volume:,.0f} queries a month on"


def _fixed(items: Items, months: int) -> Floats:
    return np.asarray(sum(items.monthly.values()) + sum(items.setup.values()) / months)


def _per_query(items: Items) -> Floats:
    return np.asarray(sum(items.per_query.values()))


def _finite(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
