"""Rows of cells as Markdown tables, and the CSV files that they come from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from groundtune.sources.converted import Converted
from groundtune.sources.failure import Unusable

__all__ = ["blocks", "convert_csv", "table"]

_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 2**20


def convert_csv(text: str) -> Converted:
    """One table with the first row as its header; comma, semicolon, tab and bar are told apart by themselves.

    Raises:
        Unusable: when a field never ends.
    """
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:65536], _DELIMITERS)
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), dialect) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise Unusable(f"it is no CSV: {error}", "Check its quotes; a field may have up to 1 MiB.", "damaged") from None
    return Converted(title="", text=table(rows))


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
