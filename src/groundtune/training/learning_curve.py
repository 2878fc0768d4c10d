"""The learning curve: train on nested shares of the examples, and say how many more a target would take."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from groundtune.errors import GateClosed, ModelError
from groundtune.training.power_law import REACH, Forecast, Needed, PowerLaw, PowerLawFit, fit_power_law

__all__ = ["SHARES", "LearningCurve", "Measurement", "draw_curve", "learning_curve", "nested_shares"]

SHARES = (0.125, 0.25, 0.5, 1.0)

T = TypeVar("T")
TrainAndScore = Callable[[Sequence[T], int], tuple[float, float]]
"""(examples, seed) -> score on dev in [0, 1], and its standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One training on a share of the examples.

    Attributes:
        examples: How many it was trained on.
        seed: Of the choice of the examples and of the training.
        score: On dev, in [0, 1]; None where the training failed.
        standard_error: Of the score; None with it.
        note: Why there is no score.
    """

    examples: int
    seed: int
    score: float | None
    standard_error: float | None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """What was measured, the curve through it, and what it says.

    Attributes:
        measurements: Every training, failed ones too.
        law: The curve; None where too little was measured for one.
        forecasts: For the examples at hand, twice and four times as many.
        needed: More examples for the target; None without a target or a curve.
        says: The answer in a sentence or two.
    """

    measurements: tuple[Measurement, ...]
    law: PowerLaw | None
    forecasts: tuple[Forecast, ...]
    needed: Needed | None
    says: str

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


def learning_curve(
    examples: Sequence[T],
    train_and_score: TrainAndScore[T],
    *,
    strata: Sequence[Hashable] | None = None,
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = (1, 2),
    target: float | None = None,
    done: Iterable[Measurement] = (),
    report: Callable[[Measurement], None] | None = None,
) -> LearningCurve:
    """Measure the curve, smallest shares first.

    Args:
        examples: All training examples.
        train_and_score: Trains on a share and scores on dev, which is the same for all. Where it raises `ModelError`
            or `GateClosed` (too few examples to train on) the share has no score, and the curve goes on without it.
        strata: The label of each example, so that every share has the labels in their proportion; None: no matter.
        shares: Of the examples, in (0, 1].
        seeds: At least two: training scatters, and one run does not show how much.
        target: Score in [0, 1] to forecast for.
        done: Measurements of an earlier, interrupted curve of the same examples; they are not made again.
        report: Called with each new measurement, for example to keep it.

    Raises:
        ValueError: for fewer than two seeds, or a share outside (0, 1].
    """
    if len(set(seeds)) < 2:
        raise ValueError(f"a learning curve needs two different seeds or more; given {list(seeds)}")
    sizes = _sizes(len(examples), shares)
    chosen = {seed: nested_shares(examples, sizes, strata=strata, seed=seed) for seed in seeds}
    made = {(measurement.examples, measurement.seed): measurement for measurement in done}
    measurements = []
    for place, size in enumerate(sizes):
        for seed in seeds:
            known = made.get((size, seed))
            measurement = known or _measure(chosen[seed][place], seed, train_and_score)
            if report and not known:
                report(measurement)
            measurements.append(measurement)
    return draw_curve(measurements, target=target)


def nested_shares(
    examples: Sequence[T], sizes: Sequence[int], *, strata: Sequence[Hashable] | None = None, seed: int
) -> list[list[T]]:
    """Choose examples at random so that each smaller choice is part of every larger one.

    Args:
        examples: To choose from.
        sizes: How many, ascending.
        strata: The label of each example. A choice of k has each label as soon as k allows, and of none more than its
            proportion, rounded up.
        seed: Of the choice.

    Returns:
        One list for each size.
    """
    generator = random.Random(f"nested shares {seed}")
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index in generator.sample(range(len(examples)), len(examples)):
        groups[strata[index] if strata is not None else None].append(index)
    # The r-th of m examples of a label comes at r/m of the way, so that every beginning of the order is in proportion.
    ranked = [
        (rank / len(group), generator.random(), index) for group in groups.values() for rank, index in enumerate(group)
    ]
    order = [index for _, _, index in sorted(ranked)]
    return [[examples[index] for index in order[:size]] for size in sizes]


def draw_curve(measurements: Sequence[Measurement], *, target: float | None = None, seed: int = 0) -> LearningCurve:
    """Fit the curve to measurements and say what follows.

    Args:
        measurements: Of at least three different numbers of examples; with fewer there is no curve, only a sentence.
        target: Score in [0, 1] to forecast for.
        seed: Of the simulation behind the intervals.
    """
    scored = [
        (m.examples, m.score, m.standard_error)
        for m in measurements
        if m.score is not None and m.standard_error is not None
    ]
    if len({size for size, _, _ in scored}) < 3:
        return LearningCurve(
            measurements=tuple(measurements),
            law=None,
            forecasts=(),
            needed=None,
            says="No curve: fewer than three sizes could be trained and scored. Add examples, then measure again.",
        )
    sizes, scores, spread = zip(*scored, strict=True)
    fit = fit_power_law(sizes, scores, spread, seed=seed)
    needed = None if target is None else fit.needed(target)
    return LearningCurve(
        measurements=tuple(measurements),
        law=fit.law,
        forecasts=tuple(fit.forecast(times * fit.largest) for times in (1, 2, REACH)),
        needed=needed,
        says=_double(fit) if needed is None else _answer(needed, fit.largest),
    )


def _sizes(count: int, shares: Sequence[float]) -> list[int]:
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong:
        raise ValueError(f"shares must be in (0, 1]; given {wrong}")
    return sorted({max(1, round(share * count)) for share in shares})


def _measure(examples: Sequence[T], seed: int, train_and_score: TrainAndScore[T]) -> Measurement:
    try:
        score, standard_error = train_and_score(examples, seed)
    except (ModelError, GateClosed) as failure:
        return Measurement(examples=len(examples), seed=seed, score=None, standard_error=None, note=str(failure))
    return Measurement(examples=len(examples), seed=seed, score=score, standard_error=standard_error)


def _double(fit: PowerLawFit) -> str:
    twice = fit.forecast(2 * fit.largest)
    return f"With twice the examples ({twice.examples}) expect a score of {twice.low:.3f} to {twice.high:.3f}."


def _answer(needed: Needed, at_hand: int) -> str:
    if needed.answer == "reached":
        return f"The {at_hand} examples at hand reach the target of {needed.target:g}."
    if needed.answer == "unreachable":
        return (
            f"A target of {needed.target:g} is not likely to be reached with more examples of this kind "
            f"(not reachable: {needed.unreachable:.0%}). Look at wrong labels, at the base model or at retrieval."
        )
    if needed.answer == "beyond":
        return (
            f"A target of {needed.target:g} takes more than {REACH * at_hand} examples in all: further than a curve "
            f"up to {at_hand} can tell. Collect more, then measure again."
        )
    if needed.high is None:
        amount = f"at least {needed.low} more examples; how many at most lies beyond what this curve can tell"
    else:
        amount = f"{needed.low} to {needed.high} more examples"
    return f"A target of {needed.target:g} takes {amount}. Collect them in several rounds and measure after each."
