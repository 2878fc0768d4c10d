"""TOML that a person wrote, validated whole: every fault at once, with its line and what is allowed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from groundtune.errors import Fault, FileFaults

__all__ = ["key_line", "parse_toml", "section_of"]

Model = TypeVar("Model", bound=BaseModel)


def parse_toml(text: str, model: type[Model], *, path: str, wrong: type[FileFaults]) -> Model:
    """Read ``text`` as TOML of the form ``model``.

    Args:
        text: What the person wrote.
        model: Its form; the descriptions of its fields are shown beside faults.
        path: Of the file, for the message.
        wrong: The error to raise; names every fault, in the order of the lines.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        fault = Fault(int(line[1]) if line else None, f"not valid TOML: {error}")
        raise wrong(path, [fault], "Correct the line and run the command again.") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = _key_lines(text)
        faults = sorted((_fault(detail, lines, model) for detail in error.errors()), key=lambda fault: fault.line or 0)
        raise wrong(path, faults, "Correct these lines and run the command again.") from None


def key_line(text: str, *key: str) -> int | None:
    """The line (1-based) on which a key or table stands, None where it does not."""
    return _key_lines(text).get(key)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, alone, optional or by name; None where the key holds a plain value."""
    candidates = [annotation, *get_args(annotation)]
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Where each table and key stands: ("model", "embedding", "provider") -> line, 1-based."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.\- ]+?)\s*\]", line):
            table = tuple(part.strip() for part in header[1].split("."))
            lines.setdefault(table, number)
        elif key := re.match(r"\s*([\w.\-]+)\s*=", line):
            lines.setdefault(table + tuple(key[1].split(".")), number)
    return lines


def _fault(detail: ErrorDetails, lines: Mapping[tuple[str, ...], int], model: type[BaseModel]) -> Fault:
    where = tuple(part for part in detail["loc"] if isinstance(part, str))
    line = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), None)
    return Fault(line, f"{'.'.join(where)}: {_reason(detail, where, model)}")


def _reason(detail: ErrorDetails, where: tuple[str, ...], model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown key; allowed here: {', '.join(_allowed_keys(where[:-1], model))}"
    if detail["type"] == "missing":
        return "missing, and required"
    given = json.dumps(detail["input"], default=str)
    return f"{detail['msg'].lower()}; given {given}{_described(where, model)}"


def _section(where: tuple[str, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    parts = iter(where)
    for part in parts:
        field = model.model_fields.get(part)
        section = section_of(field.annotation) if field else None
        if section is None or field is None:
            return None
        model = section
        if get_origin(field.annotation) is dict:
            next(parts, None)  # the name that the user gave to one of several sections
    return model


def _allowed_keys(where: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    section = _section(where, model) or model
    return [field.alias or name for name, field in section.model_fields.items()]


def _described(where: tuple[str, ...], model: type[BaseModel]) -> str:
    section = _section(where[:-1], model)
    field = section.model_fields.get(where[-1]) if section and where else None
    return f" ({field.description})" if field and field.description else ""
