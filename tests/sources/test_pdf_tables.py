"""Tables of PDF files become Markdown tables; what only looks like one stays lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.knowledge import KnowledgeBase
from groundtune.sources import Reader
from groundtune.sources.pdf import convert_pdf
from groundtune.testing.embedding import HashedWords

_FONTS = ("Helvetica", "Helvetica-Bold", "Courier")
PRICES = [["Plan", "Price", "Seats"], ["Small", "10 EUR", "1"], ["Large", "40 EUR", "25"], ["Giant", "90 EUR", "400"]]
SENTENCE = "lorem ipsum dolor sit amet consectetur adipiscing elit sed"


def words(x: float, y: float, text: str, *, font: str = "Helvetica", size: float = 10) -> str:
    """Text that begins at a place, in points from the lower left."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET"


def rule(x: float, y: float, to_x: float, to_y: float) -> str:
    """A thin line."""
    return f"{x} {y} m {to_x} {to_y} l S"


def page(drawn: Iterable[str]) -> bytes:
    """A file of one page in the format A4."""
    content = "\n".join(drawn).encode("cp1252")
    fonts = " ".join(
        f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>" for name in _FONTS
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        f"/Resources << /Font << {fonts} >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        data
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (
            size,
            table,
            size,
            len(data),
        )
    )


def read(*drawn: str) -> str:
    return convert_pdf(page(drawn), Reader()).text


def grid(xs: Sequence[float], ys: Sequence[float]) -> Iterator[str]:
    yield from (rule(xs[0], y, xs[-1], y) for y in ys)
    yield from (rule(x, ys[0], x, ys[-1]) for x in xs)


def cells(rows: Sequence[Sequence[str]], xs: Sequence[float], top: float, step: float = 20) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield from (words(x, top - step * number, text) for x, text in zip(xs, row, strict=True) if text)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]) + "\n"


def test_a_ruled_table_has_its_header_and_its_place_between_the_lines() -> None:
    text = read(
        words(70, 760, "What each plan costs."),
        *grid([70, 170, 270, 370], [750, 730, 710, 690, 670]),
        *cells(PRICES, [75, 175, 275], 736),
        words(70, 640, "Prices without tax."),
    )
    assert text == f"What each plan costs.\n\n{markdown(PRICES)}\nPrices without tax.\n\n"


def test_it_is_read_in_a_worker_process_too(tmp_path: Path) -> None:
    path = tmp_path / "prices.pdf"
    path.write_bytes(page([*grid([70, 170, 270, 370], [750, 730, 710, 690, 670]), *cells(PRICES, [75, 175, 275], 736)]))
    base = KnowledgeBase(tmp_path / "knowledge", HashedWords())
    assert base.sync(["prices.pdf"], tmp_path).failed == ()
    document = base.document("prices.pdf")
    assert document is not None
    assert markdown(PRICES) in document.text


def test_cells_of_several_lines_stay_cells() -> None:
    text = read(
        *grid([70, 170, 370], [750, 730, 700, 680]),
        *cells([["Rule", "Meaning"]], [75, 175], 736),
        *(words(75, 718, "Late fee"), words(175, 718, "Paid by who pays after"), words(175, 706, "the last day.")),
        *cells([["Refund", "Within a month."]], [75, 175], 686),
    )
    assert "| Late fee | Paid by who pays after the last day. |" in text


def test_joined_cells_have_their_words_once() -> None:
    text = read(
        *(rule(70, y, 370, y) for y in (750, 730, 710, 690)),
        *(rule(x, 690, x, 750) for x in (70, 170, 370)),
        rule(270, 690, 270, 730),
        *cells([["", "Fee"], ["Plan", "Year"], ["Small", "10"]], [75, 175], 736),
        *cells([["Month"], ["1"]], [275], 716),
    )
    assert "|  | Fee |  |\n| --- | --- | --- |\n| Plan | Year | Month |\n| Small | 10 | 1 |\n" in text


def test_rows_without_rules_between_them_are_rows() -> None:
    text = read(
        *(rule(70, y, 370, y) for y in (750, 730, 670)),
        *(rule(x, 670, x, 750) for x in (70, 170, 270, 370)),
        *cells(PRICES, [75, 175, 275], 736),
    )
    assert markdown(PRICES) in text


def test_columns_without_any_rule_are_a_table() -> None:
    assert read(*cells(PRICES, [70, 170, 270], 700, step=14)) == markdown(PRICES) + "\n"


def test_a_wrapped_cell_goes_on_and_a_missing_one_is_empty() -> None:
    rows = [["Plan", "For whom", "Seats"], ["Small", "one person", "1"], ["Large", "", "25"]]
    text = read(
        *cells(rows[:2], [70, 170, 270], 700, step=14),
        words(170, 674, "at home"),
        *cells(rows[2:], [70, 170, 270], 660, step=14),
    )
    assert "| Small | one person at home | 1 |\n| Large |  | 25 |\n" in text


