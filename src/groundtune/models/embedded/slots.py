"""The slots of a flat JSON Schema: what each one is asked, and what may stand in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from groundtune.errors import CannotDo
from groundtune.models.embedded.choose import verbalise

__all__ = ["Slot", "slots_of"]

_KINDS: dict[str, Literal["text", "number", "integer"]] = {"string": "text", "number": "number", "integer": "integer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One property of the schema.

    Attributes:
        name: Its key.
        kind: ``choice`` among ``options``; ``text`` and numbers are read.
        question: What the reader is asked for it.
        options: The values of a choice.
        required: Whether an object without it is refused.
        nullable: Whether null may stand in it.
    """

    name: str
    kind: Literal["choice", "text", "number", "integer"]
    question: str
    options: tuple[Any, ...] = ()
    required: bool = False
    nullable: bool = False

    def label(self, option: Any) -> str:
        """An option in words, with the slot that it is of."""
        word = ("no", "yes")[option] if isinstance(option, bool) else str(option)
        return f"{verbalise(self.name)}: {verbalise(word)}"


def slots_of(schema: Mapping[str, Any]) -> list[Slot]:
    """The slots of a schema, in its order.

    Raises:
        CannotDo: when the schema is not one flat object of texts, numbers, booleans and enums.
    """
    if schema.get("type", "object") != "object" or "$ref" in json.dumps(schema):
        raise _too_deep("it must be one object without $ref")
    required = set(schema.get("required", ()))
    return [_slot(name, dict(described), name in required) for name, described in schema.get("properties", {}).items()]


def _slot(name: str, described: Mapping[str, Any], required: bool) -> Slot:
    given = described.get("type", ())
    types = [given] if isinstance(given, str) else list(given)
    nullable = "null" in types or None in described.get("enum", ())
    kind, options = _kind(name, described, [t for t in types if t != "null"])
    return Slot(
        name=name,
        kind=kind,
        question=_question(name, described),
        options=options,
        required=required,
        nullable=nullable,
    )


def _kind(
    name: str, described: Mapping[str, Any], types: list[str]
) -> tuple[Literal["choice", "text", "number", "integer"], tuple[Any, ...]]:
    if "const" in described:
        return "choice", (described["const"],)
    if "enum" in described:
        return "choice", tuple(option for option in described["enum"] if option is not None)
    if types == ["boolean"]:
        return "choice", (True, False)
    if len(types) == 1 and types[0] in _KINDS:
        return _KINDS[types[0]], ()
    raise _too_deep(f"property {name!r} is {' or '.join(types) or 'of no type'}")


def _question(name: str, described: Mapping[str, Any]) -> str:
    """The description where it is a question; else one made from title (or name) and description."""
    description = str(described.get("description", "")).strip()
    if description.endswith("?"):
        return description
    subject = str(described.get("title") or verbalise(name))
    return f"What is the {subject}? {description}".strip()


def _too_deep(reason: str) -> CannotDo:
    return CannotDo(
        f"The embedded model fills flat schemas only (text, number, integer, boolean, enum), and here {reason}. "
        'Flatten the schema, or name a model that writes: [model] provider = "openai" or "transformers".'
    )
