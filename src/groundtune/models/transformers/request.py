"""One reply in the making: what is asked, what is written so far, and how its reader hears of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from groundtune.errors import ModelError
from groundtune.models.transformers.pieces import Pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.transformers.constraint import Constraint

__all__ = ["Finished", "Request", "Sampling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        temperature: 0 takes the likeliest; above, a token is drawn from the softmax of scores / temperature.
        seed: Of the draws. Each conversation has draws of its own, so what is written does not depend on which others
            are answered at the same time.
    """

    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a reply: by the model itself, or at its limit."""

    reason: Literal["stop", "length"]


class Request:
    """One conversation to continue.

    The thread that decodes calls `allowed`, `draw`, `take` and `fail`; the thread that asked calls `follow`.

    Args:
        prompt: Token ids of the conversation.
        limit: Most tokens to write; at least 1.
        ends: Token ids that end the reply.
        tokenizer: Turns tokens into text.
        sampling: How tokens are chosen.
        constraint: What the reply may be; None leaves it free.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        *,
        limit: int,
        ends: frozenset[int],
        tokenizer: Any,
        sampling: Sampling = Sampling(),
        constraint: Constraint | None = None,
    ) -> None:
        self.prompt = list(prompt)
        self.limit = limit
        self.written = 0
        self.done = False
        self.first_token_at: float | None = None
        self._ends = ends
        self._pieces = Pieces(tokenizer)
        self._temperature = sampling.temperature
        self._draws = _draws(prompt, sampling) if sampling.temperature > 0 else None
        self._constraint = constraint
        self._heard: SimpleQueue[str | Finished | BaseException] = SimpleQueue()

    @property
    def drawn(self) -> bool:
        """True when its tokens are drawn; else the likeliest is taken."""
        return self._draws is not None

    def allowed(self, vocabulary: int) -> NDArray[np.bool_] | None:
        """Whether each token may come next, shape (vocabulary,); None where all may.

        Raises:
            ModelError: when the constraint allows none.
        """
        return None if self._constraint is None else self._constraint.allowed(vocabulary)

    def draw(self, scores: NDArray[np.float32]) -> int:
        """A token from the softmax of scores / temperature.

        Args:
            scores: Of each token, shape (vocabulary,); minus infinity is never drawn.
        """
        if self._draws is None:
            raise ValueError("nothing is drawn at temperature 0")
        weights = np.exp((scores.astype(np.float64) - np.max(scores)) / self._temperature)
        shares = np.cumsum(weights)
        return int(np.searchsorted(shares, self._draws.random() * shares[-1], side="right"))

    def take(self, token: int) -> None:
        """Append a token; nothing happens once the reply is done."""
        if self.done:
            return
        if self.first_token_at is None:
            self.first_token_at = time.perf_counter()
        self.written += 1
        if token in self._ends:
            self._finish("stop")
            return
        if self._constraint is not None:
            self._constraint.take(token)
        if piece := self._pieces.add(token):
            self._heard.put(piece)
        if self.written >= self.limit:
            self._finish("length")

    def fail(self, error: BaseException) -> None:
        """Tell the reader that there will be no more."""
        self.done = True
        self._heard.put(error)

    def follow(self) -> Iterator[str | Finished]:
        """The reply piece by piece; the last item is its end. Left early, the request is given up.

        Raises:
            ModelError: when the model failed.
        """
        try:
            while True:
                match self._heard.get():
                    case Finished() as end:
                        yield end
                        return
                    case str() as piece:
                        yield piece
                    case ModelError() as error:
                        raise ModelError(str(error)) from error  # each reader its own: a batch fails as one
                    case error:
                        raise error
        finally:
            self.done = True

    def _finish(self, reason: Literal["stop", "length"]) -> None:
        self.done = True
        if rest := self._pieces.rest():
            self._heard.put(rest)
        self._heard.put(Finished(reason))


def _draws(prompt: Sequence[int], sampling: Sampling) -> np.random.Generator:
    content = hashlib.sha256(f"{sampling.seed}:{','.join(map(str, prompt))}".encode()).digest()
    return np.random.default_rng(int.from_bytes(content))
