"""The page of a passage and of a citation, also where a page begins in the middle of it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document, Passage, Quote
from groundtune.systems.system import cite
from groundtune.testing.embedding import HashedWords

FIRST = "# Opening\n\nThe gate opens at six and closes at eight.\n\n"
SECOND = "Visitors park behind the house.\n"
MANUAL = Document(
    id="manual.pdf",
    title="Manual",
    text=FIRST + SECOND,
    source="docs/manual.pdf",
    pages=(0, len(FIRST)),
)
PLAIN = Document(id="note.md", title="Note", text="Dogs stay outside.", source="docs/note.md")


def test_pages_reach_passages_documents_and_citations(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    knowledge.sync_documents([MANUAL, PLAIN])
    assert knowledge.document("manual.pdf") == MANUAL
    (passage,) = knowledge.passages_of("manual.pdf")
    assert (passage.page, passage.page_breaks) == (1, (len(FIRST),))
    quotes = [passage.text.find(words) for words in ("closes", "Visitors")]
    citations = cite([passage], tuple(Quote(passage=0, start=start, end=start + 8) for start in quotes))
    assert [citation.page for citation in citations] == [1, 2]
    (note,) = knowledge.passages_of("note.md")
    assert (note.page, note.page_at(note.start + 3)) == (None, None)


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 50), st.integers(1, 20), st.data())
def test_a_passage_knows_the_page_of_each_of_its_places(
    pages: set[int], start: int, length: int, data: st.DataObject
) -> None:
    document = Document(id="d", title="", text="x" * 80, source="d", pages=tuple(sorted(pages)))
    passage = Passage(
        id="d#0",
        document="d",
        source="d",
        title="",
        headings=(),
        start=start,
        end=start + length,
        text="x" * length,
        page=document.page_at(start),
        page_breaks=document.page_breaks(start, start + length),
    )
    place = data.draw(st.integers(start, start + length - 1))
    assert passage.page_at(place) == document.page_at(place)
