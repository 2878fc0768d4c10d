"""The verdict in plain sentences with the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from groundtune.experiment.effects import CONTRASTS, Effect, Effects
from groundtune.experiment.results import ExperimentResult
from groundtune.verdict.constraints import ENOUGH
from groundtune.verdict.posterior import Posterior
from groundtune.verdict.records import Check, Kind, Verdict

__all__ = ["PLAIN_NAMES", "explain", "flips", "none_qualifies", "nothing_scored", "useless"]

PLAIN_NAMES = {
    "prompt": "a plain prompt",
    "rag": "retrieval",
    "tuned": "fine-tuning",
    "tuned_rag": "fine-tuning with retrieval",
}
"""What a person calls the four systems."""


def explain(
    result: ExperimentResult,
    posterior: Posterior,
    kind: Kind,
    system: str | None,
    *,
    runner_up: str | None,
    checks: Sequence[Check],
    needed: int | None,
) -> tuple[str, tuple[str, ...]]:
    """The verdict in one sentence, and the reasons for it, the most important first."""
    sentence = _sentence(posterior, kind, system, runner_up, needed)
    because = [
        _scores(result),
        *_standing(posterior, system),
        *_effects(result.effects),
        *_usefulness(result, posterior, system or posterior.leader),
        *_out(checks),
        *result.plan.warnings,
        *result.notes,
    ]
    return sentence, tuple(because)


def none_qualifies(result: ExperimentResult, checks: tuple[Check, ...]) -> Verdict:
    """No system meets the constraints."""
    broken = list(dict.fromkeys(check.constraint for check in checks if check.met is False))
    return Verdict(
        kind="none_feasible",
        system=None,
        sentence=f"No system qualifies; what stands in the way: {', '.join(broken)}.",
        because=(*_out(checks), _scores(result), *_effects(result.effects), *result.plan.warnings, *result.notes),
        flips_if=tuple(_relaxations(result, checks, None)),
        checks=checks,
    )


def nothing_scored(result: ExperimentResult, checks: tuple[Check, ...]) -> Verdict:
    """No query could be scored for every system."""
    return Verdict(
        kind="inconclusive",
        system=None,
        sentence="Undecided: no query could be scored for every system.",
        because=tuple(result.notes),
        checks=checks,
    )


def useless(result: ExperimentResult, posterior: Posterior, checks: tuple[Check, ...]) -> Verdict:
    """No system beats the best reply that never looks at the question."""
    baseline = result.baseline
    if baseline.score < posterior.zone:
        sentence = "No system qualifies: all of them score near zero on these queries."
    else:
        sentence = f"No system qualifies: none is better than {baseline}, which scores {_percent(baseline.score)}."
    return Verdict(
        kind="none_feasible",
        system=None,
        sentence=sentence,
        because=(_scores(result), *_effects(result.effects), *_out(checks), *result.plan.warnings, *result.notes),
        flips_if=("a stronger model, better documents or other labels raised the scores",),
        checks=checks,
        standings=posterior.standings(),
    )


def flips(
    result: ExperimentResult, posterior: Posterior, system: str | None, checks: Sequence[Check]
) -> tuple[str, ...]:
    """What would change the verdict."""
    found = list(_relaxations(result, checks, system))
    if system is not None:
        found += [*_other_gain(posterior, system), *_wrong_cost(result, posterior, system)]
    return tuple(found)


def _sentence(posterior: Posterior, kind: Kind, system: str | None, runner_up: str | None, needed: int | None) -> str:
    name = _name(system) if system else ""
    more = f"; about {needed} test queries would probably settle it" if needed else ""
    if kind == "choose":
        only = len(posterior.systems) == 1
        return f"Choose {name}: {'the only system that qualifies' if only else 'the best of those that qualify'}."
    if kind == "equivalent" and system == "prompt":
        return (
            "A plain prompt (prompt) is as good: nothing else that qualifies is better by more than the minimum gain."
        )
    if kind == "equivalent":
        return f"Choose {name}: as good as anything else that qualifies, and the simplest of those."
    if kind == "leaning":
        return f"Leaning to {name}, but not settled{more}."
    return f"Undecided between {_name(posterior.leader)} and {_name(runner_up or posterior.leader)}{more}."


def _scores(result: ExperimentResult) -> str:
    parts = []
    for system in result.systems.values():
        if system.score is None:
            parts.append(f"{system.id} has no score")
            continue
        bounds = f" ({_percent(system.interval.low)} to {_percent(system.interval.high)})" if system.interval else ""
        parts.append(f"{system.id} {_percent(system.score)}{bounds}")
    return f"Scores on {len(result.counted)} test queries, with 95 % intervals: {', '.join(parts)}."


def _standing(posterior: Posterior, system: str | None) -> Iterator[str]:
    if len(posterior.systems) == 1:
        return
    leader = system or posterior.leader
    standing = posterior.standings()[leader]
    yield (
        f"That nothing which qualifies is better than {leader} by more than {_points(posterior.zone)} points has a "
        f"probability of {standing.close:.2f}; choosing it is expected to lose {_points(standing.regret)} points "
        "against the best."
    )
    ahead = posterior.standings()[posterior.leader].value - standing.value
    if leader != posterior.leader and _points(ahead) == _points(0.0):
        yield f"{posterior.leader} is no better than {leader}, which is the simpler one."
    elif leader != posterior.leader:
        yield (
            f"{posterior.leader} is {_points(ahead)} points ahead of {leader}, which does not pay for its complexity: "
            f"a gain of {_points(posterior.zone)} points is asked for."
        )


def _effects(effects: Effects | None) -> Iterator[str]:
    if effects is None:
        return
    clear = [name for name in CONTRASTS if _is_clear(getattr(effects, name))]
    yield from _main_effect("Retrieval", effects.retrieval)
    yield from _main_effect("Tuning", effects.tuning)
    if "interaction" in clear:
        more = "more" if (effects.interaction.mean or 0) > 0 else "less"
        points = _points(abs(effects.interaction.mean or 0))
        yield f"Retrieval brings {points} points {more} with tuned weights than with base weights."
    if not clear:
        yield "Neither retrieval nor tuning shows an effect on these queries."


def _main_effect(name: str, effect: Effect) -> Iterator[str]:
    if effect.mean is None or effect.interval is None:
        return
    bounds = f"95 % interval {_points(effect.interval.low)} to {_points(effect.interval.high)}"
    verb = "adds" if effect.mean >= 0 else "takes"
    unclear = "" if _is_clear(effect) else ": no clear effect"
    yield f"{name} {verb} {_points(abs(effect.mean))} points ({bounds}){unclear}."


def _is_clear(effect: Effect) -> bool:
    return effect.interval is not None and (effect.interval.low > 0 or effect.interval.high < 0)


def _usefulness(result: ExperimentResult, posterior: Posterior, system: str) -> Iterator[str]:
    if posterior.useful(system) < ENOUGH:
        yield (
            f"It is not shown that {system} is worth having: {result.baseline}, without looking at the question, "
            f"scores {_percent(result.baseline.score)}."
        )


def _out(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        if check.met is False:
            yield f"{check.system} does not qualify ({check.constraint}): {check.because}"
    yield from dict.fromkeys(check.because for check in checks if check.met is None)


def _relaxations(result: ExperimentResult, checks: Sequence[Check], system: str | None) -> Iterator[str]:
    """For each system that is out: what would bring it in, where it would then lead."""
    chosen = result.systems[system].score if system else None
    for name in dict.fromkeys(check.system for check in checks if check.met is False):
        score = result.systems[name].score
        changes = [check.relax for check in checks if check.system == name and check.met is False and check.relax]
        if changes and score is not None and (chosen is None or score > chosen):
            yield f"{' and '.join(changes)}: then {name}, which scores {_percent(score)}, would qualify"


def _other_gain(posterior: Posterior, system: str) -> Iterator[str]:
    leader = posterior.leader
    if system != leader:
        gain = float(np.quantile(posterior.behind(system), ENOUGH))
        yield f"gains below {_points(gain)} points mattered (minimum_gain): then {leader} would be preferred"
        return
    simpler = [
        (float(np.quantile(posterior.behind(name), ENOUGH)), name)
        for name in posterior.systems[: posterior.systems.index(system)]
    ]
    for gain, name in sorted(simpler)[:1]:
        yield f"gains up to {_points(gain)} points did not matter (minimum_gain): then {name} would do"


def _wrong_cost(result: ExperimentResult, posterior: Posterior, system: str) -> Iterator[str]:
    chosen = result.systems[system]
    for name in posterior.systems:
        other = result.systems[name]
        if None in (chosen.score, other.score, chosen.wrong_rate, other.wrong_rate):
            continue
        lead = (chosen.score or 0) - (other.score or 0)
        fewer = (chosen.wrong_rate or 0) - (other.wrong_rate or 0)
        if lead >= 0 and fewer > 0:
            ratio = lead / fewer
            yield f"a wrong answer cost {ratio:.2f} times what a right one gains, or more: then {name} would lead"


def _name(system: str) -> str:
    plain = PLAIN_NAMES.get(system)
    return f"{plain} ({system})" if plain else system


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:.1f}"
