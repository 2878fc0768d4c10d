"""Passages cover their document exactly once, in order, and keep together what belongs together."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.knowledge.blocks import Block, blocks
from groundtune.knowledge.passages import Piece, Splitter
from groundtune.models.embedded.markup import audible, silence, silent_spans
from groundtune.testing.embedding import HashedTokens

TOKENS = HashedTokens()
LIMIT = 24

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1, max_size=12)
sentences = st.lists(
    st.sampled_from(["gate", "closes", "Über", "東京", "e\u0301", "👩‍👩‍👧", "x_y", "`a`"]) | words, max_size=30
)
lines = (
    sentences.map(" ".join)
    | st.builds("{} {}".format, st.sampled_from(["#", "##", "###"]), words)
    | st.sampled_from(["", "```", "~~~", "| a | b |", "|---|---|", "- item.", "====", "---", "\t", "[x](http://a/b)"])
)
texts = st.lists(lines, max_size=25).map("\n".join) | st.text(max_size=200)


def split(text: str, title: str = "") -> list[Piece]:
    return Splitter(TOKENS, LIMIT).split(text, title)


@given(texts)
def test_blocks_cover_the_text(text: str) -> None:
    place = 0
    for block in blocks(text):
        assert block.start == place < block.end
        place = block.end
    assert place == len(text)


@given(texts)
def test_pieces_are_exact_ordered_and_disjoint(text: str) -> None:
    place = 0
    for piece in split(text):
        assert place <= piece.start < piece.end <= len(text)
        assert text[piece.start : piece.end] == text[piece.start : piece.end].strip()
        place = piece.end


@given(texts)
def test_every_token_is_embedded_exactly_once(text: str) -> None:
    spoken = silence(TOKENS.encode(text), silent_spans(text))
    ids, starts = spoken.ids, [start for start, _ in spoken.offsets]
    pieces = split(text)
    context = [len(TOKENS.encode(piece.context).ids) for piece in pieces]
    assert [number for piece, skip in zip(pieces, context, strict=True) for number in piece.ids[skip:]] == ids
    assert all(any(piece.start <= start < piece.end for piece in pieces) for start in starts)


@given(texts)
def test_no_piece_is_much_longer_than_the_limit(text: str) -> None:
    for piece in split(text):
        assert len(piece.ids) - len(TOKENS.encode(piece.context).ids) <= LIMIT * 7 // 4


@given(texts)
def test_a_heading_stays_with_what_follows_it(text: str) -> None:
    pieces = split(text)
    starts = [start for start, _ in silence(TOKENS.encode(text), silent_spans(text)).offsets]
    inside = [[start for start in starts if block.start <= start < block.end] for block in blocks(text)]
    levels = [block.level for block in blocks(text)]
    filled = [(level, tokens) for level, tokens in zip(levels, inside, strict=True) if tokens]
    run = 0
    for (level, heading), (_, following) in pairwise(filled):
        run = run + len(heading) if level else 0
        if level and run <= LIMIT // 4:
            holder = next(piece for piece in pieces if piece.start <= heading[-1] < piece.end)
            assert holder.start <= following[0] < holder.end


def test_a_long_section_repeats_its_headings_as_context() -> None:
    text = "# Guide\n\n## Gate\n\n" + "The gate closes at eight in the evening. " * 8
    pieces = split(text, "Manual")
    assert pieces[0].headings == ()
    assert pieces[0].context == "Manual"
    assert all(piece.headings == ("Guide", "Gate") for piece in pieces[1:])
    assert all(piece.context == "Manual > Guide > Gate" for piece in pieces[1:])
    assert all(text[piece.start : piece.end].endswith(".") for piece in pieces)


def test_code_stays_whole_where_it_fits_and_is_cut_between_lines_where_not() -> None:
    code = "```\n" + "\n".join(f"call {n}" for n in range(6)) + "\n\ncall 9\n```"
    text = "# A\n\nSome words about the calls that follow here, and what they are for.\n\n" + code
    pieces = split(text)
    assert any(code.startswith(text[piece.start : piece.end][:20]) for piece in pieces)
    long = "```\n" + "\n".join(f"call {n}" for n in range(60)) + "\n```"
    assert all(re.fullmatch(r"(```\n)?(call \d+\n?)+(```)?", long[p.start : p.end]) for p in split(long))


TABLE = "| Plan | Price |\n|---|--:|\n" + "".join(f"| p{n} | {n} euro |\n" for n in range(12))


def test_a_table_that_fits_stays_whole_and_one_that_does_not_repeats_its_header_where_it_is_embedded() -> None:
    text = f"# Prices\n\nAll plans of this year, by size, as they are sold:\n{TABLE}\nPrices may change.\n"
    whole = Splitter(TOKENS, 200).split(text, "Shop")
    assert [text[piece.start : piece.end] for piece in whole] == [text.strip()]
    rows = [piece for piece in split(text, "Shop") if "euro" in text[piece.start : piece.end]]
    assert len(rows) > 2
    assert text[rows[0].start :].startswith("| Plan | Price |")
    for piece in rows[1:]:
        assert text[piece.start :].startswith("| p")
        assert piece.context == "Shop > Prices\n| Plan | Price |"
        header = TOKENS.encode("| Plan | Price |").ids
        assert piece.ids[3 : 3 + len(header)] == header  # after "Shop > Prices"
        assert "Plan" not in text[piece.start : piece.end]
        assert piece.above == "| Plan | Price |"
    assert rows[0].above == ""


def test_further_lines_of_code_are_embedded_below_their_language() -> None:
    body = "".join(f"call({n})\n" for n in range(60))
    first, *further = split(f"## Calls\n\n```python\n{body}```\n", "Manual")
    assert (first.context, first.above) == ("Manual", "")
    assert len(further) > 2
    language = TOKENS.encode("```python").ids
    for piece in further:
        assert piece.above == "```python"
        assert piece.context == "Manual > Calls\n```python"
        assert piece.ids[3 : 3 + len(language)] == language
    assert not any(piece.above for piece in split(f"```\n{body}```\n"))
    assert not any(piece.above for piece in split("Prose. " * 100 + f"\n\n~~~\n{body}~~~\n" + "Prose. " * 100))


def test_a_table_needs_no_pipes_at_its_edges_and_no_blank_line_before_it() -> None:
    text = "The plans:\nPlan | Price\n:--- | ---\nsmall | 1\n"
    first, table = blocks(text)
    assert (text[first.start : first.end], first.rigid) == ("The plans:\n", False)
    assert table.header is not None
    assert text[slice(*table.header)] == "Plan | Price\n"


@given(texts)
def test_headings_are_alone_only_where_they_fill_a_passage_or_the_text(text: str) -> None:
    starts = [start for start, _ in silence(TOKENS.encode(text), silent_spans(text)).offsets]
    spoken = {start: block for block in blocks(text) for start in starts if block.start <= start < block.end}
    headings = {start for start, block in spoken.items() if block.level > 0 and _tokens(block, starts) <= LIMIT // 2}
    for piece in split(text):
        inside = {start for start in starts if piece.start <= start < piece.end}
        assert inside - headings or len(inside) > LIMIT // 2 or headings == set(starts)


def _tokens(block: Block, starts: list[int]) -> int:
    return sum(block.start <= start < block.end for start in starts)


def test_a_short_section_is_joined_to_its_sibling_but_not_to_a_higher_one() -> None:
    def firsts(text: str) -> list[str]:
        pieces = Splitter(TOKENS, 80).split(text, "")
        return [text[piece.start : piece.end].split("\n")[0] for piece in pieces]

    assert firsts("## B\n\nShort.\n\n## C\n\nAlso short.\n\n# D\n\nA chapter.") == ["## B", "# D"]
    assert firsts("# A\n\n## B\n\nShort.\n\n# D\n\nA chapter.") == ["# A"]


def test_link_targets_anchors_and_escapes_are_shown_but_not_embedded() -> None:
    text = 'See [the guide](http://a.example/x(1).html "t")<a name="b"></a> of 2011\\-12\\-05\\.'
    (piece,) = split(text)
    assert text[piece.start : piece.end] == text
    assert piece.ids == TOKENS.encode("See [the guide] of 2011-12-05.").ids
    assert audible(text) == "See [the guide] of 2011-12-05."


def test_headings_alone_are_kept_when_there_is_nothing_else() -> None:
    text = "# One\n\n# Two\n"
    assert [text[piece.start : piece.end] for piece in split(text)] == ["# One\n\n# Two"]


def test_a_whole_piece_is_never_cut() -> None:
    text = "word " * 500
    piece = Splitter(TOKENS, LIMIT).whole(text)
    assert (piece.start, piece.end, len(piece.ids)) == (0, len(text), 254)


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", "](", "[a](", "data:a/b;base64,", "|---", "*", "\\*", "# a\n", "```\n"]
)
def test_hostile_repetition_is_cut_in_linear_time(piece: str) -> None:
    began = time.process_time()
    split(piece * 10_000)
    assert time.process_time() - began < 5
