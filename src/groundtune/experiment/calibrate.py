"""How sure an answer is and when to abstain, chosen on dev before the test queries are touched: one rule for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.experiment.risk_coverage import RiskCoverage, risk_coverage
from groundtune.experiment.scorers import Scorer, is_right, score_answer
from groundtune.experiment.sufficient import confidence_auroc, fit_sufficiency, with_confidence
from groundtune.records import Answer, Query
from groundtune.systems.sufficiency import Sufficiency

__all__ = ["Calibration", "abstention_threshold", "calibrate", "can_be_held"]

SPARE = 0.01
"""Mean score on dev that may be given up to abstain more: the point that the verdict, too, does not ask about."""

NEVER = 1.01
"""A threshold that no confidence reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What dev said of one system's confidence.

    Attributes:
        answer_from: Least confidence that it answers with.
        sufficiency: What its confidence is made with; None: the model's own decides.
        auroc: Probability that a right dev answer has more confidence than a wrong one, of the confidence that decides,
            out of fold where it was fitted; None where dev cannot say.
        model_auroc: The same of the model's own confidence.
        curve: Risk against coverage on dev, of the confidence that decides.
        held: Whether the largest wrong rate is kept by a rule that holds beyond dev, see `can_be_held`; None where none
            was asked for.
    """

    answer_from: float
    sufficiency: Sufficiency | None
    auroc: float | None
    model_auroc: float | None
    curve: RiskCoverage
    held: bool | None

    def to_json(self) -> dict[str, Any]:
        """As ``experiment --json`` gives it."""
        return {
            "answer_from": round(self.answer_from, 4),
            "confidence": "sufficiency" if self.sufficiency else "model",
            "signals": sorted(self.sufficiency.weights) if self.sufficiency else [],
            "auroc": self.auroc and round(self.auroc, 4),
            "model_auroc": self.model_auroc and round(self.model_auroc, 4),
            "wrong_rate_held": self.held,
            "risk_coverage": self.curve.to_json(),
        }


def calibrate(
    answers: Sequence[Answer],
    queries: Sequence[Query],
    scorer: Scorer,
    *,
    clusters: Mapping[str, str],
    max_wrong_rate: float | None = None,
) -> Calibration:
    """Choose a system's confidence and its threshold.

    The sufficiency model takes the place of the model's own confidence where dev is large enough to fit it, and where
    it then tells right answers from wrong ones better on rows that it was not fitted on.

    Args:
        answers: What the system said on dev while it answered everything.
        queries: The dev queries, in the same order.
        scorer: What decides.
        clusters: Query id to cluster.
        max_wrong_rate: See `abstention_threshold`.
    """
    own = confidence_auroc(answers, queries, scorer)
    judged = fit_sufficiency(answers, queries, scorer, clusters)
    better = judged if judged is not None and judged.auroc > (0.5 if own is None else own) else None
    sure = answers if better is None else with_confidence(answers, better.confidences)
    return Calibration(
        answer_from=abstention_threshold(sure, queries, scorer, max_wrong_rate=max_wrong_rate),
        sufficiency=better.model if better else None,
        auroc=better.auroc if better else own,
        model_auroc=own,
        curve=risk_coverage(sure, queries, scorer),
        held=None if max_wrong_rate is None else can_be_held(max_wrong_rate, len(queries)),
    )


def can_be_held(max_wrong_rate: float, queries: int) -> bool:
    """Whether so many dev queries can hold a wrong rate in expectation: conformal risk control needs 1/(n+1) of it."""
    return max_wrong_rate * (queries + 1) >= 1.0


def abstention_threshold(
    answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer, *, max_wrong_rate: float | None = None
) -> float:
    """The least confidence to answer with: abstain where on dev answering earned next to nothing.

    The score is what the systems are compared by, so it is not given away: among the thresholds whose mean dev score is
    within `SPARE` of the best, the one that abstains most is taken. An abstention scores 1 where the query is
    unanswerable, else 0.

    Args:
        answers: What a system said on dev while it answered everything; those without a confidence do not count.
        queries: The dev queries, in the same order.
        scorer: What decides.
        max_wrong_rate: Only thresholds that keep the share of wrong answers within this are considered: with one more
            wrong dev answer than was seen, (wrong + 1) / (n + 1), which holds in expectation on new queries like these
            (conformal risk control, Angelopoulos et al. 2022, arXiv 2208.02814); where dev is too small for that,
            see `can_be_held`, the share that was seen.

    Returns:
        A threshold half-way between two confidences that were seen, so that it does not cling to either; 0 answers
        always, above 1 never.
    """
    rows = sorted(_gains(answers, queries, scorer))
    allowed = _allowed(max_wrong_rate, len(queries))
    total, wrong = 0.0, sum(is_wrong for _, _, is_wrong in rows)
    options = [(total, 0.0)] if wrong <= allowed else []
    for place, (confidence, gain, is_wrong) in enumerate(rows):
        total, wrong = total - gain, wrong - is_wrong
        following = rows[place + 1][0] if place + 1 < len(rows) else NEVER
        if following > confidence and wrong <= allowed:
            between = (confidence + following) / 2
            options.append((total, between if between > confidence else following))
    best = max((worth for worth, _ in options), default=0.0)
    return max((threshold for worth, threshold in options if worth >= best - SPARE * len(queries)), default=NEVER)


def _allowed(max_wrong_rate: float | None, queries: int) -> float:
    """Most wrong dev answers."""
    if max_wrong_rate is None:
        return queries
    if can_be_held(max_wrong_rate, queries):
        return max_wrong_rate * (queries + 1) - 1
    return max_wrong_rate * queries


def _gains(answers: Sequence[Answer], queries: Sequence[Query], scorer: Scorer) -> Iterator[tuple[float, float, bool]]:
    """Confidence of each answer, what it scores more than an abstention in its place, and whether it is wrong."""
    for answer, query in zip(answers, queries, strict=True):
        score = score_answer(scorer, answer, query)
        if answer.confidence is None or answer.abstained or score.value is None:
            continue
        wrong = is_right(scorer, score, answer, query) is False
        yield answer.confidence, score.value - float(query.answerable is False), wrong
