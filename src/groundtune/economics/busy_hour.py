"""What a measured latency becomes when queries queue: an estimate for the busiest hour, where no load run was made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groundtune.economics.queueing import drawn_waits
from groundtune.experiment.statistics.resampling import quantile

__all__ = ["busy_p95"]

_DRAWS = 20_000
_SEED = 20_261_121


def busy_p95(milliseconds: Sequence[float], *, per_second: float, slots: int) -> float | None:
    """The 95th percentile of answers that wait for their turn; infinite where more queries come than can be answered.

    Each draw is a measured time and, independent of it, a wait in the queue M/G/c that such times make.

    Args:
        milliseconds: Measured times of answers, with ``slots`` under way at a time; None comes back without any.
        per_second: Queries that arrive, at least 0.
        slots: Answered at the same time, at least 1.
    """
    times = np.asarray(milliseconds, dtype=np.float64)
    if not times.size:
        return None
    generator = np.random.default_rng(_SEED)
    mean = np.asarray(times.mean())
    waits = drawn_waits(
        generator.random(_DRAWS),
        per_second * mean / 1000,
        np.asarray(float(slots)),
        mean,
        np.asarray(times.std() / mean),
    )
    return quantile(generator.choice(times, _DRAWS) + waits, 0.95)
