"""Searches measured on a small knowledge base: relevance from labels, differences, slices, and what is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from groundtune.experiment.retrieval.measure import SearchFor, measure_searches
from groundtune.experiment.retrieval.relevance import relevance_of
from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document, Evidence, Hit, Query
from groundtune.testing.embedding import HashedWords

PARTS = 12


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase(tmp_path, HashedWords(64))
    texts = [f"Valve {n} is opened by code{n}.\n\nPump {n} is started by word{n}." for n in range(PARTS)]
    made.sync_documents(Document(id=f"part/{n}.md", title="", text=text, source="part") for n, text in enumerate(texts))
    return made


def query(n: int, quote: str | None = None) -> Query:
    evidence = (Evidence(doc=f"part/{n}.md", quote=quote),)
    return Query(id=str(n), question=f"What is opened by code{n}?", evidence=evidence)


def searching(knowledge: KnowledgeBase, worst_first: bool = False) -> SearchFor:
    def search(question: str, k: int) -> tuple[Sequence[Hit], Mapping[str, float]]:
        hits, milliseconds = knowledge.search_timed(question, k, "lexical")
        return (hits[::-1] if worst_first else hits), milliseconds

    return search


def test_what_is_relevant_follows_from_the_labels(knowledge: KnowledgeBase) -> None:
    exact, vague, lost = query(1, quote="opened by code1"), query(2), query(PARTS)
    unlabelled = Query(id="x", question="?")
    found = relevance_of([exact, vague, lost, unlabelled], knowledge)
    assert found.documents == {"1": {"part/1.md"}, "2": {"part/2.md"}, str(PARTS): {f"part/{PARTS}.md"}}
    passage = next(p for p in knowledge.passages_of("part/1.md") if "code1" in p.text)
    assert found.passages == {"1": {passage.id}}
    assert found.gone == (str(PARTS),)


def test_a_better_search_measures_better_beyond_doubt(knowledge: KnowledgeBase) -> None:
    queries = [query(n, quote=f"opened by code{n}") for n in range(PARTS)]
    steps: list[tuple[int, int]] = []
    result = measure_searches(
        {"good": searching(knowledge), "bad": searching(knowledge, worst_first=True)},
        queries,
        relevance_of(queries, knowledge),
        baseline="bad",
        clusters={},
        seed=1,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert result.passages is not None
    figures = result.passages.searches
    assert figures["good"]["mrr"].value == 1.0
    assert (figures["bad"]["mrr"].value or 0) < 0.5
    gain = result.passages.gains["good"]
    assert gain.significant
    assert gain.interval is not None
    assert gain.interval.low > 0
    assert steps[-1] == (2 * PARTS, 2 * PARTS)
    names = {(part.name, part.value): part.queries for part in result.slices}
    assert names == {("length", "up to 7 words"): PARTS, ("source", "part"): PARTS, ("type", "what"): PARTS}


def test_a_query_whose_document_is_gone_counts_as_not_found(knowledge: KnowledgeBase) -> None:
    queries = [query(1), query(PARTS)]
    found = relevance_of(queries, knowledge)
    result = measure_searches({"plain": searching(knowledge)}, queries, found, baseline="plain", clusters={}, seed=1)
    assert result.gone == 1
    assert result.passages is None
    assert result.documents.searches["plain"]["recall@20"].value == 0.5
    assert result.to_json()["documents"]["searches"]["plain"]["recall@20"]["n"] == 2


def test_without_labels_nothing_is_claimed(knowledge: KnowledgeBase) -> None:
    queries = [Query(id="x", question="?")]
    result = measure_searches(
        {"a": searching(knowledge), "b": searching(knowledge)},
        queries,
        relevance_of(queries, knowledge),
        baseline="a",
        clusters={},
        seed=1,
    )
    assert result.queries == 0
    assert result.documents.searches["a"]["mrr"].value is None
    assert result.documents.gains["b"].value is None
    assert result.milliseconds == {"a": None, "b": None}
