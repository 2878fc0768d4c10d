"""The tuned model against its base on dev: it may not be worse."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from groundtune.training.after.non_inferiority import MARGIN, compare_pairs
from groundtune.training.card import GateResult

__all__ = ["DevRow", "against_base"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DevRow:
    """What both models said to one dev query.

    Attributes:
        base_text: Empty for an abstention or a failure.
        tuned_text: Likewise.
        base_score: In [0, 1]; None where the answer could not be scored.
        tuned_score: Likewise.
        accepted: Right answers.
        cluster: Queries of one cluster are not independent; None: this one is.
    """

    base_text: str
    tuned_text: str
    base_score: float | None
    tuned_score: float | None
    accepted: tuple[str, ...] = ()
    cluster: Hashable | None = None


def against_base(rows: Sequence[DevRow], *, margin: float = MARGIN) -> GateResult | None:
    """Compare the scores on dev.

    Whether tuning is worth it is for the experiment to say, on queries that nothing was chosen by.

    Returns:
        None without dev queries.
    """
    if not rows:
        return None
    clusters = [("alone", place) if row.cluster is None else row.cluster for place, row in enumerate(rows)]
    pairs = [(row.base_score, row.tuned_score) for row in rows]
    return compare_pairs("dev: against base", pairs, margin=margin, clusters=clusters)
