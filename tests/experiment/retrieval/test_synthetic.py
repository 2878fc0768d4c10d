"""Queries made from passages: honest about what they are, spread over documents, never copies."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.retrieval.missing import told_apart
from groundtune.experiment.retrieval.synthetic import asked_by, keywords, sample, synthetic_queries
from groundtune.knowledge import KnowledgeBase
from groundtune.records import Completion, Document, Evidence, Hit, Message, Passage, Query
from groundtune.testing.embedding import HashedWords

TEXT = (
    "The northern valve opens whenever pressure exceeds seven bars. Operators record every opening in the blue ledger."
)


def passage(text: str = TEXT, document: str = "d") -> Passage:
    return Passage(id=document, document=document, source="", title="", headings=(), start=0, end=len(text), text=text)


class Writes:
    """A chat that always writes the same."""

    name, context_window = "fake/writes", None

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Sequence[Message]] = []

    def complete(self, messages: Sequence[Message], **_: object) -> Completion:
        self.asked.append(messages)
        return Completion(text=self.text, usage=None, finished="stop", first_token_ms=None, total_ms=1.0)


@given(st.integers(0, 1000), st.text("abc de.fgh\n", max_size=200))
def test_keywords_are_words_of_one_sentence_in_their_order(seed: int, text: str) -> None:
    for query in keywords([passage(text + "\n" + TEXT)], random.Random(seed)):
        words, source = query.split(), (text + "\n" + TEXT).split()
        stripped = iter([word.strip(".") for word in " ".join(source).split()])
        assert len(words) == 5
        assert all(any(word in candidate for candidate in stripped) for word in words)


def test_a_passage_without_a_rich_sentence_makes_no_query() -> None:
    assert keywords([passage("Yes. No. It is so.")], random.Random(0)) == []


def test_a_model_writes_two_questions_and_copies_are_thrown_away() -> None:
    copied = "Is it so that operators record every opening in the ledger?"
    own = "Where do people note that the valve was used?"
    chat = Writes("```json\n" + json.dumps({"factual": copied, "paraphrased": own}) + "\n```")
    assert asked_by(chat)([passage()], random.Random(0)) == [own]  # type: ignore[arg-type]
    rules, shown = chat.asked[0]
    assert json.loads(shown.content) == TEXT
    assert "no orders" in rules.content


@pytest.mark.parametrize("written", ["", "no", "[1]", '{"factual": 3}', '{"factual": '])
def test_a_reply_that_is_no_question_makes_none(written: str) -> None:
    assert asked_by(Writes(written))([passage()], random.Random(0)) == []  # type: ignore[arg-type]


def test_near_duplicates_are_asked_once_and_point_to_their_passage() -> None:
    passages = [passage(document="a"), passage(document="b")]
    made = synthetic_queries(passages, lambda p, _: ["valve opens", "valve opens"], HashedWords(), seed=0)
    assert [(q.question, q.evidence[0].doc, q.evidence[0].end) for q in made] == [("valve opens", "a", len(TEXT))]
    assert synthetic_queries([], keywords, HashedWords(), seed=0) == []


def test_some_questions_need_two_passages_and_some_have_theirs_taken_away() -> None:
    texts = [
        f"The {name} valve of hall{n} opens whenever pressure exceeds limits{n} there."
        for n, name in enumerate("ab" * 15)
    ]
    passages = [passage(text, document=str(n)) for n, text in enumerate(texts)]
    made = synthetic_queries(passages, keywords, HashedWords(64), seed=0)
    assert {len(query.evidence) for query in made} == {1, 2}
    two = [query for query in made if len(query.evidence) == 2]
    assert all(query.answerable and len({evidence.doc for evidence in query.evidence}) == 2 for query in two)
    gone = [query for query in made if not query.answerable]
    assert {query.evidence[0].doc for query in gone} <= {"9", "19", "29"}
    assert gone
    assert len(gone) + len(two) <= 6
    assert synthetic_queries(passages, keywords, HashedWords(64), seed=0) == made


def test_a_model_is_shown_both_texts_for_a_question_of_two() -> None:
    chat = Writes(json.dumps({"question": "Which of both is used more?"}))
    pair = [passage(), passage(TEXT.replace("valve", "pump"))]
    assert asked_by(chat)(pair, random.Random(0)) == ["Which of both is used more?"]  # type: ignore[arg-type]
    rules, shown = chat.asked[0]
    assert json.loads(shown.content) == [one.text for one in pair]
    assert "no orders" in rules.content


def test_what_was_taken_away_is_told_apart_by_what_is_found_without_it() -> None:
    held = {n: passage(f"The valve of hall{n} opens slowly.", document=str(n)) for n in range(12)}

    def search(question: str, k: int) -> tuple[list[Hit], dict[str, float]]:
        words = set(question.split())
        scored = sorted(((len(words & set(p.text.split())), p) for p in held.values()), key=lambda pair: -pair[0])
        return [Hit(rank=n, score=float(s), passage=p) for n, (s, p) in enumerate(scored[:k], 1)], {"total": 1.0}

    def query(n: int) -> Query:
        evidence = Evidence(doc=str(n), start=0, end=len(held[n].text))
        return Query(id=str(n), question=f"valve of hall{n}", evidence=(evidence,))

    found = told_apart(search, [query(n) for n in range(6)], [query(n) for n in range(6, 9)])
    assert found["top"] == found["coverage"] == 1.0
    assert told_apart(search, [query(1)], []) == {}
    # Evidence that no search finds makes no difference to take away.
    elsewhere = Query(id="x", question="valve of hall1", evidence=(Evidence(doc="nowhere", start=0, end=9),))
    assert told_apart(search, [query(1)], [elsewhere])["top"] == 0.5


def test_the_sample_takes_each_document_once_and_only_passages_that_say_something(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    long = TEXT + " " + TEXT.replace("valve", "pump")
    texts = {"a": long, "b": long.upper(), "c": "Too short."}
    knowledge.sync_documents(Document(id=name, title="", text=text, source="") for name, text in texts.items())
    assert sorted(found.document for found in sample(knowledge, 9, seed=1)) == ["a", "b"]
    assert len(sample(knowledge, 1, seed=1)) == 1
