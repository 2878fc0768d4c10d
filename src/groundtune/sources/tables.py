"""Rows of cells as Markdown tables, and the CSV files that they come from."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from groundtune.sources.converted import Converted
from groundtune.sources.failure import Unusable

__all__ = ["blocks", "convert_csv", "table"]

_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 2**20
_SAMPLE = 16384
_SAMPLE_LINES = 50


def convert_csv(text: str) -> Converted:
    """One table with the first row as its header; comma, semicolon, tab and bar are told apart by themselves.

    Raises:
        Unusable: when a field never ends.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text), delimiter=_delimiter(text))
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise Unusable(f"it is no CSV: {error}", "Check its quotes; a field may have up to 1 MiB.", "damaged") from None
    return Converted(title="", text=table(rows))


def _delimiter(text: str) -> str:
    """The delimiter that cuts most of the first lines into the same number of fields.

    The standard library's `csv.Sniffer` takes a minute for 64 KiB of the wrong quotes.
    """
    lines = text[:_SAMPLE].splitlines()[:_SAMPLE_LINES]

    def agreement(delimiter: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
        except csv.Error:
            return 0, 0
        width, rows = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        return rows, width

    return max(_DELIMITERS, key=agreement)


def blocks(rows: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """The tables of a sheet: what empty rows part, each without its empty columns."""
    block: list[Sequence[str]] = []
    for row in [*rows, ()]:
        if any(cell.strip() for cell in row):
            block.append(row)
        elif block:
            used = [place for place in range(max(map(len, block))) if any(_cell(row, place) for row in block)]
            yield [[_cell(row, place) for place in used] for row in block]
            block = []


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first row is the header; short rows are filled up."""
    if not rows:
        return ""
    width = max(map(len, rows))
    lines = [f"| {' | '.join(_cell(row, place) for place in range(width))} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]]) + "\n"


def _cell(row: Sequence[str], place: int) -> str:
    return " ".join(row[place].split()).replace("|", "\\|") if place < len(row) else ""
