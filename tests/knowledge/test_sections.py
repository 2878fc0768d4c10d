"""What surrounds a passage is given with it: verbatim, within the budget, never from another document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from groundtune.knowledge.passages import Splitter
from groundtune.knowledge.sections import Sections
from groundtune.records import Document, Hit, Passage
from groundtune.testing.embedding import HashedTokens

TOKENS = HashedTokens()
SPLITTER = Splitter(TOKENS, 16)
WORDS = ["gate", "closes", "Über", "東京", "the", "visitor", "waits", "at", "eight."]

lines = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join) | st.builds(
    "{} {}".format, st.sampled_from(["#", "##", "###"]), st.sampled_from(WORDS)
)
documents = st.lists(st.lists(lines, min_size=1, max_size=14).map("\n\n".join), min_size=1, max_size=3).map(
    lambda texts: [document(f"d{n}", text) for n, text in enumerate(texts)]
)


def document(id_: str, text: str) -> Document:
    return Document(id=id_, title="Manual", text=text, source=f"docs/{id_}", pages=(0, len(text) // 2))


def count(text: str) -> int:
    return len(TOKENS.encode(text).ids)


def hit(of: Document, start: int, end: int, rank: int = 1) -> Hit:
    passage = Passage(
        id=f"{of.id}#{start}-{end}",
        document=of.id,
        source=of.source,
        title=of.title,
        headings=(),
        start=start,
        end=end,
        text=of.text[start:end],
    )
    return Hit(rank=rank, score=1.0 / rank, passage=passage)


def found(of: Sequence[Document]) -> list[Hit]:
    places = [(one, piece) for one in of for piece in SPLITTER.split(one.text, one.title)]
    return [hit(one, piece.start, piece.end, rank) for rank, (one, piece) in enumerate(places, start=1)]


def sections(of: Sequence[Document], budget: int) -> Sections:
    held = {one.id: one for one in of}

    def read(id_: str, groups: frozenset[str]) -> Document | None:
        found = held.get(id_)
        return found if found is not None and groups.issuperset(found.groups) else None

    return Sections(read, count, budget)


@given(documents, st.integers(0, 120), st.randoms(use_true_random=False), st.integers(1, 6))
def test_what_is_given_is_verbatim_holds_the_hits_and_keeps_to_the_budget(
    of: list[Document], budget: int, random: object, k: int
) -> None:
    hits = found(of)
    random.shuffle(hits)  # type: ignore[attr-defined]
    hits = [replace(one, rank=rank) for rank, one in enumerate(hits[:k], start=1)]
    given_ = sections(of, budget).around(hits)
    texts = {one.id: one for one in of}
    assert [one.rank for one in given_] == list(range(1, len(given_) + 1))
    for one in given_:
        passage = one.passage
        assert texts[passage.document].text[passage.start : passage.end] == passage.text == passage.text.strip()
    for small in hits:
        assert any(
            big.passage.document == small.passage.document
            and big.passage.start <= small.passage.start
            and small.passage.end <= big.passage.end
            for big in given_
        )
    own = sum(count(one.passage.text) for one in hits)
    assert sum(count(one.passage.text) for one in given_) <= max(budget, own)
    for one, other in combinations(given_, 2):
        same = one.passage.document == other.passage.document
        assert not same or one.passage.end <= other.passage.start or other.passage.end <= one.passage.start


TEXT = """Welcome.

# Gate

It opens at six.

## Night

It closes at eight.

Ring the bell.

# Dogs

Outside.
"""


def around(text: str, words: str, budget: int) -> Passage:
    of = document("d", text)
    start = text.index(words)
    (one,) = sections([of], budget).around([hit(of, start, start + len(words))])
    return one.passage


def test_a_passage_grows_to_the_largest_section_that_fits() -> None:
    words = "It closes at eight."
    assert around(TEXT, words, 5).text == words
    paragraph = around(TEXT, words, 10)
    assert paragraph.text == "It closes at eight.\n\nRing the bell."
    assert paragraph.headings == ("Gate", "Night")
    night = around(TEXT, words, 14)
    assert (night.text.split("\n")[0], night.headings) == ("## Night", ("Gate",))
    gate = around(TEXT, words, 22)
    assert (gate.text.split("\n")[0], gate.headings, gate.text[-5:]) == ("# Gate", (), "bell.")
    assert around(TEXT, words, 100).text == TEXT.strip()


def test_pages_go_with_the_text() -> None:
    passage = around(TEXT, "It closes at eight.", 100)
    assert (passage.page, passage.page_breaks) == (1, (len(TEXT) // 2,))


def test_neighbouring_hits_become_one_in_the_place_of_the_better() -> None:
    one, other = document("d", TEXT), document("e", "Elsewhere.")
    places = [(TEXT.index(words), len(words)) for words in ("Ring the bell.", "It closes at eight.")]
    hits = [hit(one, start, start + length, rank) for rank, (start, length) in enumerate(places, start=1)]
    given_ = sections([one, other], 0).around([hits[0], hit(other, 0, 10, 2), replace(hits[1], rank=3)])
    assert [each.passage.text for each in given_] == ["It closes at eight.\n\nRing the bell.", "Elsewhere."]
    assert given_[0].score == hits[0].score


def test_a_document_is_read_with_the_groups_of_the_caller() -> None:
    own = replace(document("d", TEXT), groups=("staff",))
    small = hit(own, 0, 8)
    assert sections([own], 100).around([small]) == [small]
    (big,) = sections([own], 100).around([small], frozenset({"staff"}))
    assert big.passage.text == TEXT.strip()


def test_what_has_changed_meanwhile_and_demonstrations_stay_as_they_are() -> None:
    old = hit(document("d", "It opened at five."), 0, 18)
    solved = replace(old, passage=replace(old.passage, document="gone", answer="five"))
    assert sections([document("d", TEXT)], 100).around([old, solved]) == [old, replace(solved, rank=2)]


def test_what_begins_inside_a_table_says_what_it_goes_on_below() -> None:
    text = (
        "# Prices\n\n| Plan | Price |\n|---|--:|\n" + "".join(f"| p{n} | {n} euro |\n" for n in range(40)) + "\nOver.\n"
    )
    one = document("prices", text)
    row = text.index("| p37")
    around = sections([one], 60).around([hit(one, row, row + len("| p37 | 37 euro |"))])[0].passage
    assert (around.start, around.end) == (row, len(text.rstrip()))
    assert around.above == "| Plan | Price |"
    assert sections([one], 2000).around([hit(one, row, row + 9)])[0].passage.above == ""


def test_a_header_that_would_outgrow_the_budget_is_not_repeated() -> None:
    columns = " | ".join(f"column{n}" for n in range(500))
    rows = "".join(f"| p{n} | {n} euro |\n" for n in range(40))
    one = document("wide", f"# Prices\n\n| {columns} |\n{'|---' * 500}|\n{rows}\nOver.\n")
    row = one.text.index("| p37")
    around = sections([one], 60).around([hit(one, row, row + len("| p37 | 37 euro |"))])[0].passage
    assert around.text.startswith("| p37")
    assert around.above == ""
