"""`OpenAIChat`: a chat model behind any endpoint in OpenAI's form, through the official SDK."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from groundtune.models.openai.dialect import Dialect, Structured, Wish
from groundtune.models.openai.endpoint import OPENAI, Endpoint
from groundtune.models.openai.failures import Unreadable, explained, overflow, said
from groundtune.models.openai.receiving import received, received_events
from groundtune.models.openai.sending import Limit, Patience
from groundtune.models.openai.written import Written
from groundtune.records import Completion, Message

if TYPE_CHECKING:
    import openai

__all__ = ["OpenAIChat"]

Result = TypeVar("Result")


class OpenAIChat:
    """The port `Chat` over chat completions.

    Servers differ in what they accept: a request that is refused for one of its settings is sent again without it, and
    what was accepted then is sent from the start the next time.
    """

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        *,
        temperature: float = 0.0,
        max_output_tokens: int = 512,
        context_window: int | None = None,
        structured: Structured = "auto",
        patience: Patience | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            model: As the endpoint names it.
            endpoint: Where it is.
            temperature: 0 writes what is likeliest.
            max_output_tokens: Longest answer.
            context_window: As the user knows it.
            structured: How JSON is asked for.
            patience: Retries and limits; the default allows five minutes for an answer.
        """
        self.context_window = context_window
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._wish = Wish(
            model=model, temperature=temperature, max_output_tokens=max_output_tokens, structured=structured
        )
        self._dialect = Dialect.first(self._wish, openai=endpoint.url == OPENAI)

    @property
    def name(self) -> str:
        """Endpoint, model and sampling."""
        wish = self._wish
        return (
            f"openai/{wish.model}@{self._endpoint.url} temperature={wish.temperature:g} "
            f"max_output_tokens={wish.max_output_tokens} structured={wish.structured}"
        )

    @cached_property
    def _client(self) -> openai.OpenAI:
        client = self._endpoint.client()
        weakref.finalize(self, client.close)  # its connections end with whoever asks
        return client

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        """Write the next turn; choices are only asked for in the conversation, as there is no common way to force them.

        Raises:
            ModelError: when it failed for good; ContextOverflow when the conversation is too long.
            ProjectError: when the key or the model's name is wrong.
        """
        del choices
        with self._patience.slot():
            began = perf_counter()

            def asked(limit: Limit) -> Completion:
                return self._accepted(
                    lambda dialect: self._whole(dialect.request(self._wish, messages, schema), limit, began), schema
                )

            return self._patience.send_within(asked, self._endpoint, self._wish.model)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        """Write the next turn piece by piece; closing the iterator closes the connection.

        Raises:
            ModelError: when it fails, also half way: a stream that is cut after its first piece is not started again.
            ProjectError: when the key or the model's name is wrong.
        """
        with self._patience.slot():
            began = perf_counter()

            def begun(limit: Limit) -> tuple[str, Generator[str, None, None], Written]:
                return self._accepted(
                    lambda dialect: self._begun(dialect.request(self._wish, messages, stream=True), limit, began)
                )

            first, rest, written = self._patience.send_within(begun, self._endpoint, self._wish.model)
            with closing(rest):
                if first:
                    yield first
                try:
                    yield from rest
                except Unreadable as error:
                    raise explained(error, self._endpoint, self._wish.model) from None
            yield written.completion()

    def _whole(self, request: dict[str, Any], limit: Limit, began: float) -> Completion:
        create = self._client.chat.completions.with_streaming_response.create
        return Written(began).whole(received(create, request, limit))

    def _begun(
        self, request: dict[str, Any], limit: Limit, began: float
    ) -> tuple[str, Generator[str, None, None], Written]:
        """A stream as far as its first piece, until which it can be asked for again: the piece, the rest, the whole."""
        create = self._client.chat.completions.with_streaming_response.create
        written = Written(began)
        pieces = written.pieces(received_events(create, request, limit))
        return next(pieces, ""), pieces, written

    def _accepted(self, send: Callable[[Dialect], Result], schema: Mapping[str, Any] | None = None) -> Result:
        """Send in the way that the server accepts, learned from what it refuses, each way once at most."""
        import openai

        dialect = self._dialect
        tried = {dialect}
        while True:
            try:
                result = send(dialect)
            except (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError) as refusal:
                other = dialect.without(f"{said(refusal)} {refusal.param or ''}", self._wish, schema)
                if other is None or other in tried or overflow(refusal) or refusal.code == "model_not_found":
                    raise
                tried.add(other)
                dialect = other
            else:
                self._dialect = dialect
                return result
