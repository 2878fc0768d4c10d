"""Typical answers to each question: what a skipped one might be, and what a given one might change to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Literal, get_args, get_origin

from groundtune.advice.answers import Answers, Behaviour
from groundtune.advice.rules import Bounds, Condition, Rules

__all__ = ["Option", "nearest_first", "options"]

_WHOLE = frozenset({"corpus_documents", "labelled_examples", "queries_per_month", "domains"})


@dataclass(frozen=True, slots=True)
class Option:
    """One answer, and how a person would say it; a number stands for a range in which all rules agree."""

    value: Any
    words: str


def options(rules: Rules) -> dict[str, list[Option]]:
    """By question: every choice, and a number in each range that some rule or requirement tells apart."""
    conditions = [*(rule.when for rule in rules.rule), *(requirement.when for requirement in rules.requirement)]
    found = {key: list(_options(key, _thresholds(key, conditions))) for key in Answers.model_fields}
    return {key: answers for key, answers in found.items() if answers}


def _thresholds(key: str, conditions: Sequence[Condition]) -> list[float]:
    bounds = (wanted for when in conditions if isinstance(wanted := when.get(key), Bounds))
    given = chain.from_iterable((wanted.at_least, wanted.below) for wanted in bounds)
    return sorted({bound for bound in given if bound is not None})


def _options(key: str, thresholds: Sequence[float]) -> Iterator[Option]:
    if thresholds:
        first, last = thresholds[0], thresholds[-1]
        yield Option(_number(key, first / 2), f"below {_said(first)}")
        for low, high in pairwise(thresholds):
            yield Option(_number(key, low), f"{_said(low)} to {_said(high)}")
        yield Option(_number(key, last), f"{_said(last)} or more")
    elif key == "behaviour":
        kinds = get_args(Behaviour)
        yield from [Option((), "nothing special")] * len(kinds)  # as often as one of them
        yield from (Option((kind,), kind) for kind in kinds)
    else:
        yield from _choices(Answers.model_fields[key].annotation)


def _choices(annotation: Any) -> Iterator[Option]:
    for kind in get_args(annotation):
        if kind is bool:
            yield from (Option(False, "no"), Option(True, "yes"))
        elif get_origin(kind) is Literal:
            yield from (Option(value, value) for value in get_args(kind))


def _number(key: str, value: float) -> float:
    return math.floor(value) if key in _WHOLE else value


def _said(value: float) -> str:
    return f"{value:,.15g}"


def nearest_first(found: Sequence[Option], known: Mapping[str, Any], key: str) -> list[Option]:
    """Options in the order of their distance from what was answered, where that is a number or on a scale."""
    given = known.get(key)
    if given is None or isinstance(given, tuple):
        return list(found)
    if isinstance(given, bool) or not isinstance(given, int | float):
        at = next((n for n, option in enumerate(found) if option.value == given), 0)
        return [option for _, option in sorted(enumerate(found), key=lambda pair: abs(pair[0] - at))]
    return sorted(found, key=lambda option: abs(option.value - given))