def test_a_bold_header_makes_a_table_of_words() -> None:
    rows = [["bin", "Programs of all users"], ["etc", "Settings of this machine"], ["tmp", "What may be lost"]]
    header = [words(70, 714, "Directory", font="Helvetica-Bold"), words(170, 714, "Purpose", font="Helvetica-Bold")]
    assert "| Directory | Purpose |\n| --- | --- |\n| bin | Programs of all users |" in read(
        *header, *cells(rows, [70, 170], 700, step=14)
    )
    # Without one they are terms with their explanations, or a form.
    assert "|" not in read(*cells([["Directory", "Purpose"], *rows], [70, 170], 714, step=14))


def test_a_cell_cannot_break_out_of_its_table() -> None:
    rows = [["Sign", "Count"], ["a|b", "1"], ["c", "2"]]
    assert r"| a\|b | 1 |" in read(*cells(rows, [70, 170], 700, step=14))


@pytest.mark.parametrize(
    "rows",
    [
        [[SENTENCE[: 25 + n], SENTENCE[25 + n :]] for n in range(9)],
        [["1", "Introduction", "5"], ["2", "Methods", "9"], ["3", "Results", "14"]],
        [["Introduction", "5"], ["Methods", "9"], ["Results", "14"]],
        [["Contents . . . . . . . .", "Page"], ["Methods . . . . . . . .", "9"], ["Results . . . . . . . .", "14"]],
        [["•", "first of all"], ["•", "then"], ["•", "at last"]],
        [["[1]", "A. Author, 1999"], ["[2]", "B. Author, 2001"], ["[3]", "C. Author, 2004"]],
        [["Name:", "Anna Berg"], ["Street:", "Gate 4"], ["Town:", "Kiel"]],
        [["Plan", "Price"], ["Small", "10"]],
    ],
    ids=["prose", "contents", "plain contents", "dotted contents", "list", "references", "form", "two rows"],
)
def test_what_only_aligns_stays_lines(rows: list[list[str]]) -> None:
    xs = [70, 250] if len(rows[0]) == 2 else [70, 170, 270]
    text = read(*cells(rows, xs, 700, step=14))
    assert "|" not in text
    assert all(cell in text for row in rows for cell in row)


def test_code_with_aligned_comments_stays_code() -> None:
    rows = [("limit = 4", "# pages"), ("size = 10", "# points"), ("count = 7", "# lines")]
    places = [(70 + 180 * x, 700 - 12 * y, text) for y, row in enumerate(rows) for x, text in enumerate(row)]
    drawn = [words(x, y, text, font="Courier") for x, y, text in places]
    assert "|" not in read(*drawn)


def test_frames_and_charts_are_no_tables() -> None:
    frame = [*grid([50, 545], [50, 790]), rule(50, 750, 545, 750)]
    prose = [words(70, 700 - 14 * n, SENTENCE) for n in range(20)]
    assert "|" not in read(*frame, words(70, 765, "Letter"), *prose)
    chart = [*grid([100, 200, 300, 400], [400, 500, 600, 700]), words(180, 520, "peak")]
    assert "|" not in read(*chart, *(words(80, y, str(y)) for y in (400, 500, 600)))


def test_graph_paper_and_long_columns_of_numbers_are_read_in_time_as_lines() -> None:
    paper = grid([50 + 4 * n for n in range(120)], [50 + 4 * n for n in range(180)])
    assert read(*paper, words(70, 400, "peak")) == "peak\n\n"
    numbers = cells([[str(100 * row + place) for place in range(4)] for row in range(60)], [70, 170, 270, 370], 800, 12)
    assert "|" not in read(*numbers)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 9), st.integers(0, 40)), min_size=1, max_size=40),
    st.sets(st.tuples(st.booleans(), st.integers(0, 10), st.integers(0, 40), st.integers(1, 9)), max_size=30),
)
def test_no_word_is_lost_or_doubled_whatever_is_drawn(
    places: set[tuple[int, int]], rules: set[tuple[bool, int, int, int]]
) -> None:
    drawn = [words(34 + 55 * x, 800 - 18 * y, f"w{x:02}{y:02}") for x, y in sorted(places)]
    for across, x, y, length in sorted(rules):
        left, top = 30 + 55 * x, 814 - 18 * y
        drawn.append(rule(left, top, left + 55 * length if across else left, top if across else top - 18 * length))
    text = read(*drawn)
    assert sorted(re.findall(r"w\d{4}", text)) == sorted(f"w{x:02}{y:02}" for x, y in places)
