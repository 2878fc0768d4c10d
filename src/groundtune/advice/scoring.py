"""A forecast held against the measurement that came after it: where it was right, where it was wrong, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from groundtune.advice.wording import SYSTEM_WORDS
from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.statistics import Difference
from groundtune.records import SYSTEM_IDS, SystemId

__all__ = ["Checked", "ForecastScore", "Measured", "compare"]

Switch = Literal["retrieval", "tuning"]

_WITH: Mapping[Switch, tuple[tuple[str, str], ...]] = {
    "retrieval": (("rag", "prompt"), ("tuned_rag", "tuned")),
    "tuning": (("tuned", "prompt"), ("tuned_rag", "rag")),
}
"""Pairs that differ in this switch alone, switched on first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured.

    Attributes:
        kind: Of the verdict: choose, equivalent, leaning, inconclusive or none_feasible.
        system: The verdict's, None where it has none.
        minimum_gain: Below this share two systems count as equal.
    """

    result: ExperimentResult
    kind: str
    system: str | None
    minimum_gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One statement of the forecast, held against the measurement.

    Attributes:
        what: What the statement is about.
        forecast: What was said, in words.
        measured: What was found, in words.
        right: None where the measurement shows neither.
        why: What the statement rested on, or what it missed.
    """

    what: str
    forecast: str
    measured: str
    right: bool | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """All statements of one forecast.

    Attributes:
        made_at: When it was made, UTC in ISO 8601.
        sentence: The score in a sentence.
    """

    made_at: str
    sentence: str
    checks: tuple[Checked, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {"made_at": self.made_at, "sentence": self.sentence, "checks": [asdict(c) for c in self.checks]}


def compare(forecast: Mapping[str, Any], measured: Measured, *, made_at: str) -> ForecastScore:
    """Score a forecast.

    Args:
        forecast: As `wire.forecast_json` gave it when it was made.
        measured: What was found since.
        made_at: When it was made, UTC in ISO 8601.
    """
    checks = (
        _recommendation(forecast, measured),
        *_effects(forecast, measured),
        *_baseline(forecast, measured.result),
        *_ranges(forecast, measured.result),
    )
    right, wrong = (sum(check.right is value for check in checks) for value in (True, False))
    sentence = f"Of {len(checks)} statements of the forecast {right} came true and {wrong} did not" + (
        f"; the measurement cannot tell about {open_still}." if (open_still := len(checks) - right - wrong) else "."
    )
    return ForecastScore(made_at=made_at, sentence=sentence, checks=checks)


def _recommendation(forecast: Mapping[str, Any], measured: Measured) -> Checked:
    said = forecast["recommendation"]
    known = said is not None and measured.system is not None
    right = said == measured.system if known else None
    share = _chance(forecast, said)
    if not known:
        why = "There is no recommendation on both sides to compare."
    elif right:
        why = "The reasons that it gave held." if measured.kind != "leaning" else "The verdict itself only leans to it."
    else:
        why = f"{_missed(said, measured)} The rules gave {measured.system} {_chance(forecast, measured.system):.0%}."
    return Checked(
        what="the system to build",
        forecast=f"{said or 'none'}, in {share:.0%} of the ways to fill in what was open",
        measured=f"{measured.system or 'none'} ({measured.kind.replace('_', ' ')})",
        right=right,
        why=why,
    )


def _chance(forecast: Mapping[str, Any], system: str | None) -> float:
    chance: float = forecast["chances"].get(system or "none", 0.0)
    return chance


def _missed(said: SystemId, measured: Measured) -> str:
    """How the recommended system fared against the verdict's."""
    scores = {name: system.score for name, system in measured.result.systems.items()}
    own, best = scores.get(said), scores.get(measured.system or "")
    if own is None or best is None:
        return f"{said} was not measured."
    if own >= best - measured.minimum_gain:
        simpler = measured.system in SYSTEM_IDS[: SYSTEM_IDS.index(said)]
        then = ", and more than is needed" if simpler else "; the verdict weighs more than scores"
        return f"{said} is as good ({100 * own:.1f} against {100 * best:.1f}){then}."
    return f"{SYSTEM_WORDS[said].capitalize()} scored {100 * own:.1f}, {100 * (best - own):.1f} points less."


def _effects(forecast: Mapping[str, Any], measured: Measured) -> Iterator[Checked]:
    effects = measured.result.effects
    if effects is None:
        return
    switches: tuple[tuple[Switch, Difference], ...] = (("retrieval", effects.retrieval), ("tuning", effects.tuning))
    for switch, effect in switches:
        gain = sum(forecast["scores"][on] - forecast["scores"][off] for on, off in _WITH[switch])
        helps = _helps(effect, measured.minimum_gain)
        yield Checked(
            what=f"whether {switch} helps",
            forecast="it helps" if gain > 0 else "it does not pay",
            measured=_points(effect),
            right=None if helps is None else helps == (gain > 0),
            why=_because(forecast, switch, expected=gain > 0),
        )


def _helps(effect: Difference, minimum_gain: float) -> bool | None:
    """True where the interval lies above nothing, False where it lies below the minimum gain, None between."""
    if effect.interval is None:
        return None
    if effect.interval.low > 0:
        return True
    return False if effect.interval.high < minimum_gain else None


def _because(forecast: Mapping[str, Any], switch: Switch, *, expected: bool) -> str:
    """The strongest thing that the forecast said in this direction."""
    sign = 1 if expected else -1
    said = [r for r in forecast["reasons"] if r["toward"] in (switch, "both") and r["weight"] * sign > 0]
    if not said:
        return "No answer spoke for it."
    strongest = max(said, key=lambda reason: abs(reason["weight"]))
    return f"It rested on: {strongest['because']}"


def _points(effect: Difference) -> str:
    if effect.mean is None:
        return "not measured"
    interval = effect.interval
    shown = "" if interval is None else f" ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
    return f"{100 * effect.mean:+.1f} points{shown}".replace("-", "−")


def _baseline(forecast: Mapping[str, Any], result: ExperimentResult) -> Iterator[Checked]:
    said, prompt = forecast["answers"].get("prompt_baseline"), result.systems.get("prompt")
    if said is None or prompt is None or prompt.score is None:
        return
    interval = prompt.interval
    shown = "" if interval is None else f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    yield Checked(
        what="what a good prompt solves",
        forecast=f"{100 * said:.1f} %, as answered",
        measured=f"score {100 * prompt.score:.1f}{shown}",
        right=None if interval is None else interval.low <= said <= interval.high,
        why="An answer of yours, held against the score of prompt with its interval.",
    )


def _ranges(forecast: Mapping[str, Any], result: ExperimentResult) -> Iterator[Checked]:
    """Latency and price of each system, against the range that was forecast."""
    for name, system in result.systems.items():
        times = forecast["latency"]["systems"].get(name, {}).get("total_p95_ms")
        if times and system.latency is not None and None not in times:
            yield _in_range(f"p95 of {name}", times, system.latency.p95, unit="ms", missed=_SLOW)
        prices = forecast["cost"]["systems"].get(name, {}).get("per_query_usd")
        if prices and system.cost_per_query_usd is not None and None not in prices:
            yield _in_range(f"price of a query of {name}", prices, system.cost_per_query_usd, unit="$", missed=_DEAR)


_SLOW = "the assumed times (network, first token, tokens a second) are not those of this model"
_DEAR = "the assumed tokens or prices are not those of this project"


def _in_range(what: str, bounds: list[float], found: float, *, unit: str, missed: str) -> Checked:
    low, likely, high = bounds
    inside = low <= found <= high
    return Checked(
        what=what,
        forecast=f"{_amount(likely, unit)} ({_amount(low, unit)} to {_amount(high, unit)})",
        measured=_amount(found, unit),
        right=inside,
        why="Inside the range." if inside else f"{'Below' if found < low else 'Above'} the range: {missed}.",
    )


def _amount(value: float, unit: str) -> str:
    return f"${value:.3g}" if unit == "$" else f"{value:,.0f} {unit}"
