"""Numbers drawn from the ranges of assumptions, so that a forecast can say how sure it is."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.formula import Floats

__all__ = ["DRAWS", "Spread", "as_json", "draw_values", "likely_values", "spread_of"]

DRAWS = 2_000
_SEED = 20_261_121

Spread = tuple[float | None, float | None, float | None]
"""(low, likely, high): the likely value between the ends of the middle 95 % of the draws; None: not known."""


def likely_values(assumptions: Assumptions) -> dict[str, Floats]:
    """The best guess at every quantity, shape (); NaN where it is not known."""
    return {name: np.asarray(quantity.range[1]) for name, quantity in assumptions.quantities.items()}


def draw_values(assumptions: Assumptions, *, draws: int = DRAWS, seed: int = _SEED) -> dict[str, Floats]:
    """Every quantity drawn from its range, shape (draws,): as often below its likely value as above, and the further
    from it the more rarely.

    Quantities of one kind move together over the systems (long questions are long for all four), the others do not
    know of each other.
    """
    values = {}
    for name, quantity in assumptions.quantities.items():
        kind = name.partition(".")[0]
        uniform = np.random.default_rng([seed, zlib.crc32(kind.encode())]).random(draws)
        values[name] = _around(uniform, *quantity.range)
    return values


def _around(uniform: Floats, low: float, likely: float, high: float) -> Floats:
    """Inverse of a cumulative function with half of a triangle on either side of the likely value, its median."""
    below = likely - (likely - low) * (1 - np.sqrt(np.minimum(2 * uniform, 1)))
    above = likely + (high - likely) * (1 - np.sqrt(np.minimum(2 * (1 - uniform), 1)))
    return np.asarray(np.where(uniform < 0.5, below, above))


def spread_of(likely: Floats, draws: Floats) -> Spread:
    """A likely value with the middle 95 % of its draws, made wide enough to hold it."""
    if np.isnan(likely).any() or np.isnan(draws).any():
        return (None, None, None)
    low, high = np.quantile(draws, (0.025, 0.975))
    return (float(min(low, likely)), float(likely), float(max(high, likely)))


def as_json(values: Mapping[str, Floats]) -> dict[str, float | None]:
    """Single numbers as JSON-ready values; None where one is not known."""
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}
