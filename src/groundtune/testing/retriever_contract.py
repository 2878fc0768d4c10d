"""What every retriever keeps to, as tests: inherit `RetrieverContract` and say how a retriever is made."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from groundtune.records import Document, Evidence, Hit, Query
from groundtune.systems.retrievers import Retriever

__all__ = ["DOCUMENTS", "RetrieverContract"]

_TEXTS = {
    "fees": "A transfer abroad costs three euros. Transfers at home are free of charge.",
    "cards/lost": "Report a stolen card at once, by telephone or in the app. A replacement comes within five days.",
    "cards/limits": "A debit card pays at most two thousand euros daily, unless the branch raises the limit.",
    "opening": "The branch opens at nine and closes at four, except on Sundays.",
    "savings": "Interest on savings is credited in December and may be withdrawn without notice.",
    "ünïcode": "Die Zinsen für Sparkonten werden im Dezember gutgeschrieben — jährlich.",
}

DOCUMENTS = tuple(
    Document(id=f"{name}.md", title=name.title(), text=text, source=f"docs/{name}.md") for name, text in _TEXTS.items()
)
"""The documents that a retriever under test is made over; each is short enough to be one passage."""


class RetrieverContract:
    """The contract; a subclass named ``Test…`` runs it with pytest."""

    def make(self, documents: Sequence[Document], passages: int) -> Retriever:
        """A retriever over these documents that gives at most so many passages."""
        raise NotImplementedError

    def find(self, question: str, passages: int = 3) -> list[Hit]:
        """What it finds for a question."""
        return self.make(DOCUMENTS, passages).retrieve(Query(id="q", question=question))

    def test_the_passage_that_speaks_of_the_question_comes_first(self) -> None:
        """Retrieval finds what is asked for."""
        assert self.find("report a stolen card")[0].passage.document == "cards/lost.md"
        assert self.find("when is interest on savings credited")[0].passage.document == "savings.md"

    def test_ranks_count_from_one_and_scores_never_rise(self) -> None:
        """Hits are in order."""
        hits = self.find("euros card branch", passages=4)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

    def test_no_more_passages_than_asked_for_and_each_once(self) -> None:
        """The number of passages is a limit."""
        for passages in (1, 2, 4):
            hits = self.find("card euros daily branch limit", passages)
            assert 1 <= len(hits) <= passages
            assert len({hit.passage.id for hit in hits}) == len(hits)

    def test_passages_say_where_they_are_from(self) -> None:
        """Offsets lead to the passage's text in a document of the project, which has a source and a title."""
        texts = {document.id: document for document in DOCUMENTS}
        for hit in self.find("Zinsen für Sparkonten im Dezember", passages=6):
            document = texts[hit.passage.document]
            assert document.text[hit.passage.start : hit.passage.end] == hit.passage.text != ""
            assert (hit.passage.source, hit.passage.title) == (document.source, document.title)

    def test_labels_of_the_query_change_nothing(self) -> None:
        """Only the question is looked at; evaluation answers never reach retrieval."""
        retriever = self.make(DOCUMENTS, 2)
        bare = Query(id="q", question="what does a transfer abroad cost")
        evidence = (Evidence(doc="opening.md"),)
        labelled = Query(id="q", question=bare.question, answers=("nine",), evidence=evidence, answerable=False)
        assert retriever.retrieve(bare) == retriever.retrieve(labelled)

    def test_the_same_question_finds_the_same_passages_from_many_threads(self) -> None:
        """Passage ids are stable, and one retriever serves concurrent questions."""
        retriever = self.make(DOCUMENTS, 3)
        queries = [Query(id=str(n), question=document.text) for n, document in enumerate(DOCUMENTS)] * 4
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(retriever.retrieve, queries))
        ids = [[hit.passage.id for hit in hits] for hits in found]
        assert ids == ids[: len(DOCUMENTS)] * 4
        assert [hits[0].passage.document for hits in found[: len(DOCUMENTS)]] == [d.id for d in DOCUMENTS]

    def test_a_question_about_something_else_is_no_error(self) -> None:
        """Nothing, or something that does not fit, but a list."""
        assert isinstance(self.find("%#§ 0 zzz"), list)
