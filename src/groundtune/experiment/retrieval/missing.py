"""Whether a search shows that it found nothing: questions whose evidence was taken away, beside those that have it."""

from __future__ import annotations

from collections.abc import Sequence

from groundtune.experiment.retrieval.measure import SearchFor
from groundtune.records import Evidence, Hit, Query
from groundtune.systems.sufficiency import signals

__all__ = ["told_apart"]

_LOOKED_AT = 10
_SPARE = 20  # passages that may be taken away
_SIGNALS = ("top", "lead", "coverage")


def told_apart(search: SearchFor, asked: Sequence[Query], missing: Sequence[Query]) -> dict[str, float]:
    """How often each signal of sufficiency is higher for a question with its evidence than for one without.

    Args:
        search: Gives passages.
        asked: Questions whose evidence is there.
        missing: Questions whose evidence is passed over, as if it were gone.

    Returns:
        Signal -> share of all pairs in [0, 1], equals counted half (the area under the ROC curve); 0.5 is chance.
        Empty without questions of both kinds.

    Raises:
        ModelError: when a model behind the search failed.
    """
    if not asked or not missing:
        return {}
    here = [_signals(search, query, ()) for query in asked]
    gone = [_signals(search, query, query.evidence) for query in missing]
    return {name: _share_above([one[name] for one in here], [one[name] for one in gone]) for name in _SIGNALS}


def _signals(search: SearchFor, query: Query, gone: Sequence[Evidence]) -> dict[str, float]:
    hits, _ = search(query.question, _LOOKED_AT + _SPARE)
    left = [hit for hit in hits if not any(_overlaps(hit, evidence) for evidence in gone)][:_LOOKED_AT]
    return signals(query.question, left, "", None) or dict.fromkeys(_SIGNALS, 0.0)


def _overlaps(hit: Hit, evidence: Evidence) -> bool:
    if hit.passage.document != evidence.doc:
        return False
    if evidence.start is None or evidence.end is None:
        return True
    return hit.passage.start < evidence.end and evidence.start < hit.passage.end


def _share_above(high: Sequence[float], low: Sequence[float]) -> float:
    above = sum((one > other) + 0.5 * (one == other) for one in high for other in low)
    return above / (len(high) * len(low))
