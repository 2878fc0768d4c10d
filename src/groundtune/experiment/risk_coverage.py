"""What abstaining buys: the share of answers that are wrong, for each share of queries that is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.records import Answer, Query

__all__ = ["CoveragePoint", "RiskCoverage", "curve_table", "risk_coverage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """One threshold.

    Attributes:
        threshold: Least confidence that is answered with.
        coverage: Share of queries answered, in (0, 1].
        risk: Share of the answers that are wrong.
    """

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """The curve of one system on labelled queries (El-Yaniv and Wiener 2010).

    Attributes:
        queries: How many it rests on, those without an answer included.
        points: From the highest threshold to the lowest.
        aurc: Area under the curve: the mean risk over the answers, each at the coverage that lets it in; lower is
            better. None where nothing was answered.
    """

    queries: int
    points: tuple[CoveragePoint, ...]
    aurc: float | None

    def coverage_at(self, risk: float) -> float:
        """The largest share of queries that can be answered with at most this share of wrong answers."""
        return max((point.coverage for point in self.points if point.risk <= risk), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """All points."""
        return {
            "queries": self.queries,
            "aurc": self.aurc and round(self.aurc, 4),
            "points": [
                {"threshold": round(p.threshold, 4), "coverage": round(p.coverage, 4), "risk": round(p.risk, 4)}
                for p in self.points
            ],
        }


def risk_coverage(answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer) -> RiskCoverage:
    """The curve over answers with a confidence; abstentions, and answers that cannot be judged, are never let in.

    Args:
        answers: What a system said while it answered everything.
        queries: In the same order.
        scorer: Tells what is wrong; an answer to an unanswerable query is.
    """
    judged = []
    for answer, query in zip(answers, queries, strict=True):
        right = is_right(scorer, score_answer(scorer, answer, query), answer, query)
        if answer.confidence is not None and not answer.abstained and right is not None:
            judged.append((answer.confidence, not right))
    points: list[CoveragePoint] = []
    wrong, done, area = 0, 0, 0.0
    for threshold in sorted({confidence for confidence, _ in judged}, reverse=True):
        same = [is_wrong for confidence, is_wrong in judged if confidence == threshold]
        wrong, done = wrong + sum(same), done + len(same)
        area += len(same) * wrong / done
        points.append(CoveragePoint(threshold=threshold, coverage=done / len(queries), risk=wrong / done))
    return RiskCoverage(queries=len(queries), points=tuple(points), aurc=area / done if done else None)


def curve_table(curves: Mapping[str, RiskCoverage]) -> list[dict[str, Any]]:
    """Curves as rows of ``system``, ``coverage``, ``risk`` and ``threshold``, as a chart takes them."""
    return [
        {"system": name, "coverage": point.coverage, "risk": point.risk, "threshold": point.threshold}
        for name, curve in curves.items()
        for point in curve.points
    ]
