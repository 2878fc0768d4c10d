"""The cause of one failed answer, by the cheapest evidence first and interventions where they were made.

Each intervention exchanges one part of the system: the *gold* arm is given the labelled evidence as its passages, the
*no context* arm nothing. Models answer the same prompt alike, so one repeat of each arm is enough; with sampled
decoding a single flip may be luck, and the diagnosis says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from groundtune.diagnosis.records import Cause, Failure
from groundtune.experiment.normalise import normalise
from groundtune.experiment.results import QueryRow
from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.records import Answer, Evidence, Hit, Passage, Query

__all__ = ["Arms", "Outcome", "cause_of", "evidence_rank", "has_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An arm's answer to one query, judged."""

    answer: Answer
    right: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """What the counterfactual arms made of one query; None where an arm was not run."""

    gold: Outcome | None
    no_context: Outcome | None


def has_failed(row: QueryRow, system: str) -> bool:
    """Whether the answer could be judged and is not right: a wrong answer, or an abstention without need."""
    return row.right[system] is False


def cause_of(row: QueryRow, system: str, arms: Arms | None, scorer: Scorer, *, retrieves: bool) -> Failure:
    """Say why a system failed on a query.

    Args:
        row: The query with what every system made of it.
        system: One that failed on it.
        arms: Of the same weights; None for a system of the user's own, whose parts cannot be exchanged.
        scorer: What decided.
        retrieves: Whether the system has retrieval.
    """
    answer = row.answers[system]
    if found := _deterministic(answer, row.query, scorer):
        cause, proven, evidence = found
    elif arms is None:
        cause, proven, evidence = _not_exchangeable(answer, row.query)
    elif retrieves:
        cause, proven, evidence = _with_retrieval(answer, row.query, arms)
    else:
        cause, proven, evidence = _without_retrieval(arms)
    return Failure(id=row.query.id, system=system, cause=cause, proven=proven, evidence=evidence)


def evidence_rank(hits: Collection[Hit], query: Query) -> int | None:
    """Rank (from 1) of the first passage that holds labelled evidence, None when none does.

    A passage holds evidence when it is of the same document and, where the label has offsets, overlaps them; or when
    the labelled quote stands in it, which tells for passages of other people's retrievers without a place.
    """
    ranks = (hit.rank for hit in hits if any(_holds(hit.passage, evidence) for evidence in query.evidence))
    return min(ranks, default=None)


def _holds(passage: Passage, evidence: Evidence) -> bool:
    if evidence.quote and " ".join(evidence.quote.split()) in " ".join(passage.text.split()):
        return True
    if passage.document != evidence.doc:
        return False
    if evidence.start is None or evidence.end is None:
        return True
    return evidence.start < passage.end and passage.start < evidence.end


Found = tuple[Cause, bool, dict[str, Any]]


def _deterministic(answer: Answer, query: Query, scorer: Scorer) -> Found | None:
    """Causes that need no further answer from a model."""
    if query.answerable is False:
        # The label says that an abstention would have been right: exchanging the answer for one flips the outcome.
        return "wrong_abstention", True, {"should_have": "abstained"}
    if answer.abstained:
        return None
    repaired = _repair(answer.text, query, scorer)
    if repaired is None:
        return None
    mended = Answer(query=answer.query, system=answer.system, text=repaired)
    flips = is_right(scorer, score_answer(scorer, mended, query), mended, query) is True
    return ("format", True, {"repaired": repaired}) if flips else None


def _repair(text: str, query: Query, scorer: Scorer) -> str | None:
    """The same text in the form that was asked for, None where it is in that form or cannot be brought into it."""
    if scorer.name == "label_match":
        # A reply of several words that holds the label ("The label is: refund.") chose rightly and said it wrongly.
        return next((label for label in query.answers if f" {normalise(label)} " in f" {normalise(text)} "), None)
    if scorer.name != "json_match":
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        inner = re.search(r"\{.*\}", text, flags=re.DOTALL)
        return inner[0] if inner else None
    return None


def _not_exchangeable(answer: Answer, query: Query) -> Found:
    """A likely cause from what the user's own system showed: nothing was exchanged in it, so nothing is proven."""
    if not answer.hits or not query.evidence:
        return "not_proven", False, {"passages": len(answer.hits), "labelled_evidence": len(query.evidence)}
    rank = evidence_rank(answer.hits, query)
    return ("retrieval_miss" if rank is None else "reading"), False, {"evidence_rank": rank}


def _without_retrieval(arms: Arms) -> Found:
    if arms.gold is None:
        return "not_proven", False, {"gold": "not run: no labelled evidence"}
    if arms.gold.right:
        return "missing_knowledge", True, {"gold": "right"}
    return "reading", False, {"gold": _shown(arms.gold)}


def _with_retrieval(answer: Answer, query: Query, arms: Arms) -> Found:
    rank = evidence_rank(answer.hits, query)
    seen: dict[str, Any] = {"evidence_rank": rank}
    if arms.no_context is not None and arms.no_context.right and not answer.abstained:
        # Right without any passage, wrong with them: the passages did the harm.
        return "reading", True, {**seen, "no_context": "right", "harmful_context": True}
    if arms.gold is None:
        return "not_proven", False, {"gold": "not run: no labelled evidence"}
    seen["gold"] = _shown(arms.gold)
    if rank is None:
        return ("retrieval_miss", True, seen) if arms.gold.right else ("not_proven", False, seen)
    if answer.abstained:
        # The evidence was there. That the gold arm answers shows that the other passages drowned it, not more.
        return "wrong_abstention", bool(arms.gold.right), seen
    return "reading", bool(arms.gold.right), seen


def _shown(outcome: Outcome) -> str:
    if outcome.answer.abstained:
        return "abstained"
    return {True: "right", False: "wrong", None: "could not be scored"}[outcome.right]
