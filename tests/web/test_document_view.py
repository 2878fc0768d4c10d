"""Documents as blocks: nothing lost, nothing invented, the cited characters marked exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.web.document_view import Block, document_blocks

TEXT = """# Title

A paragraph that was wrapped by its author at some width,
and goes on.

Name: value
Other: thing

- one
  more
- two

```
code  stays

as it is
```

| a | b |
| 1 | 2 |
## Next
end"""


def shown(block: Block) -> str:
    return "".join(segment.text for segment in block.segments)


def test_each_kind_of_block() -> None:
    assert [(block.kind, block.level, shown(block)) for block in document_blocks(TEXT)] == [
        ("heading", 1, "Title"),
        ("text", 0, "A paragraph that was wrapped by its author at some width,\nand goes on."),
        ("lines", 0, "Name: value\nOther: thing"),
        ("item", 0, "one\n  more"),
        ("item", 0, "two"),
        ("code", 0, "code  stays\n\nas it is"),
        ("table", 0, "| a | b |\n| 1 | 2 |"),
        ("heading", 2, "Next"),
        ("text", 0, "end"),
    ]


@pytest.mark.parametrize(
    "quote", ["paragraph", "wrapped by its author at some width,\nand goes", "stays\n\nas", "1 | 2"]
)
def test_a_quote_inside_a_block_is_marked(quote: str) -> None:
    start = TEXT.index(quote)
    blocks = document_blocks(TEXT, start, start + len(quote))
    assert [segment.text for block in blocks for segment in block.segments if segment.cited] == [quote]


def test_without_a_citation_nothing_is_marked() -> None:
    for blocks in (document_blocks(TEXT), document_blocks(TEXT, 3, None), document_blocks(TEXT, 9, 4)):
        assert not any(segment.cited for block in blocks for segment in block.segments)


@pytest.mark.parametrize(
    ("raw", "shown_as"),
    [
        ('Types<a name="types"></a>', "Types"),
        ("see [the `guide`](a.md#b) and ![a picture](c.png)", "see the guide and a picture"),
        ("R3\\. costs \\$5, C:\\temp stays", "R3. costs $5, C:\\temp stays"),
        ("**Strong words** and `code`", "Strong words and code"),
        ("2**3 and 4**5, x ** y ** z", "2**3 and 4**5, x ** y ** z"),
        ("see [1] and f[0](", "see [1] and f[0]("),
        ("a <b>tag</b> stays", "a <b>tag</b> stays"),
    ],
)
def test_signs_are_hidden_and_words_are_not(raw: str, shown_as: str) -> None:
    assert [shown(block) for block in document_blocks(raw)] == [shown_as]


def test_what_is_cited_stays_visible_even_where_it_is_only_a_sign() -> None:
    raw = "All [current types](instance-types.md) count."
    start = raw.index("instance-types")
    assert [(s.text, s.cited) for s in document_blocks(raw, start, start + 14)[0].segments] == [
        ("All current types", False),
        ("instance-types", True),
        (" count.", False),
    ]
    start = raw.index("types]")
    assert document_blocks(raw, start, len(raw) - 7)[0].segments[1].text == "types"


LINES = st.sampled_from(
    ["# h", "text", "- item", "| t |", "```", "", "  ", "#no", "a" * 60, "1. x", "\r", "~~~", "\x0c"]
)


@given(st.lists(LINES, max_size=12), st.data())
def test_every_visible_character_is_shown_once_in_order(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    segments = [segment for block in document_blocks(text, start, end) for segment in block.segments]
    everything = "".join(segment.text for segment in segments)
    rest = iter(text)
    assert all(character in rest for character in everything)
    cited = "".join(segment.text for segment in segments if segment.cited)
    within = iter(text[start:end])
    assert all(character in within for character in cited)
    for word in ("text", "item", "t", "#no", "a" * 60, "x"):
        assert everything.count(word) == text.count(word)
