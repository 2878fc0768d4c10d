"""The JSON Schema that every reply must satisfy: checked once as a whole, and never fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from groundtune.errors import ProjectError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["reply_validator"]


def reply_validator(schema: Mapping[str, Any]) -> Validator:
    """What tests replies against the schema, after the draft that its ``$schema`` names.

    Raises:
        ProjectError: when the schema itself cannot be used; names every place that is wrong.
    """
    from jsonschema.validators import validator_for
    from referencing import Registry

    kind = validator_for(schema)
    faults = [f"{found.json_path}: {found.message:.200}" for found in kind(kind.META_SCHEMA).iter_errors(dict(schema))]
    faults += [fault for where, node in _nodes(schema, "$") for fault in _faults(where, node, schema)]
    if faults:
        raise ProjectError(
            f"The JSON Schema of the replies cannot be used: {'; '.join(faults)}. Correct the file that [project] "
            "schema names; a $ref may only point into the schema itself."
        )
    # An own registry: references to other addresses are never fetched.
    return kind(dict(schema), registry=Registry())


def _nodes(value: object, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield where, value
        for key, inner in value.items():
            yield from _nodes(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _nodes(inner, f"{where}[{place}]")


def _faults(where: str, node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """What the meta-schema does not see: references that lead nowhere, and patterns that Python cannot read."""
    reference, pattern = node.get("$ref"), node.get("pattern")
    if isinstance(reference, str) and not _leads_somewhere(reference, schema):
        yield f"{where}: $ref {reference!r} leads nowhere"
    if isinstance(pattern, str):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{where}: pattern {pattern!r} is no regular expression ({error})"


def _leads_somewhere(reference: str, schema: Mapping[str, Any]) -> bool:
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    root = Resource.from_contents(dict(schema), default_specification=DRAFT202012)
    try:
        Registry().resolver_with_root(root).lookup(reference)
    except Unresolvable:
        return False
    return True
