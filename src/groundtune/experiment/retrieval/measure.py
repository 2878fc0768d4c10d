"""Searches run over labelled queries, and what they found measured: values, intervals, differences, slices, times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from groundtune.experiment.retrieval.metrics import MEASURES, Ranked, query_values
from groundtune.experiment.retrieval.relevance import Relevance
from groundtune.experiment.retrieval.results import Figure, Gain, Measured, RetrievalResult, Slice
from groundtune.experiment.retrieval.slices import slices_of
from groundtune.experiment.statistics import mean_interval, paired_difference
from groundtune.experiment.statistics.resampling import quantile
from groundtune.records import Hit, Query

__all__ = ["DECIDES", "DEPTH", "Found", "SearchFor", "figure_of", "found_by", "gain_of", "measure_searches"]

DEPTH = 50
"""Passages that are looked at for each query; a document is ranked by its best one."""

DECIDES = "ndcg@10"
"""The measure by which searches are compared."""

SearchFor = Callable[[str, int], tuple[Sequence[Hit], Mapping[str, float]]]
"""Question and number of passages -> hits, and the milliseconds of the stages with ``total``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one search found: documents and passages by query id, best first, and the milliseconds it took."""

    documents: Ranked
    passages: Ranked
    milliseconds: tuple[float, ...]


def found_by(
    search: SearchFor, queries: Sequence[Query], *, tick: Callable[[], None] = lambda: None, depth: int = DEPTH
) -> Found:
    """Run one search over queries.

    Raises:
        ModelError: when a model behind the search failed: a measurement with holes would compare unlike things.
    """
    documents, passages, times = {}, {}, []
    for query in queries:
        hits, milliseconds = search(query.question, depth)
        documents[query.id] = list(dict.fromkeys(hit.passage.document for hit in hits))
        passages[query.id] = [hit.passage.id for hit in hits]
        times.append(milliseconds["total"])
        tick()
    return Found(documents=documents, passages=passages, milliseconds=tuple(times))


def measure_searches(
    searches: Mapping[str, SearchFor],
    queries: Sequence[Query],
    relevance: Relevance,
    *,
    baseline: str,
    clusters: Mapping[str, str],
    seed: int,
    kind: Literal["labelled", "synthetic"] = "labelled",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RetrievalResult:
    """Measure searches on the same queries.

    Args:
        searches: By name.
        queries: Those without relevant documents are left out.
        relevance: What they should find.
        baseline: The search that the others are compared with.
        clusters: Query id -> cluster of queries that are not independent.
        seed: Of the tests.
        kind: Where the queries come from.
        progress: Called with (searches done, all).

    Raises:
        MissingExtra: when the library of the measures is not installed.
    """
    asked = [query for query in queries if query.id in relevance.documents]
    total, done = len(asked) * len(searches), 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    found = {name: found_by(search, asked, tick=tick) for name, search in searches.items()}
    documents = {name: query_values(one.documents, relevance.documents) for name, one in found.items()}
    passages = {name: query_values(one.passages, relevance.passages) for name, one in found.items()}
    return RetrievalResult(
        kind=kind,
        queries=len(asked),
        gone=len(set(relevance.gone) & {query.id for query in asked}),
        documents=_measured(documents, clusters, baseline, seed),
        passages=_measured(passages, clusters, baseline, seed) if relevance.passages else None,
        slices=_slices(documents, asked, clusters),
        milliseconds={name: _percentiles(one.milliseconds) for name, one in found.items()},
    )


Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Search -> measure -> query id -> value."""


def _measured(values: Values, clusters: Mapping[str, str], baseline: str, seed: int) -> Measured:
    return Measured(
        queries=len(values[baseline][DECIDES]),
        searches={
            name: {measure: figure_of(by_query, clusters) for measure, by_query in measures.items()}
            for name, measures in values.items()
        },
        gains={
            name: gain_of(measures[DECIDES], values[baseline][DECIDES], clusters, baseline=baseline, seed=seed)
            for name, measures in values.items()
            if name != baseline
        },
    )


def figure_of(by_query: Mapping[str, float], clusters: Mapping[str, str]) -> Figure:
    """A mean with its interval; None for both without queries."""
    scores = list(by_query.values())
    if not scores:
        return Figure(value=None, interval=None, n=0)
    interval = mean_interval(scores, [clusters.get(query, query) for query in by_query])
    return Figure(value=float(np.mean(scores)), interval=interval, n=len(scores))


def gain_of(
    new: Mapping[str, float], old: Mapping[str, float], clusters: Mapping[str, str], *, baseline: str, seed: int
) -> Gain:
    """The paired difference of two searches on the queries that both have."""
    both = [query for query in new if query in old]
    found = paired_difference(
        [new[query] - old[query] for query in both], [clusters.get(query, query) for query in both], seed=seed
    )
    return Gain(
        measure=DECIDES,
        over=baseline,
        value=found.mean,
        interval=found.interval,
        p=found.p,
        n=found.n,
        clusters=found.clusters,
        note=found.note,
    )


def _slices(values: Values, queries: Sequence[Query], clusters: Mapping[str, str]) -> tuple[Slice, ...]:
    return tuple(
        Slice(
            name=name,
            value=value,
            queries=len(ids),
            searches={
                search: {
                    measure: figure_of({query: measures[measure][query] for query in ids}, clusters)
                    for measure in MEASURES
                }
                for search, measures in values.items()
            },
        )
        for (name, value), ids in slices_of(queries).items()
    )


def _percentiles(times: Sequence[float]) -> tuple[float, float] | None:
    array = np.array(times, np.float64)
    return (quantile(array, 0.5), quantile(array, 0.95)) if times else None
