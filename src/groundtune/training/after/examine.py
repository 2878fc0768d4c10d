"""All gates after training, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.training.after.comparison import DevRow, against_base
from groundtune.training.after.forgetting import Subject, forgetting, run_suite
from groundtune.training.after.non_inferiority import MARGIN
from groundtune.training.after.overfit import Look, dev_falls, loss_gap, verbatim
from groundtune.training.after.parity import ParityCase, parity
from groundtune.training.after.suite import SuiteItem
from groundtune.training.card import GateResult

__all__ = ["AfterTraining", "examine_tuned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterTraining:
    """What there is to examine; a part that is missing has no gate.

    Attributes:
        base: The model before.
        tuned: The model after, as it will be served.
        looks: Evaluations during training, in order.
        kept: Step whose weights were kept; None: the last.
        dev: What both said to the dev queries.
        training_answers: What was trained on, to see whether the model recites it.
        export: The trained and the exported model, where there is an export.
    """

    base: Subject
    tuned: Subject
    looks: Sequence[Look] = ()
    kept: int | None = None
    dev: Sequence[DevRow] = ()
    training_answers: Sequence[str] = ()
    export: ParityCase[Any] | None = None


def examine_tuned(
    case: AfterTraining,
    *,
    items: Sequence[SuiteItem] | None = None,
    margin: float = MARGIN,
    concurrency: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[GateResult]:
    """Examine a tuned model; `Card.judged` or `registry.record_gates` puts the result on its card.

    Args:
        case: The model and what is known of its training.
        items: Of the forgetting suite; None: all, () none.
        margin: Loss that is taken as none.
        concurrency: Most questions at the same time.
        progress: Called with (what, done, all).

    Returns:
        The gates, overfitting first.
    """
    found = [
        loss_gap(case.looks, case.kept),
        dev_falls(case.looks, case.kept),
        verbatim(case.dev, case.training_answers),
        against_base(case.dev, margin=margin),
        parity(case.export) if case.export else None,
    ]
    before, after = (
        run_suite(
            subject,
            items,
            concurrency=concurrency,
            progress=_named(progress, f"Forgetting suite, {name} model") if progress else None,
        )
        for name, subject in (("base", case.base), ("tuned", case.tuned))
    )
    return [*(gate for gate in found if gate), *forgetting(before, after, margin=margin)]


def _named(progress: Callable[[str, int, int], None], what: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(what, done, total)
