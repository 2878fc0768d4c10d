"""Random numbers for the cost model: possible ones, so that two implementations of its formula can be compared."""

from __future__ import annotations

import random

from groundtune.economics.assumptions import Assumptions

__all__ = ["random_values"]

_SWITCHES = ("self_hosted", "tuned_self_hosted")


def random_values(seed: int) -> dict[str, float]:
    """A possible value for every quantity, by name: switches are 0 or 1, the rest lie between its bounds."""
    generator = random.Random(seed)
    return {
        name: float(generator.getrandbits(1))
        if name in _SWITCHES
        else generator.uniform(quantity.least, min(quantity.most, 100.0))
        for name, quantity in Assumptions().quantities.items()
    }
