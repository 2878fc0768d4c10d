"""What turns a reader's raw numbers into a choice among spans, a ranking of passages, and a probability."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from groundtune.errors import WeightsError

__all__ = ["Calibration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Numbers fitted on questions that the reader was not trained on.

    Attributes:
        evidence: Weight of the sentence's log probability beside that of the span's start and end.
        rank: Weight of the span's log probability beside the answerable logit, when passages are ranked.
        order: Weight of the order in which the passages came, best first: the logarithm of a passage's place counts
            against it so much.
        bias: With the next two, the logistic model of "not here" (Platt 1999): sigmoid(bias + answer * a + span * s).
        answer: Weight of the answerable logit a; negative, since a high one speaks for an answer.
        span: Weight of the span's log probability s.
    """

    evidence: float = 1.0
    rank: float = 0.0
    order: float = 0.0
    bias: float = 0.0
    answer: float = -1.0
    span: float = 0.0

    def not_here(self, answer: float, span: float) -> float:
        """Probability in [0, 1] that a passage does not hold the answer."""
        logit = self.bias + self.answer * answer + self.span * span
        return 0.5 * (1.0 + math.tanh(0.5 * logit))

    def ranking(self, answer: float, span: float, place: int) -> float:
        """By what passages are ranked, higher is better; ``place`` is where the passage came, from 0."""
        return answer + self.rank * span - self.order * math.log1p(place)

    def to_json(self) -> str:
        """As it stands in the header of a weights file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read what `to_json` wrote.

        Raises:
            WeightsError: when a number is missing or is none.
        """
        try:
            row = json.loads(text)
            return cls(**{name: float(row[name]) for name in cls.__slots__})
        except (ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"The weights of this reader have no usable calibration: {error!r}.") from error
