"""Filling the slots of a JSON Schema by reading and choosing: every value stands in a text or in the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from groundtune.errors import CannotDo
from groundtune.models.embedded.choose import Choice
from groundtune.models.embedded.slots import Slot, slots_of
from groundtune.records import Demonstration, Passage, Prompt, Quote

__all__ = ["Filled", "fill"]

_UNSURE = 0.5
"""A value that is less likely than this is left out."""

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Found(Protocol):
    """What a reader found, see `read.Reading`."""

    @property
    def passage(self) -> int:
        """Number of the text."""

    @property
    def start(self) -> int:
        """Where the span begins."""

    @property
    def end(self) -> int:
        """Where it ends."""

    @property
    def text(self) -> str:
        """The span."""

    @property
    def not_here(self) -> float:
        """Probability that it is not there."""


class Reads(Protocol):
    """A reader, see `read.Reader`."""

    def read(self, question: str, passages: Sequence[str]) -> Found | None:
        """The best span."""


class Chooses(Protocol):
    """A chooser, see `choose.Chooser`."""

    def choose(
        self,
        question: str,
        labels: Sequence[str],
        examples: Sequence[Demonstration] = (),
        passages: Sequence[Passage] = (),
    ) -> Choice:
        """Choose one of ``labels``."""


@dataclass(frozen=True, slots=True)
class Filled:
    """An object that satisfies the schema, or the slot that stayed empty.

    Attributes:
        text: The object as JSON; empty when ``missing``.
        quotes: Where values stand in the prompt's passages.
        confidence: Probability in [0, 1] of the least certain value.
        missing: A required slot that nothing was found for, or that broke a rule of the schema.
    """

    text: str
    quotes: tuple[Quote, ...]
    confidence: float
    missing: str | None


@dataclass(frozen=True, slots=True)
class _Value:
    """A value for a slot; a read one has the span that it was read from: text (0 is the question), start and end."""

    value: Any
    probability: float
    span: tuple[int, int, int] | None = None
    quote: Quote | None = None


def fill(prompt: Prompt, reader: Reads, chooser: Chooses) -> Filled:
    """Fill the slots of the prompt's schema from its question and its passages.

    Raises:
        CannotDo: when there is no schema or it is not flat.
    """
    if prompt.schema is None:
        raise CannotDo('Extracting needs a JSON Schema of the reply: [project] schema = "reply.schema.json".')
    slots = slots_of(prompt.schema)
    values = {slot.name: _value(slot, prompt, reader, chooser) for slot in slots}
    kept = {slot.name: values[slot.name] for slot in slots if _keep(slot, values[slot.name], prompt)}
    kept = {slot.name: kept[slot.name] for slot in slots if slot.name in kept and not _outdone(slot, kept)}
    instance = {slot.name: None for slot in slots if slot.required and slot.nullable}
    instance |= {name: value.value for name, value in kept.items()}
    missing = next((slot.name for slot in slots if slot.required and slot.name not in instance), None)
    missing = missing or _broken(prompt.schema, instance)
    if missing:
        return Filled("", (), 0.0, missing)
    quotes = tuple(value.quote for value in kept.values() if value.quote)
    confidence = min((_certainty(slot, values[slot.name], kept) for slot in slots), default=1.0)
    return Filled(json.dumps(instance, ensure_ascii=False, sort_keys=True), quotes, confidence, None)


def _value(slot: Slot, prompt: Prompt, reader: Reads, chooser: Chooses) -> _Value:
    return _chosen(slot, prompt, chooser) if slot.kind == "choice" else _read(slot, prompt, reader)


def _chosen(slot: Slot, prompt: Prompt, chooser: Chooses) -> _Value:
    options = {slot.label(option): option for option in slot.options}
    examples = [
        Demonstration(question=example.question, answer=slot.label(value[slot.name]))
        for example in prompt.examples
        if (value := _object(example.answer)) is not None and slot.name in value
    ]
    documents = [passage for passage in prompt.passages if passage.answer is None]
    choice = chooser.choose(prompt.question, list(options), examples, documents)
    return _Value(options[choice.label], choice.probability)


def _read(slot: Slot, prompt: Prompt, reader: Reads) -> _Value:
    places = [i for i, passage in enumerate(prompt.passages) if passage.answer is None]
    found = reader.read(slot.question, [prompt.question, *(prompt.passages[i].text for i in places)])
    if found is None:
        return _Value(None, 1.0)
    value = found.text if slot.kind == "text" else _number(found.text, slot.kind == "integer")
    quote = Quote(passage=places[found.passage - 1], start=found.start, end=found.end) if found.passage else None
    return _Value(value, 1.0 - found.not_here, (found.passage, found.start, found.end), quote)


def _keep(slot: Slot, value: _Value, prompt: Prompt) -> bool:
    if slot.kind == "choice":
        return slot.required or value.probability >= _UNSURE
    if value.value is None or value.probability < _UNSURE:
        return False
    own_rules = {"properties": {slot.name: (prompt.schema or {})["properties"][slot.name]}}
    return _broken(own_rules, {slot.name: value.value}) is None


def _outdone(slot: Slot, kept: Mapping[str, _Value]) -> bool:
    """Whether another slot is surer of the same span: a span says one thing. A required slot keeps its own."""
    mine = kept[slot.name]
    if slot.required or mine.span is None:
        return False
    return any(other.span == mine.span and other.probability > mine.probability for other in kept.values())


def _number(text: str, whole: bool) -> int | float | None:
    found = _NUMBER.search(text)
    if found:
        number = float(found[0].replace(",", ""))
        if whole:
            return int(number) if number.is_integer() else None
        return int(number) if number.is_integer() and "." not in found[0] else number
    return next((_WORDS.index(word) for word in text.casefold().split() if word in _WORDS), None)


def _broken(schema: Mapping[str, Any], instance: dict[str, Any]) -> str | None:
    """The slot whose rule an object breaks, or the rule of the whole object in words; None when it breaks none."""
    from jsonschema.validators import validator_for
    from referencing import Registry

    # Not checked as a whole again, as for each slot that would be slow: the project's file was, when it was opened.
    error = next(validator_for(schema)(dict(schema), registry=Registry()).iter_errors(instance), None)
    if error is None:
        return None
    return str(error.path[0]) if error.path else error.message


def _certainty(slot: Slot, value: _Value, kept: dict[str, _Value]) -> float:
    return value.probability if slot.name in kept else 1.0 - value.probability if value.value is not None else 1.0


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
