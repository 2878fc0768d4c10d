"""Rows that ask the same and are answered differently: whatever the model says, it is wrong on one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groundtune.training.gate.findings import Finding
from groundtune.training.gate.material import Material, same_answer
from groundtune.training.gate.near import Near
from groundtune.training.gate.wording import content_words

__all__ = ["conflicts"]


def conflicts(material: Material) -> Iterator[Finding]:
    """Inputs that are equal, or nearly, with replies that cannot all be right.

    Nearly equal inputs conflict where the replies are labels. An answer may differ for good reason with a single word
    of the question, so that there the questions must have the same words but for those without content. The slots of
    extract follow every word, so that only equal inputs conflict. Free text (``write``) is not examined: two good
    texts are not the same text.
    """
    if material.task == "write":
        return
    details: dict[int, str] = {}
    for group in material.groups:
        _disagree(material, group, group, details)
    for pair in material.near:
        first, second = material.groups[pair.first], material.groups[pair.second]
        if material.task == "classify" or (material.task == "answer" and _same_content(material, pair)):
            _disagree(material, first, second, details)
    if details:
        rows = tuple(material.row(place, details[place]) for place in sorted(details))
        message = (
            f"{len(rows)} rows ask what another row asks, and are answered differently: look which is right "
            "(a cleaned copy leaves all of them out)"
        )
        yield Finding(kind="conflicts", severity="warn", message=message, rows=rows, fix="leave_out")


def _disagree(material: Material, first: Sequence[int], second: Sequence[int], details: dict[int, str]) -> None:
    for places, others in ((first, second), (second, first)):
        for place in places:
            if place in details:
                continue
            rival = next((other for other in others if not _agree(material, place, other)), None)
            if rival is not None:
                details[place] = f"answered otherwise in {material.row(rival).place}"


def _agree(material: Material, place: int, other: int) -> bool:
    return same_answer(material.answers[place], material.answers[other], material.task)


def _same_content(material: Material, pair: Near) -> bool:
    first, second = (material.inputs[material.groups[place][0]] for place in (pair.first, pair.second))
    return content_words(first) == content_words(second)
