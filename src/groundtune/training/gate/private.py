"""What should not be trained on, for a model may say it again: secrets and personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from groundtune.records import Example
from groundtune.training.gate.findings import Finding, Row
from groundtune.training.gate.material import Material
from groundtune.training.gate.personal import find_personal
from groundtune.training.gate.secrets import secret_finder
from groundtune.training.gate.spans import Kind, Span, masked, without_overlaps

__all__ = ["Mask", "masker", "personal_data", "secrets"]

Mask = Callable[[str], str]

_NAMES: dict[Kind, str] = {
    "secret": "secret",
    "email": "e-mail address",
    "card": "payment card number",
    "iban": "bank account (IBAN)",
    "phone": "phone number",
    "ssn": "social security number",
    "ip": "public IP address",
}


def secrets(material: Material) -> Iterator[Finding]:
    """Keys, tokens and passwords; those whose form leaves no doubt close the gate.

    Raises:
        MissingExtra: when detect-secrets is not installed.
    """
    with secret_finder() as find:
        found = _rows(material, find)
    certain = [row for row, spans in found if any(span.sure for span in spans)]
    guessed = [row for row, spans in found if not any(span.sure for span in spans)]
    if certain:
        message = f"{len(certain)} rows hold a secret (a key or token); renew it, for it has been in a file"
        yield Finding(kind="secrets", severity="refuse", message=message, rows=tuple(certain), fix="mask")
    if guessed:
        message = f"{len(guessed)} rows may hold a password or key"
        yield Finding(kind="secrets", severity="warn", message=message, rows=tuple(guessed), fix="mask")


def personal_data(material: Material) -> Iterator[Finding]:
    """Personal data that has a form of its own; where it stands, and never what it is.

    Raises:
        MissingExtra: when phonenumbers or validators is not installed.
    """
    found = _rows(material, lambda text: without_overlaps(find_personal(text)))
    if not found:
        return
    kinds = Counter(kind for _, spans in found for kind in {span.kind for span in spans})
    counts = ", ".join(f"{_NAMES[kind]} in {count}" for kind, count in kinds.most_common())
    yield Finding(
        kind="personal_data",
        severity="warn",
        message=f"{len(found)} rows hold personal data ({counts}); names and addresses are not looked for",
        rows=tuple(row for row, _ in found),
        fix="mask",
    )


@contextmanager
def masker() -> Iterator[Mask]:
    """Makes texts without their secrets and personal data: placeholders such as ``[EMAIL]`` take their place.

    Raises:
        MissingExtra: when a library that finds them is not installed.
    """
    with secret_finder() as find:
        yield lambda text: masked(text, without_overlaps([*find(text), *find_personal(text)]))


def _rows(material: Material, find: Callable[[str], list[Span]]) -> list[tuple[Row, list[Span]]]:
    found = []
    seen: dict[str, list[Span]] = {}
    for place, example in enumerate(material.examples):
        turns = []
        for turn in example.messages:
            if turn.content not in seen:
                seen[turn.content] = find(turn.content)
            turns.append(seen[turn.content])
        if any(turns):
            found.append((material.row(place, _where(example, turns)), [span for spans in turns for span in spans]))
    return found


def _where(example: Example, turns: list[list[Span]]) -> str:
    return "; ".join(
        f"{_NAMES[span.kind]} in turn {number} ({turn.role}), characters {span.start + 1} to {span.end}"
        for number, (turn, spans) in enumerate(zip(example.messages, turns, strict=True), start=1)
        for span in spans
    )
