"""Rows that are longer than the model reads, or than all others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from groundtune.training.gate.findings import Finding
from groundtune.training.gate.material import Material

__all__ = ["lengths"]

_FEWEST = 30
_DEVIATIONS = 8
_TIMES = 5


def lengths(material: Material) -> Iterator[Finding]:
    """Rows over the limit of the model, which are cut or left out in training; and rows far from the usual length."""
    if not material.examples:
        return
    whole = ["\n".join(turn.content for turn in example.messages) for example in material.examples]
    room = material.against.room
    over: set[int] = set()
    if room is not None:
        texts = whole if room.whole else [example.question for example in material.examples]
        counts = room.count(texts)
        over = {place for place, count in enumerate(counts) if count > room.tokens}
        if over:
            what = "conversations" if room.whole else "questions"
            yield Finding(
                kind="too_long",
                severity="warn",
                message=f"{len(over)} {what} are longer than the {room.tokens} tokens that the model is given",
                rows=tuple(material.row(place, f"about {counts[place]} tokens") for place in sorted(over)),
                fix="leave_out",
            )
    yield from _outliers(material, [len(text) for text in whole], over)


def _outliers(material: Material, sizes: list[int], known: set[int]) -> Iterator[Finding]:
    """Lengths over 5 times the median and 8 median absolute deviations off on the log scale."""
    if len(sizes) < _FEWEST:
        return
    logs = [math.log(size) for size in sizes]
    middle = median(logs)
    deviation = 1.4826 * median(abs(value - middle) for value in logs)
    bar = middle + max(math.log(_TIMES), _DEVIATIONS * deviation)
    rows = tuple(
        material.row(place, f"{sizes[place]} characters, usual are {math.exp(middle):.0f}")
        for place, value in enumerate(logs)
        if value > bar and place not in known
    )
    if rows:
        message = f"{len(rows)} rows are far longer than the others: look whether they belong here"
        yield Finding(kind="unusual_length", severity="note", message=message, rows=rows)
