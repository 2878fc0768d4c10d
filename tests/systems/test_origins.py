from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document, Evidence, Hit, Passage, Query
from groundtune.systems.origins import Origins
from groundtune.testing.embedding import HashedWords
from groundtune.testing.retriever_contract import DOCUMENTS

FEES = next(document for document in DOCUMENTS if document.id == "fees.md")


def only(hits: list[Hit]) -> Passage:
    (hit,) = hits
    return hit.passage


@pytest.mark.parametrize(
    "source",
    ["fees.md", "docs/fees.md", "/srv/bot/docs/fees.md", "file:///srv/docs/fees.md", r"C:\bot\docs\fees.md"],
)
def test_a_path_is_matched_with_the_projects_documents_from_its_end(knowledge: KnowledgeBase, source: str) -> None:
    passage = only(Origins(knowledge).hits([{"text": FEES.text, "source": source}], "it"))
    assert (passage.document, passage.source, passage.start) == ("fees.md", "docs/fees.md", 0)


def test_the_end_of_a_path_may_stand_for_one_document_but_not_for_one_of_many(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    texts = {"a/readme.md": "alpha beta", "b/readme.md": "gamma delta", "b/rules.md": "epsilon zeta"}
    knowledge.sync_documents([Document(id=i, title="", text=t, source=i) for i, t in texts.items()])
    origins = Origins(knowledge)
    assert only(origins.hits([{"text": "zeta", "source": "rules.md"}], "it")).document == "b/rules.md"
    assert only(origins.hits([{"text": "beta", "source": "readme.md"}], "it")).document == "readme.md"
    assert only(origins.hits([{"text": "gamma", "source": "/x/b/readme.md"}], "it")).document == "b/readme.md"


@given(st.data())
def test_words_are_found_whatever_stands_between_them(knowledge: KnowledgeBase, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(DOCUMENTS))
    words = [found.span() for found in re.finditer(r"\w+", document.text)]
    first = data.draw(st.integers(0, len(words) - 3))
    last = data.draw(st.integers(first + 2, len(words) - 1))
    span = (words[first][0], words[last][1])
    between = data.draw(st.sampled_from(["\n", " ", "**", " — ", "\n\n> "]))
    text = between.join(re.findall(r"\w+", document.text[slice(*span)]))
    passage = only(Origins(knowledge).hits([{"text": text, "source": document.source}], "it"))
    where = document.text[passage.start : passage.end]
    assert re.findall(r"\w+", where) == re.findall(r"\w+", text)
    assert passage.text == text


def test_a_passage_that_is_not_found_keeps_its_document_and_claims_no_place_in_it(knowledge: KnowledgeBase) -> None:
    passage = only(Origins(knowledge).hits([{"text": "Rewritten words.", "source": "docs/fees.md"}], "it"))
    assert (passage.document, passage.start, passage.end) == ("fees.md", 0, 0)


def test_a_source_that_is_not_the_projects_is_a_document_of_its_own(knowledge: KnowledgeBase) -> None:
    given = [{"text": "Rates are on the wall.", "source": "https://example.org/rates", "title": "Rates"}]
    passage = only(Origins(knowledge).hits(given, "it"))
    assert (passage.document, passage.source, passage.title) == (given[0]["source"], given[0]["source"], "Rates")
    assert (passage.start, passage.end) == (0, len(passage.text))
    assert only(Origins().hits(given, "it")) == passage


def test_ids_are_stable_and_a_passage_is_given_once(knowledge: KnowledgeBase) -> None:
    origins = Origins(knowledge)
    hits = origins.hits(
        [FEES.text, {"text": FEES.text, "source": "fees.md"}, "Something else.", "Something else."], "it"
    )
    assert len(hits) == 2
    assert hits == origins.hits([FEES.text, "Something else."], "it")
    assert hits[0].passage.id == knowledge.passages_of("fees.md")[0].id
    assert only(origins.hits([{"text": "x", "id": "row-7"}], "it")).id == "row-7"


def test_documents_that_change_are_read_anew(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    knowledge.sync_documents([Document(id="a.md", title="", text="one two three", source="a.md")])
    origins = Origins(knowledge)
    given = [{"text": "two three", "source": "a.md"}]
    assert only(origins.hits(given, "it")).start == 4
    knowledge.sync_documents([Document(id="a.md", title="", text="zero one two three", source="a.md")])
    assert only(origins.hits(given, "it")).start == 9


def test_scores_that_rise_are_replaced_by_the_order(knowledge: KnowledgeBase) -> None:
    rising = Origins(knowledge).hits([{"text": "a", "score": 0.1}, {"text": "b", "score": 0.9}], "it")
    assert [(hit.passage.text, hit.score) for hit in rising] == [("a", 1.0), ("b", 0.5)]
    falling = Origins(knowledge).hits([{"text": "a", "score": 9.0}, {"text": "b", "score": -1.0}], "it")
    assert [hit.score for hit in falling] == [9.0, -1.0]


def test_a_quote_becomes_a_citation_with_offsets_into_the_document(knowledge: KnowledgeBase) -> None:
    origins = Origins(knowledge)
    hits = origins.hits([{"text": "A transfer  abroad\ncosts three euros.", "source": "fees.md"}, "Unrelated."], "it")
    citation = origins.cite("costs  three euros", hits)
    assert citation is not None
    assert citation.quote in hits[0].passage.text
    assert FEES.text[citation.start : citation.end] == "costs three euros"
    assert origins.cite("costs four euros", hits) is None


def test_gold_labels_meet_foreign_passages(knowledge: KnowledgeBase) -> None:
    from groundtune.diagnosis.causes import evidence_rank

    start = FEES.text.index("three euros")
    query = Query(id="q", question="?", evidence=(Evidence(doc="fees.md", start=start, end=start + 11),))
    origins = Origins(knowledge)
    holds = origins.hits(["Interest on savings", "A transfer abroad costs three euros"], "it")
    misses = origins.hits(["Transfers at home are free of charge.", {"text": "Other.", "source": "fees.md"}], "it")
    assert (evidence_rank(holds, query), evidence_rank(misses, query)) == (2, None)
