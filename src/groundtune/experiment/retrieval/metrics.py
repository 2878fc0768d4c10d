"""The measures of ranked retrieval for each query, computed by ir-measures (MacAvaney et al., ECIR 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from groundtune.errors import MissingExtra

__all__ = ["MEASURES", "Ranked", "query_values"]

MEASURES: Mapping[str, str] = {
    "recall@1": "R@1",
    "recall@5": "R@5",
    "recall@10": "R@10",
    "recall@20": "R@20",
    "ndcg@10": "nDCG@10",
    "mrr": "RR",
    "map": "AP",
}
"""Our names and the library's: recall, discounted gain, reciprocal rank of the first right one, average precision."""

Ranked = Mapping[str, Sequence[str]]
"""What was found for each query, best first; each thing once."""


def query_values(ranked: Ranked, relevant: Mapping[str, Set[str]]) -> dict[str, dict[str, float]]:
    """Each measure for each query that has something relevant: measure -> query id -> value in [0, 1].

    A query for which nothing was found counts with 0: that is what its user got.

    Raises:
        MissingExtra: when the library is not installed.
    """
    try:
        import ir_measures
    except ImportError:
        raise MissingExtra("Measuring retrieval", "retrieval") from None
    names = {str(ir_measures.parse_measure(theirs)): ours for ours, theirs in MEASURES.items()}
    qrels = {query: dict.fromkeys(things, 1) for query, things in relevant.items() if things}
    run = {query: {thing: -float(rank) for rank, thing in enumerate(ranked.get(query, ()))} for query in qrels}
    values = {ours: dict.fromkeys(qrels, 0.0) for ours in MEASURES}
    for found in ir_measures.iter_calc([ir_measures.parse_measure(name) for name in MEASURES.values()], qrels, run):
        values[names[str(found.measure)]][found.query_id] = float(found.value)
    return values
