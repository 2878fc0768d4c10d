"""How the error falls with the number of examples: err(n) = a + b n^-c, with what may be said beyond the measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["REACH", "Forecast", "Needed", "PowerLaw", "PowerLawFit", "fit_power_law"]

REACH = 4
"""Nothing is said about more than this many times the examples that were measured (METHODS section 5.2)."""

DRAWS = 500
_TAIL = 0.05
_DECAYS = np.geomspace(0.05, 2.0, 400)
_LEAST_ERROR = 0.005
"""No score is taken to be more certain than half a point: a standard error of 0 is that of a small dev set."""
_PARAMETERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """err(n) = floor + scale * n^-decay.

    Attributes:
        floor: The error that no number of examples removes, >= 0.
        scale: >= 0; 0 is a curve that does not fall.
        decay: In [0.05, 2].
    """

    floor: float
    scale: float
    decay: float

    def error(self, examples: float) -> float:
        """The error after training on so many examples."""
        return self.floor + self.scale * math.pow(examples, -self.decay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The score expected after training on so many examples, with its 90 % interval."""

    examples: int
    score: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """How many more examples a target score takes.

    Attributes:
        target: The score asked for.
        answer: ``reached`` already; ``more`` examples, from ``low`` to ``high``; ``beyond`` what this curve can tell;
            ``unreachable`` with any number of them.
        low: Lower end of the 90 % range of *further* examples; None unless the answer is ``more``.
        high: Its upper end; None where that lies beyond four times the examples at hand.
        unreachable: Probability that no number of examples reaches the target.
    """

    target: float
    answer: Literal["reached", "more", "beyond", "unreachable"]
    low: int | None
    high: int | None
    unreachable: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLawFit:
    """A fitted curve with its uncertainty.

    Attributes:
        law: The curve that fits best.
        draws: Curves fitted to data simulated from it (parametric bootstrap): floor, scale and decay, shape (500, 3).
        largest: Most examples that were measured.
    """

    law: PowerLaw
    draws: Floats
    largest: int

    def forecast(self, examples: int) -> Forecast:
        """The score after training on so many examples.

        Raises:
            ValueError: beyond four times the largest measured number, or below 1.
        """
        if not 1 <= examples <= REACH * self.largest:
            raise ValueError(
                f"a curve measured up to {self.largest} examples says nothing about {examples}; "
                f"allowed: 1 to {REACH * self.largest}"
            )
        floors, scales, decays = self.draws.T
        scores = 1.0 - (floors + scales * float(examples) ** -decays)
        low, high = np.quantile(scores, (_TAIL, 1.0 - _TAIL))
        return Forecast(
            examples=examples, score=1.0 - self.law.error(examples), low=float(low), high=float(min(high, 1.0))
        )

    def needed(self, target: float) -> Needed:
        """How many more examples a target score takes, as a range."""
        floors, scales, decays = self.draws.T
        allowed = 1.0 - target
        unreachable = float((floors >= allowed).mean())
        if unreachable > 0.5:
            return Needed(target=target, answer="unreachable", low=None, high=None, unreachable=unreachable)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            totals = np.where(floors < allowed, (scales / (allowed - floors)) ** (1.0 / decays), np.inf)
        low, high = np.quantile(totals, (_TAIL, 1.0 - _TAIL), method="nearest")
        if high <= self.largest:
            return Needed(target=target, answer="reached", low=None, high=None, unreachable=unreachable)
        if low > REACH * self.largest:
            return Needed(target=target, answer="beyond", low=None, high=None, unreachable=unreachable)
        return Needed(
            target=target,
            answer="more",
            low=max(0, int(np.ceil(low)) - self.largest),
            high=int(np.ceil(high)) - self.largest if high <= REACH * self.largest else None,
            unreachable=unreachable,
        )


def fit_power_law(
    sizes: Sequence[int], scores: Sequence[float], standard_errors: Sequence[float], *, seed: int, draws: int = DRAWS
) -> PowerLawFit:
    """Fit by least squares, weighted by the standard errors, and simulate 500 times (Mahmood et al. 2022; METHODS 5.2).

    Args:
        sizes: Examples that were trained on, one for each measurement, at least three different ones.
        scores: On the same dev set, in [0, 1].
        standard_errors: Of each score.
        seed: Of the simulation.
        draws: How often to simulate.

    Raises:
        ValueError: with fewer than three different sizes, which leave the curve undetermined.
    """
    if len(set(sizes)) < _PARAMETERS:
        raise ValueError(f"a curve needs {_PARAMETERS} different sizes; given {sorted(set(sizes))}")
    n = np.array(sizes, dtype=np.float64)
    errors = 1.0 - np.array(scores, dtype=np.float64)
    spread = np.maximum(np.array(standard_errors, dtype=np.float64), _LEAST_ERROR)
    fitted = _least_squares(n, errors[None, :], spread)[0]
    expected = fitted[0] + fitted[1] * n ** -fitted[2]
    # Training itself scatters: where the scores lie further from the curve than the dev set explains, that counts too.
    freedom = max(1, n.size - _PARAMETERS)
    scatter = np.sqrt(max(1.0, float((((errors - expected) / spread) ** 2).sum()) / freedom))
    noise = np.random.default_rng(seed).normal(0.0, 1.0, size=(draws, n.size)) * spread * scatter
    law = PowerLaw(floor=float(fitted[0]), scale=float(fitted[1]), decay=float(fitted[2]))
    return PowerLawFit(law=law, draws=_least_squares(n, expected + noise, spread), largest=int(n.max()))


def _least_squares(n: Floats, errors: Floats, spread: Floats) -> Floats:
    """Floor, scale and decay of the best curve for each row of ``errors``, shape (rows, 3).

    For a given decay the curve is linear in floor and scale, so the best decay is looked up on a grid (variable
    projection, Golub and Pereyra 1973) and all rows are solved at once.

    Args:
        n: Sizes, shape (k,).
        errors: Shape (rows, k).
        spread: Standard errors, shape (k,).
    """
    weight = spread**-2
    unit = float(np.exp(np.log(n).mean()))  # keeps the powers near 1
    x = (n / unit) ** -_DECAYS[:, None]
    w, wx, wxx = weight.sum(), x @ weight, (x * x) @ weight
    wy, wxy = errors @ weight, (errors * weight) @ x.T
    scale = np.maximum((w * wxy - np.outer(wy, wx)) / (w * wxx - wx**2), 0.0)
    floor = (wy[:, None] - scale * wx) / w
    scale = np.where(floor < 0, np.maximum(wxy / wxx, 0.0), scale)
    floor = np.maximum(floor, 0.0)
    misfit = floor**2 * w + 2 * floor * scale * wx + scale**2 * wxx - 2 * (floor * wy[:, None] + scale * wxy)
    best = misfit.argmin(axis=1)
    rows = np.arange(errors.shape[0])
    decay = _DECAYS[best]
    return np.column_stack((floor[rows, best], scale[rows, best] * unit**decay, decay))
