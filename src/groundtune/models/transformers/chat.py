"""`TransformersChat`: local weights behind the same port as any chat endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict, Unpack, cast

from groundtune.models.chat import ContextOverflow
from groundtune.models.transformers.batching import Batcher
from groundtune.models.transformers.constraint import Constraint, Grammars
from groundtune.models.transformers.conversation import token_ids
from groundtune.models.transformers.decoding import decode
from groundtune.models.transformers.load import Device, DType, LocalWeights, load_weights
from groundtune.models.transformers.request import Finished, Request, Sampling
from groundtune.records import Completion, Message, Usage

__all__ = ["ChatOptions", "TransformersChat"]

_BATCH_TOKENS = 16_384  # about 2 GB of keys and values for a model of 8 billion parameters in 16 bits


class ChatOptions(TypedDict, total=False):
    """The options of `TransformersChat`, which says what each means."""

    temperature: float
    max_output_tokens: int
    context_window: int | None
    seed: int
    batch_tokens: int


class TransformersChat:
    """A chat model from local weights; calls of several threads are answered as one batch.

    Args:
        weights: What `load_weights` gave.
        temperature: 0 writes what is likeliest; above, tokens are drawn.
        max_output_tokens: Longest reply; one that is cut there says so (``finished`` is ``length``).
        context_window: Most tokens of a conversation with its reply; None takes what the model was made for.
        seed: Of the draws; a conversation is answered the same each time.
        batch_tokens: Most padded tokens that are worked on at once; what a GPU's memory allows.
    """

    def __init__(
        self,
        weights: LocalWeights,
        *,
        temperature: float = 0.0,
        max_output_tokens: int = 512,
        context_window: int | None = None,
        seed: int = 0,
        batch_tokens: int = _BATCH_TOKENS,
    ) -> None:
        self._weights = weights
        self._sampling = Sampling(temperature=temperature, seed=seed)
        self._max_output_tokens = max_output_tokens
        self._window = min((size for size in (context_window, weights.window) if size is not None), default=None)
        self._grammars = Grammars(
            weights.tokenizer, vocabulary=weights.model.config.get_text_config().vocab_size, ends=sorted(weights.ends)
        )
        self._batches = Batcher(partial(decode, weights), tokens=batch_tokens, window=self._window)

    @classmethod
    def load(
        cls,
        name: str,
        *,
        adapter: str | None = None,
        merge: bool = True,
        device: Device = "auto",
        dtype: DType = "auto",
        **options: Unpack[ChatOptions],
    ) -> TransformersChat:
        """Find and load weights.

        Args:
            name: As in `load_weights`, like the other arguments.
            adapter: Folder or hub name of an adapter.
            merge: Add the adapter into the weights.
            device: Where it runs.
            dtype: Number format.
            options: Those of the class.

        Raises:
            WeightsError: as in `load_weights`, as are CannotDo and MissingExtra.
        """
        return cls(load_weights(name, adapter=adapter, merge=merge, device=device, dtype=dtype), **options)

    @property
    def name(self) -> str:
        """Weights and adapter with their hashes, number format and sampling."""
        drawn = f" seed={self._sampling.seed}" if self._sampling.temperature > 0 else ""
        return (
            f"transformers/{self._weights.name} temperature={self._sampling.temperature:g}{drawn} "
            f"max_output_tokens={self._max_output_tokens}"
        )

    @property
    def context_window(self) -> int | None:
        """Most tokens of a conversation with its reply; None where neither settings nor model say."""
        return self._window

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        """Write the next turn, held to ``choices`` or ``schema`` where given.

        Raises:
            ContextOverflow: when the conversation leaves no room for a reply.
            ModelError: when the model failed.
        """
        return cast("Completion", list(self._write(messages, schema, choices))[-1])

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        """Write the next turn piece by piece; the last item is the whole `Completion`. Closing it stops the writing.

        Raises:
            ContextOverflow: as in `complete`, as is ModelError.
        """
        return self._write(messages)

    def _write(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Iterator[str | Completion]:
        started = time.perf_counter()
        request = self._request(messages, self._constraint(schema, choices))
        self._batches.submit(request)
        pieces: list[str] = []
        for item in request.follow():
            if isinstance(item, Finished):
                yield _completion("".join(pieces), request, item, started)
            else:
                pieces.append(item)
                yield item

    def _constraint(self, schema: Mapping[str, Any] | None, choices: Sequence[str]) -> Constraint | None:
        if choices:
            return self._grammars.of_choices(choices)
        return None if schema is None else self._grammars.of_schema(schema)

    def _request(self, messages: Sequence[Message], constraint: Constraint | None) -> Request:
        prompt = token_ids(self._weights.tokenizer, messages)
        return Request(
            prompt,
            limit=self._room(len(prompt)),
            ends=self._weights.ends,
            tokenizer=self._weights.tokenizer,
            sampling=self._sampling,
            constraint=constraint,
        )

    def _room(self, prompt: int) -> int:
        """Most tokens of the reply after ``prompt`` tokens of conversation."""
        if self._window is None:
            return self._max_output_tokens
        if prompt >= self._window:
            raise ContextOverflow(tokens=prompt, window=self._window)
        return min(self._max_output_tokens, self._window - prompt)


def _completion(text: str, request: Request, end: Finished, started: float) -> Completion:
    first = request.first_token_at
    return Completion(
        text=text,
        usage=Usage(input_tokens=len(request.prompt), output_tokens=request.written),
        finished=end.reason,
        first_token_ms=None if first is None else (first - started) * 1000,
        total_ms=(time.perf_counter() - started) * 1000,
    )
