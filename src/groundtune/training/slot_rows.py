"""Rows that teach the reader to fill slots: each solved object asks for every slot, also for those that stay empty."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from groundtune.models.embedded.slots import Slot, slots_of
from groundtune.training.rows import ReadingRow, TrainingRow, locate

__all__ = ["slot_rows"]


def slot_rows(rows: Sequence[TrainingRow], schema: Mapping[str, Any]) -> list[ReadingRow]:
    """Turn solved objects into reading rows over the texts that they were made from.

    Args:
        rows: Messages with their object, as JSON, as the answer; an answer that is no object is passed over.
        schema: The flat schema of the objects; slots that are chosen from a closed set are not read.

    Returns:
        For each text slot and number slot of each row: where its value stands in the message, or, where the message
        does not hold it, in the gold passages; a slot without a value teaches "not here". A value that stands nowhere
        verbatim gives no row.

    Raises:
        CannotDo: when the schema is not flat.
    """
    slots = [slot for slot in slots_of(schema) if slot.kind != "choice"]
    made: list[ReadingRow] = []
    for row in rows:
        values = _object(row.answer)
        if values is not None:
            made += [found for slot in slots if (found := _row(slot, values.get(slot.name), row)) is not None]
    return made


def _row(slot: Slot, value: Any, row: TrainingRow) -> ReadingRow | None:
    if value is None:
        return ReadingRow(question=slot.question, passage=row.question, span=None)
    for text in (row.question, *(passage.text for passage in row.gold)):
        span = locate(str(value), text)
        if span is not None and text[slice(*span)].casefold().split() == str(value).casefold().split():
            return ReadingRow(question=slot.question, passage=text, span=span)
    return None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
