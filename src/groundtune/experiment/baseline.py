"""What costs nothing: the best reply that never looks at the question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from groundtune.experiment.scorers import Scorer, score_answer
from groundtune.records import Answer, Query

__all__ = ["Baseline", "constant_baseline"]

_TRIED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A constant reply and what it scores.

    Attributes:
        reply: The text, None for an abstention.
        scores: One in [0, 1] for each query.
    """

    reply: str | None
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        """Mean score, 0 without queries."""
        return sum(self.scores) / len(self.scores) if self.scores else 0.0

    def __str__(self) -> str:
        return "always abstaining" if self.reply is None else f"always answering {self.reply!r:.60}"


def constant_baseline(queries: Sequence[Query], scorer: Scorer) -> Baseline:
    """The best of always abstaining and always giving one of the commonest accepted answers.

    It is chosen on the queries that it is scored on, so it is a little better than it should be: a system that does
    not beat it has no claim to be useful.
    """
    common = Counter(answer for query in queries for answer in set(query.answers)).most_common(_TRIED)
    replies = [None, *(answer for answer, count in common if count > 1)]
    return max((_constant(reply, queries, scorer) for reply in replies), key=lambda baseline: baseline.score)


def _constant(reply: str | None, queries: Sequence[Query], scorer: Scorer) -> Baseline:
    scores = []
    for query in queries:
        reason = "always" if reply is None else None
        answer = Answer(query=query.id, system="constant", text=reply or "", reason=reason)
        scores.append(score_answer(scorer, answer, query).value or 0.0)
    return Baseline(reply=reply, scores=tuple(scores))
