"""Rows that repeat another: they weigh double, and what stands in training and dev alike is remembered, not learned."""

from __future__ import annotations

from collections.abc import Iterator

from groundtune.training.gate.findings import Finding, Row
from groundtune.training.gate.material import Material

__all__ = ["exact_duplicates", "near_duplicates"]


def exact_duplicates(material: Material) -> Iterator[Finding]:
    """Rows with the input and the reply of an earlier one, case and punctuation aside."""
    rows: list[Row] = []
    for group in material.groups:
        first: dict[str, int] = {}
        for place in group:
            earlier = first.setdefault(material.answers[place], place)
            if earlier != place:
                rows.append(material.row(place, f"repeats {material.row(earlier).place}"))
    if rows:
        count = "1 row repeats another" if len(rows) == 1 else f"{len(rows)} rows repeat another"
        yield _finding("duplicates", f"{count} word for word", rows)


def near_duplicates(material: Material) -> Iterator[Finding]:
    """Rows with the reply of an earlier one and nearly its input, by letters or by meaning (METHODS 5.1).

    A row is compared with those that stay only, so that a chain of small changes does not take all of them out.
    """
    left_out: set[int] = set()
    rows: list[Row] = []
    for pair in material.near:
        if pair.first in left_out or pair.second in left_out:
            continue
        kept, later = material.groups[pair.first], material.groups[pair.second]
        if {material.answers[place] for place in kept} != {material.answers[place] for place in later}:
            continue
        left_out.add(pair.second)
        how = "in its letters" if pair.how == "letters" else "in its meaning"
        rows.append(material.row(later[0], f"as {material.row(kept[0]).place} {how} ({pair.strength:.2f} of 1)"))
    if rows:
        count = "1 row nearly repeats another" if len(rows) == 1 else f"{len(rows)} rows nearly repeat another"
        yield _finding("near_duplicates", f"{count}, with the same reply", rows)


def _finding(kind: str, message: str, rows: list[Row]) -> Finding:
    return Finding(kind=kind, severity="warn", message=message, rows=tuple(rows), fix="leave_out")
