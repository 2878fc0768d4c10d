"""Answers as numbers: what costs and latency are forecast from."""

from __future__ import annotations

from groundtune.advice.answers import Answers
from groundtune.economics.assumptions import Assumptions

__all__ = ["assume"]


def assume(answers: Answers, base: Assumptions | None = None) -> Assumptions:
    """The assumptions of a forecast, with everything in place that was answered.

    Args:
        answers: Skipped ones leave the default with its range.
        base: What is known already, for example from a project's prices; None for the defaults.
    """
    assumed = (base or Assumptions()).with_knowledge_changes(answers.knowledge_changes)
    if answers.task is not None:
        assumed = assumed.for_task(answers.task)
    given: dict[str, float | tuple[float, float, float] | None] = {
        name: value
        for name in ("queries_per_month", "labelled_examples", "base_model_changes_per_year")
        if (value := getattr(answers, name)) is not None
    }
    if answers.offline:
        given |= {"self_hosted": 1, "tuned_self_hosted": 1}
    return assumed.given(given, source="your answer")
