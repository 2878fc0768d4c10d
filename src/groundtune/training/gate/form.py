"""Every row has the form that training needs: readable, its label in the closed set, its reply as the schema says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from groundtune.errors import ProjectError
from groundtune.models.reply_schema import reply_validator
from groundtune.records import Example
from groundtune.training.gate.findings import Finding, Row
from groundtune.training.gate.material import Material

__all__ = ["form"]


def form(material: Material) -> Iterator[Finding]:
    """Rows that cannot be read, labels that are none, replies that are no JSON or break the schema, odd turns."""
    yield from _broken(material)
    if material.task == "classify":
        yield from _labels(material)
    elif material.task == "extract" or material.against.schema is not None:
        yield from _replies(material)
    yield from _turns(material)


def _broken(material: Material) -> Iterator[Finding]:
    faults = material.against.faults
    if not faults:
        return
    reasons: dict[int | None, list[str]] = defaultdict(list)
    for fault in faults:
        reasons[fault.line].append(fault.reason)
    yield Finding(
        kind="broken",
        severity="note" if material.against.skip_faults else "refuse",
        message=f"{_rows(len(reasons))} cannot be used",
        rows=tuple(Row(id="", line=line, detail="; ".join(texts)) for line, texts in reasons.items()),
        fix="leave_out",
    )


def _labels(material: Material) -> Iterator[Finding]:
    allowed = set(material.against.labels)
    if allowed:
        wrong = [
            material.row(place, f"label {example.answer!r:.80} is not one of the {len(allowed)} in the settings")
            for place, example in enumerate(material.examples)
            if example.answer not in allowed
        ]
        if wrong:
            message = f"{_rows(len(wrong))} have a label outside the closed set"
            yield Finding(kind="labels", severity="refuse", message=message, rows=tuple(wrong), fix="leave_out")
        return
    spellings: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, example in enumerate(material.examples):
        spellings[" ".join(example.answer.casefold().split())][example.answer].append(place)
    for written in spellings.values():
        if len(written) > 1:
            rarer = sorted(written, key=lambda label: len(written[label]))[:-1]
            yield Finding(
                kind="labels",
                severity="warn",
                message=f"{' and '.join(map(repr, sorted(written)))} look like one label spelled in several ways",
                rows=tuple(material.row(place, f"written {label!r}") for label in rarer for place in written[label]),
            )


def _replies(material: Material) -> Iterator[Finding]:
    schema = material.against.schema
    try:
        validator = None if schema is None else reply_validator(schema)
    except ProjectError as error:
        yield Finding(kind="schema", severity="refuse", message=str(error))
        return
    wrong = []
    for place, example in enumerate(material.examples):
        reason = _fault(example, validator)
        if reason:
            wrong.append(material.row(place, reason))
    if wrong:
        what = "are not JSON as the schema asks" if validator else "are no JSON object"
        message = f"the replies of {_rows(len(wrong))} {what}"
        yield Finding(kind="schema", severity="refuse", message=message, rows=tuple(wrong), fix="leave_out")


def _fault(example: Example, validator: Any) -> str:
    try:
        value = json.loads(example.answer)
    except ValueError as error:
        return f"the reply is not JSON ({error})"
    if validator is None:
        return "" if isinstance(value, Mapping) else f"the reply is no JSON object but {type(value).__name__}"
    from jsonschema.exceptions import best_match

    broken = best_match(validator.iter_errors(value))
    return "" if broken is None else f"at {broken.json_path}: breaks the schema's {broken.validator!r}"


def _turns(material: Material) -> Iterator[Finding]:
    """Most chat templates take a system turn first and then user and assistant by turns; some refuse all else."""
    odd = tuple(material.row(place, _odd(e)) for place, e in enumerate(material.examples) if _odd(e))
    if odd:
        message = (
            f"in {_rows(len(odd))} the turns are not system, user, assistant, user, …: some chat models refuse that"
        )
        yield Finding(kind="turns", severity="warn", message=message, rows=odd)


def _odd(example: Example) -> str:
    roles = [turn.role for turn in example.messages]
    if "system" in roles[1:]:
        return f"turn {roles.index('system', 1) + 1} is the system's, and not the first"
    spoken = roles[1:] if roles[0] == "system" else roles
    twice = next((role for role, following in pairwise(spoken) if role == following), None)
    if twice:
        return f"two turns of the {twice} follow each other"
    return "" if spoken[0] == "user" else "the assistant speaks first"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
