"""Scorers: named, versioned functions that judge one answer against one query.

A score is a number in [0, 1], or None with the reason why the answer could not be scored. A query that is known to be
unanswerable is judged by every scorer alike: 1 for an abstention, 0 for an answer. An answer that failed (an error,
not an abstention) is not scored at all; the comparison counts it by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from groundtune.errors import ProjectError
from groundtune.experiment.normalise import normalise, tokens
from groundtune.records import Answer, Query, Task

__all__ = ["SCORERS", "Score", "Scorer", "is_right", "primary_scorer", "score_answer"]

_RIGHT_F1 = 0.5
_SENTENCE_WORDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a scorer made of an answer: ``value`` in [0, 1]; None with a ``note`` means "could not be scored"."""

    value: float | None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """How well an answer's text agrees with one accepted answer; the best over all accepted answers counts.

    Attributes:
        version: Changes whenever the same answer may get another score; stored with each score.
        agreement: (text, accepted answer) -> [0, 1].
        right_from: From which value on an answer counts as right.
    """

    name: str
    version: str
    agreement: Callable[[str, str], float]
    right_from: float = 1.0


def score_answer(scorer: Scorer, answer: Answer, query: Query) -> Score:
    """Score one answer; a scorer that fails gives a score without a value, never a lost run."""
    if answer.error is not None:
        return Score(value=None, note=f"no answer: {answer.error}")
    if query.answerable is False:
        return Score(value=float(answer.abstained))
    if not query.answers:
        return Score(value=None, note="the query has no accepted answer")
    if answer.abstained:
        return Score(value=0.0, note="abstained")
    try:
        return Score(value=max(scorer.agreement(answer.text, accepted) for accepted in query.answers))
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RuntimeError) as error:
        return Score(value=None, note=f"the scorer {scorer.name} failed: {type(error).__name__}: {error}")


def is_right(scorer: Scorer, score: Score, answer: Answer, query: Query) -> bool | None:
    """Whether the answer would be accepted; None where it could not be scored.

    An answer is right when its score reaches the scorer's ``right_from`` (token F1: 0.5; a label or JSON slots: all
    of it), or, for token F1, when it has at most 50 words and an accepted answer stands in it word for word (a
    sentence that contains the answer is right though its F1 is low; a page that contains it is not). An
    abstention is right only where the query is unanswerable. An answer that is not right is *wrong*; an abstention
    never is.
    """
    if score.value is None:
        return None
    if answer.abstained or query.answerable is False:
        return score.value == 1.0
    if score.value >= scorer.right_from:
        return True
    return scorer.name == "token_f1" and any(_contains(answer.text, accepted) for accepted in query.answers)


def primary_scorer(primary: str, task: Task) -> Scorer:
    """The scorer that decides: the named one, or for ``auto`` the usual one of the task.

    Raises:
        ProjectError: when there is no scorer of this name.
    """
    if primary == "auto":
        return SCORERS[_USUAL[task]]
    if primary not in SCORERS:
        raise ProjectError(
            f"There is no scorer {primary!r}; allowed in [experiment] primary: auto, {', '.join(SCORERS)}."
        )
    return SCORERS[primary]


def token_f1(text: str, accepted: str) -> float:
    """Harmonic mean of the precision and recall of words (SQuAD), after normalisation; 1 when both are empty."""
    given, wanted = tokens(text), tokens(accepted)
    if not given or not wanted:
        return float(given == wanted)
    common = (Counter(given) & Counter(wanted)).total()
    return 2 * common / (len(given) + len(wanted))


def exact_match(text: str, accepted: str) -> float:
    """1 when both are the same text after normalisation (SQuAD)."""
    return float(normalise(text) == normalise(accepted))


def label_match(text: str, accepted: str) -> float:
    """1 when both name the same label; only case and space around it are forgiven."""
    return float(text.strip().casefold() == accepted.strip().casefold())


def json_match(text: str, accepted: str) -> float:
    """F1 over the slots (path and normalised value) of two JSON texts; 0 when ``text`` is no JSON.

    Raises:
        ValueError: when the accepted answer itself is no JSON.
    """
    try:
        given = _slots(json.loads(text))
    except (ValueError, RecursionError):
        return 0.0
    wanted = _slots(json.loads(accepted))
    if not given and not wanted:
        return 1.0
    return 2 * (given & wanted).total() / (given.total() + wanted.total())


def _slots(value: object, path: tuple[str, ...] = ()) -> Counter[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        return sum((_slots(inner, (*path, str(key))) for key, inner in value.items()), Counter())
    if isinstance(value, list):
        # The order of a list carries no meaning here: its members share one path.
        return sum((_slots(inner, (*path, "[]")) for inner in value), Counter())
    shown = normalise(value) if isinstance(value, str) else json.dumps(value)
    return Counter({(path, shown): 1})


def _contains(text: str, accepted: str) -> bool:
    given, wanted = tokens(text), normalise(accepted)
    return bool(wanted) and len(given) <= _SENTENCE_WORDS and f" {wanted} " in f" {' '.join(given)} "


SCORERS: Mapping[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        Scorer(name="token_f1", version="1", agreement=token_f1, right_from=_RIGHT_F1),
        Scorer(name="exact_match", version="1", agreement=exact_match),
        Scorer(name="label_match", version="1", agreement=label_match),
        Scorer(name="json_match", version="1", agreement=json_match),
    )
}
"""All scorers by name."""

_USUAL: Mapping[Task, str] = {
    "answer": "token_f1",
    "classify": "label_match",
    "extract": "json_match",
    "write": "token_f1",
}
