"""What a model wrote, gathered from whatever a server sends of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from time import perf_counter
from typing import Any

from groundtune.errors import ModelError
from groundtune.models.openai.failures import Unreadable
from groundtune.models.openai.usage import usage_of
from groundtune.records import Completion, Usage

__all__ = ["Written"]

_CUT = ("length", "max_tokens", "model_length")


class Written:
    """One answer in the making.

    Args:
        began: When it was asked for, by `time.perf_counter`.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._first_ms: float | None = None
        self._text: list[str] = []
        self._usage: Usage | None = None
        self._finish: str | None = None

    def whole(self, answer: dict[str, Any]) -> Completion:
        """The answer that came in one piece.

        Raises:
            Unreadable: when it holds no message.
            ModelError: when the server withheld it.
        """
        choice = _choice(answer)
        message = choice.get("message") if choice else None
        if choice is None or not isinstance(message, dict):
            raise Unreadable("its JSON holds no message")
        self._text.append(_said(message))
        self._finish = _name(choice.get("finish_reason")) or "stop"
        self._usage = usage_of(answer.get("usage"))
        return self.completion()

    def pieces(self, events: Generator[dict[str, Any], None, None]) -> Generator[str, None, None]:
        """The text of an answer that comes in events, as it comes.

        Raises:
            Unreadable: when the events end before the answer does.
        """
        with closing(events):
            for event in events:
                yield from self._piece(event)
        if self._finish is None:
            raise Unreadable("its stream was cut")

    def _piece(self, event: dict[str, Any]) -> Iterator[str]:
        self._usage = usage_of(event.get("usage")) or self._usage
        choice = _choice(event) or {}
        self._finish = _name(choice.get("finish_reason")) or self._finish
        delta = choice.get("delta")
        if text := _said(delta if isinstance(delta, dict) else {}):
            if self._first_ms is None:
                self._first_ms = self._elapsed_ms()
            self._text.append(text)
            yield text

    def completion(self) -> Completion:
        """The whole.

        Raises:
            ModelError: when the server withheld the answer or its rest.
        """
        if self._finish == "content_filter":
            raise ModelError(
                "The server's content filter withheld the answer. The question or a passage set it off; "
                "see the provider's settings for content."
            )
        return Completion(
            text="".join(self._text),
            usage=self._usage,
            finished="length" if self._finish in _CUT else "stop",
            first_token_ms=self._first_ms,
            total_ms=self._elapsed_ms(),
        )

    def _elapsed_ms(self) -> float:
        return 1e3 * (perf_counter() - self._began)


def _choice(answer: dict[str, Any]) -> dict[str, Any] | None:
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _said(message: dict[str, Any]) -> str:
    return _text(message.get("content")) or _text(message.get("refusal"))


def _text(content: object) -> str:
    """The text of a message's content, which some servers give in parts: those of reasoning are left out."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))
