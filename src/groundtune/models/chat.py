"""Any chat model as a generator: render the prompt, ask, read the reply; a JSON reply is checked and repaired once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from groundtune.errors import ModelError
from groundtune.models import Chat
from groundtune.models.messages import CHAT_TEMPLATE, render
from groundtune.models.replies import parse_reply, shown_while_streaming, spoken
from groundtune.models.reply_schema import reply_validator
from groundtune.records import Completion, Message, Prompt, Reply, Usage

__all__ = ["ChatModel", "ContextOverflow"]

_MOST_FAULTS = 5
_LONGEST_FAULT = 500


class ContextOverflow(ModelError):
    """The conversation is longer than the model's window."""

    def __init__(self, *, tokens: int | None, window: int | None) -> None:
        self.tokens = tokens
        self.window = window
        given = "The prompt" if tokens is None else f"The prompt has {tokens:,} tokens and"
        allowed = "is longer than the model reads" if window is None else f"leaves no room in a window of {window:,}"
        super().__init__(
            f"{given} {allowed}. Lower [knowledge] passages or [experiment] examples_in_prompt, or name a model with a "
            "larger window."
        )


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A `Model` made of a chat."""

    chat: Chat

    @property
    def name(self) -> str:
        """The chat's name and the form of the conversation."""
        return f"{self.chat.name} {CHAT_TEMPLATE}"

    def reply(self, prompt: Prompt) -> Reply:
        """Reply to one prompt.

        Raises:
            ModelError: when the chat failed or wrote nothing.
            ProjectError: when the schema of the prompt cannot be used.
        """
        messages = render(prompt)
        if prompt.schema is None and not prompt.labels:
            return parse_reply(self._listened_to(messages), prompt)
        completion = self.chat.complete(messages, schema=prompt.schema, choices=prompt.labels)
        if prompt.schema is not None:
            completion = self._checked(messages, completion, prompt.schema)
        return parse_reply(completion, prompt)

    def _listened_to(self, messages: list[Message]) -> Completion:
        """A completion as a person would wait for it, streamed, so that the time to its first piece is known."""
        heard = False
        try:
            for piece in self.chat.stream(messages):
                if isinstance(piece, Completion):
                    return piece
                heard = True
        except ModelError:
            if not heard:
                raise
        # Nobody has read the pieces of a stream that broke, so all is asked for again, in one piece.
        return self.chat.complete(messages)

    def stream(self, prompt: Prompt) -> Iterator[str | Reply]:
        """Reply piece by piece: what a person may read, then the whole `Reply`, which alone has citations.

        A reply with a schema is checked before it is given, so it comes in one piece.

        Raises:
            ModelError: also half way.
        """
        if prompt.schema is not None or prompt.labels:
            reply = self.reply(prompt)
            yield from [reply.text] if reply.text else []
            yield reply
            return
        raw, given = "", ""
        for piece in self.chat.stream(render(prompt)):
            if isinstance(piece, Completion):
                reply = parse_reply(piece, prompt)
                if len(reply.text) > len(given) and reply.text.startswith(given):
                    yield reply.text[len(given) :]  # what looked like the beginning of a marker, and was none
                yield reply
                return
            raw += piece
            shown = shown_while_streaming(raw, prompt.task)
            if len(shown) > len(given) and shown.startswith(given):
                yield shown[len(given) :]
                given = shown

    def _checked(self, messages: list[Message], completion: Completion, schema: Mapping[str, Any]) -> Completion:
        """The completion as valid JSON where one repair can make it so; else as it came, which counts as wrong."""
        text = _json_text(spoken(completion))
        faults = _faults(text, schema)
        if not faults:
            return replace(completion, text=text)
        asked = "That does not satisfy the JSON Schema:\n" + "\n".join(f"- {fault}" for fault in faults)
        again = [
            *messages,
            Message(role="assistant", content=completion.text or "(nothing)"),
            Message(role="user", content=f"{asked}\nReply with the corrected JSON object alone."),
        ]
        repaired = self.chat.complete(again, schema=schema)
        text = _json_text(spoken(repaired))
        valid = not _faults(text, schema)
        return replace(
            repaired,
            text=text if valid else completion.text,
            usage=_sum(completion.usage, repaired.usage),
            first_token_ms=completion.first_token_ms,
            total_ms=completion.total_ms + repaired.total_ms,
            from_cache=completion.from_cache and repaired.from_cache,
        )


def _json_text(text: str) -> str:
    """The object without a code fence or words around it."""
    first, last = text.find("{"), text.rfind("}")
    return text[first : last + 1] if 0 <= first < last else text


def _faults(text: str, schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with a JSON text, in words; empty when it satisfies the schema.

    Raises:
        ProjectError: when the schema itself cannot be used.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [f"it is not JSON: {error}"]
    found = sorted(reply_validator(schema).iter_errors(value), key=lambda fault: str(fault.json_path))
    return [f"{fault.json_path}: {fault.message[:_LONGEST_FAULT]}" for fault in found[:_MOST_FAULTS]]


def _sum(first: Usage | None, second: Usage | None) -> Usage | None:
    if first is None or second is None:
        return None

    def both(one: int | None, other: int | None) -> int | None:
        return None if one is None and other is None else (one or 0) + (other or 0)

    return Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        cached_tokens=both(first.cached_tokens, second.cached_tokens),
        reasoning_tokens=both(first.reasoning_tokens, second.reasoning_tokens),
    )
