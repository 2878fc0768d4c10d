"""examples.jsonl: training conversations in the OpenAI chat fine-tuning format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundtune.errors import Fault
from groundtune.records import Evidence, Example, Message
from groundtune.sources.rows import BadRow, read_rows

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFile:
    """What a file of examples holds.

    Attributes:
        examples: The good rows in file order, with distinct ids.
        lines: Example id -> its line (1-based).
        faults: Line and reason of each row that cannot be used.
    """

    examples: tuple[Example, ...]
    lines: Mapping[str, int]
    faults: tuple[Fault, ...]


def read_example_file(path: Path) -> ExampleFile:
    """Read the training examples with their lines.

    Raises:
        ProjectError: when the file is missing or unreadable.
    """
    rows, faults = read_rows(path, parse_example)
    lines: dict[str, int] = {}
    kept = []
    for row in rows:
        example = replace(row.value, id=row.value.id or f"line-{row.line}")
        if example.id in lines:
            faults.append(Fault(row.line, f"id {example.id!r} is used already in line {lines[example.id]}"))
            continue
        lines[example.id] = row.line
        kept.append(example)
    faults.sort(key=lambda fault: fault.line or 0)
    return ExampleFile(examples=tuple(kept), lines=lines, faults=tuple(faults))


def read_examples(path: Path) -> tuple[list[Example], list[Fault]]:
    """Read the training examples.

    Returns:
        The good rows in file order, and a fault with line and reason for each row that cannot be used.

    Raises:
        ProjectError: when the file is missing or unreadable.
    """
    file = read_example_file(path)
    return list(file.examples), list(file.faults)


def parse_example(row: Mapping[str, Any]) -> Example:
    """Make an example of one row; ``id`` is empty when the row has none.

    Raises:
        BadRow: with everything that is wrong with the row.
    """
    reasons: list[str] = []
    messages = _messages(row.get("messages"), reasons)
    evidence = _evidence(row.get("evidence"), reasons)
    identity = row.get("id", "")
    if not isinstance(identity, str | int):
        reasons.append(f'"id" must be a text or a number; given {identity!r:.80}')
    if reasons:
        raise BadRow(*reasons)
    return Example(id=str(identity), messages=messages, evidence=evidence)


def _messages(given: object, reasons: list[str]) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given:
        reasons.append('"messages" must be a list of turns such as {"role": "user", "content": "…"}')
        return ()
    wrong = [turn for turn in given if not _is_turn(turn)]
    if wrong:
        reasons.append(f"each turn needs a role ({', '.join(ROLES)}) and a text as content; given {wrong[0]!r:.80}")
        return ()
    messages = tuple(Message(role=turn["role"], content=turn["content"]) for turn in given)
    if messages[-1].role != "assistant":
        reasons.append(f"the last turn must be the assistant's ideal reply; it is the {messages[-1].role}'s")
    if not any(message.role == "user" for message in messages):
        reasons.append("no turn is the user's")
    return messages


def _is_turn(turn: object) -> bool:
    if not isinstance(turn, dict) or turn.get("role") not in ROLES:
        return False
    content = turn.get("content")
    return isinstance(content, str) and bool(content.strip())


def _evidence(given: object, reasons: list[str]) -> tuple[Evidence, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(
        isinstance(item, dict) and isinstance(item.get("doc"), str) for item in given
    ):
        reasons.append('"evidence" must be a list of objects with "doc", the id of a document')
        return ()
    return tuple(
        Evidence(doc=item["doc"], start=item.get("start"), end=item.get("end"), quote=item.get("quote"))
        for item in given
    )
