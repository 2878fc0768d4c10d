"""How a generator is tuned: the numbers of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from groundtune.settings import TrainingSettings

__all__ = ["FULL_LEARNING_RATE", "Method", "Recipe"]

Method = Literal["lora", "qlora", "full"]

FULL_LEARNING_RATE = 2e-5
"""Peak where all weights are trained and the user gave none: a tenth of an adapter's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Defaults as in METHODS 5.3: LoRA on all linear layers, rank 16, 2e-4, three epochs, stopped early on dev.

    Attributes:
        method: An adapter, an adapter over 4-bit weights, or all weights.
        rank: Of the adapter's matrices.
        learning_rate: Peak, after a short warm-up; decays along a cosine.
        epochs: Most passes over the conversations.
        batch_size: Conversations of one step, all GPUs together, on average: they are packed by length.
        max_tokens: Longest conversation; a longer one is left out.
        patience: Evaluations on dev without a better loss before training stops.
        seed: Of everything random.
    """

    method: Method = "lora"
    rank: int = 16
    learning_rate: float = 2e-4
    epochs: int = 3
    batch_size: int = 16
    max_tokens: int = 2048
    patience: int = 3
    seed: int = 13

    @property
    def alpha(self) -> int:
        """Scale of the adapter: twice the rank, so that its effect does not shrink with the rank."""
        return 2 * self.rank

    @property
    def evaluations(self) -> int:
        """Looks at dev in the whole run: two an epoch, and at least four, so that a trend can be seen."""
        return max(4, 2 * self.epochs)

    @classmethod
    def of(cls, settings: TrainingSettings) -> Self:
        """The recipe that a project's settings ask for."""
        chosen = "learning_rate" in settings.model_fields_set or settings.method != "full"
        return cls(
            method=settings.method,
            rank=settings.rank,
            learning_rate=settings.learning_rate if chosen else FULL_LEARNING_RATE,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
        )
