"""How sure a forecast is: what the skipped answers and the roughness of the weights leave open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from groundtune.advice.answers import contradictions
from groundtune.advice.options import Option, nearest_first, options
from groundtune.advice.rules import Rules
from groundtune.advice.weighing import best, scores_of, weigh
from groundtune.records import SYSTEM_IDS, SystemId

__all__ = ["DRAWS", "ROUGHNESS", "Change", "chances", "changes"]

DRAWS = 1000
"""Ways of filling in what is not known; a share is then known to about 3 points (two standard errors)."""

ROUGHNESS = 0.5
"""How far a weight may be off: each is drawn between half and one and a half times what the rulebook says."""

_SEED = 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An answer that would change the recommendation, all else being equal.

    Attributes:
        question: Its key.
        answer: The answer that it would take.
        system: What would be recommended then; None: nothing would qualify.
        skipped: Whether the question has not been answered yet.
    """

    question: str
    answer: Option
    system: SystemId | None
    skipped: bool


def chances(known: Mapping[str, Any], rules: Rules) -> dict[str, float]:
    """The share of ways in which each system comes out, when skipped answers and weights are drawn at random.

    Each skipped question is as likely not to matter as to get one of its typical answers, all equally likely; every
    weight is off by up to half. "none" is the share in which nothing qualifies. This is how firmly the rules speak,
    not how often they are right: that is what a measurement is for.
    """
    random = Random(_SEED)
    skipped = {key: answers for key, answers in options(rules).items() if key not in known}
    found: Counter[str] = Counter()
    for _ in range(DRAWS):
        weighed = weigh(_filled(known, skipped, random), rules)
        scores = scores_of([(r, r.weight * random.uniform(1 - ROUGHNESS, 1 + ROUGHNESS)) for r in weighed.rules])
        found[best(scores, weighed.forbidden) or "none"] += 1
    return {system: found[system] / DRAWS for system in (*SYSTEM_IDS, "none")}


def changes(known: Mapping[str, Any], rules: Rules) -> Iterator[Change]:
    """Single answers that would change the recommendation: for each question and outcome the one nearest at hand."""
    now = weigh(known, rules).system
    for key, answers in options(rules).items():
        outcomes: set[SystemId | None] = {now}
        for answer in nearest_first(answers, known, key):
            other = {**known, key: answer.value}
            if any(contradictions(other)):
                continue
            then = weigh(other, rules).system
            if then not in outcomes:
                outcomes.add(then)
                yield Change(question=key, answer=answer, system=then, skipped=key not in known)


def _filled(known: Mapping[str, Any], skipped: Mapping[str, list[Option]], random: Random) -> dict[str, Any]:
    """What is known with some of the skipped questions answered, none of them against another answer."""
    drawn = {key: random.choice(answers).value for key, answers in skipped.items() if random.random() < 0.5}
    filled = {**known, **drawn}
    for pair, _ in contradictions(filled):
        filled.pop(pair[1] if pair[1] in drawn else pair[0], None)
    return filled
