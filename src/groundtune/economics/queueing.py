"""How long a query waits for its turn, from the volume, the time an answer takes and how many are answered at once."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, pdtr, xlogy

from groundtune.economics.formula import HOURS_PER_MONTH, Floats

__all__ = ["arrivals_per_second", "chance_to_wait", "drawn_waits", "mean_wait"]


def arrivals_per_second(queries_per_month: Floats, peak_factor: Floats) -> Floats:
    """Queries a second in the busiest hour."""
    return queries_per_month * peak_factor / (HOURS_PER_MONTH * 3600)


def chance_to_wait(load: Floats, slots: Floats) -> Floats:
    """Probability that every slot is taken when a query comes (Erlang C); 1 where queries outnumber the slots.

    Args:
        load: Arrivals a second times seconds of service, that is, slots in use on average.
        slots: Queries answered at the same time; a part of one counts as none.
    """
    whole = np.maximum(np.floor(slots), 1)
    served = np.minimum(load, whole)  # far above it both are 0
    # Erlang B, by the Poisson distribution; scipy.stats would have it too, and takes a second to import.
    blocked = np.exp(xlogy(whole, served) - served - gammaln(whole + 1)) / pdtr(whole, served)
    with np.errstate(divide="ignore", invalid="ignore"):
        waits = blocked / (1 - load / whole * (1 - blocked))
    return np.asarray(np.where(load >= whole, 1.0, waits))


def mean_wait(load: Floats, slots: Floats, service: Floats, variation: Floats) -> Floats:
    """Mean wait of all queries, in the unit of ``service``: C S / (c (1 - rho)) * (1 + CV^2) / 2 (Allen and Cunneen).

    Args:
        load: As of `chance_to_wait`.
        slots: As of `chance_to_wait`.
        service: Mean time of an answer.
        variation: Its standard deviation over its mean.

    Returns:
        Infinite where queries outnumber the slots.
    """
    whole = np.maximum(np.floor(slots), 1)
    idle = whole - load
    with np.errstate(divide="ignore"):
        wait = chance_to_wait(load, slots) * service / np.maximum(idle, 0) * (1 + variation**2) / 2
    return np.asarray(np.where(idle > 0, wait, np.inf))


def drawn_waits(uniform: Floats, load: Floats, slots: Floats, service: Floats, variation: Floats) -> Floats:
    """Waits of single queries: none with probability 1 - C, else exponential with the mean of `mean_wait`.

    Args:
        uniform: In [0, 1), one for each query; the further arguments broadcast against it.
        load: As of `mean_wait`, like those that follow.
        slots: See ``load``.
        service: See ``load``.
        variation: See ``load``.

    Returns:
        Infinite waits where queries outnumber the slots.
    """
    waits = chance_to_wait(load, slots)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = mean_wait(load, slots, service, variation) / waits
        wait = -np.log((1 - uniform) / waits) * mean
    overloaded = load >= np.maximum(np.floor(slots), 1)
    return np.asarray(np.where(overloaded, np.inf, np.where(1 - uniform < waits, wait, 0.0)))
