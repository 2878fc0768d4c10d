"""What a server accepts in a request: assumed at first, then learned from what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from groundtune.records import Message

__all__ = ["Dialect", "Structured", "Wish"]

Structured = Literal["auto", "schema", "json", "prompt"]
_Rung = Literal["strict", "schema", "json", "prompt"]

_LimitName = Literal["max_completion_tokens", "max_tokens"]

_OTHER_LIMIT: Mapping[_LimitName, _LimitName] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}

_RUNGS: Mapping[Structured, tuple[_Rung, ...]] = {
    "auto": ("strict", "schema", "json", "prompt"),
    "schema": ("strict", "schema"),
    "json": ("json",),
    "prompt": ("prompt",),
}
"""Ways to ask for JSON that each setting allows, the strictest first."""

_OUT_OF_RANGE = re.compile(r"less than|greater than|at most|between|out of range|<=|maximum", re.IGNORECASE)
_NO_SYSTEM_TURN = re.compile(r"system (?:role|message|prompt)|role.{0,12}system|conversation roles must", re.IGNORECASE)
_NOT_IN_STRICT = ("allOf", "oneOf", "not", "if", "patternProperties", "dependentSchemas", "prefixItems")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of every answer, whatever the server calls it."""

    model: str
    temperature: float
    max_output_tokens: int
    structured: Structured


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The form of a request.

    Attributes:
        limit: What the server calls the longest answer.
        temperature: It takes one; models that reason often do not.
        stream_usage: It counts tokens of a stream when asked to.
        system_turn: It knows one; else that stands at the head of the first user turn.
        rung: How JSON is asked for.
    """

    limit: _LimitName = "max_tokens"
    temperature: bool = True
    stream_usage: bool = True
    system_turn: bool = True
    rung: _Rung = "strict"

    @classmethod
    def first(cls, wish: Wish, *, openai: bool) -> Dialect:
        """What to begin with, at OpenAI's own endpoint or at another."""
        return cls(limit="max_completion_tokens" if openai else "max_tokens", rung=_RUNGS[wish.structured][0])

    def request(
        self, wish: Wish, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, stream: bool = False
    ) -> dict[str, Any]:
        """Arguments of the call for one answer, or for a stream of it."""
        turns = messages if self.system_turn else _folded(messages)
        request: dict[str, Any] = {
            "model": wish.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
            self.limit: wish.max_output_tokens,
        }
        if self.temperature:
            request["temperature"] = wish.temperature
        if stream and self.stream_usage:
            request["stream_options"] = {"include_usage": True}
        if schema is not None and self.rung in ("strict", "schema"):
            strict = self.rung == "strict" and _can_be_strict(schema)
            form = {"name": "reply", "schema": dict(schema), "strict": strict}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        elif schema is not None and self.rung == "json":
            request["response_format"] = {"type": "json_object"}
        return request

    def without(self, refusal: str, wish: Wish, schema: Mapping[str, Any] | None) -> Dialect | None:
        """The form without what was refused; None where nothing can be left out.

        Args:
            refusal: The server's words.
            wish: What was asked for.
            schema: As it was sent; a refusal that names nothing else is taken for one of the way to ask for JSON.
        """
        if re.search(rf"\b{self.limit}\b", refusal):
            return replace(self, limit=_OTHER_LIMIT[self.limit])
        if self.temperature and "temperature" in refusal and not _OUT_OF_RANGE.search(refusal):
            return replace(self, temperature=False)
        if self.stream_usage and ("stream_options" in refusal or "include_usage" in refusal):
            return replace(self, stream_usage=False)
        if self.system_turn and _NO_SYSTEM_TURN.search(refusal):
            return replace(self, system_turn=False)
        return None if schema is None else self._next_rung(wish, schema)

    def _next_rung(self, wish: Wish, schema: Mapping[str, Any]) -> Dialect | None:
        rungs = _RUNGS[wish.structured]
        below = list(rungs[rungs.index(self.rung) + 1 :])
        if self.rung == "strict" and not _can_be_strict(schema):
            below.remove("schema")  # that is what was sent
        return replace(self, rung=below[0]) if below else None


def _folded(messages: Sequence[Message]) -> Sequence[Message]:
    """The conversation with its system turn at the head of the first user turn."""
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return messages
    head = Message(role="user", content=f"{messages[0].content}\n\n{messages[1].content}")
    return [head, *messages[2:]]


def _can_be_strict(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is of the subset that OpenAI enforces to the letter: closed objects, every key required."""
    if any(word in schema for word in _NOT_IN_STRICT):
        return False
    properties = schema.get("properties", {})
    if schema.get("type") == "object" or properties:
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(properties):
            return False
    inner = [*properties.values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", ()), schema.get("items")]
    return all(_can_be_strict(part) for part in inner if isinstance(part, Mapping))
