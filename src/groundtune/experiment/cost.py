"""What answers cost, counted again from their tokens: dollars are never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from groundtune.models.prices import NoPrice, Price, cost
from groundtune.records import Answer, Usage

__all__ = ["Tokens", "cost_per_query", "mean_tokens"]

NOTHING = Usage(input_tokens=0, output_tokens=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Mean tokens of an answer, None where nobody counted them.

    Attributes:
        input: Read, the cached ones included.
        output: Written, those of reasoning included.
        cached: The part of ``input`` from the server's cache, over the answers where the server says.
        reasoning: The part of ``output`` spent on reasoning, over the answers where the server says.
    """

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    reasoning: float | None = None


def mean_tokens(answers: Sequence[Answer]) -> Tokens:
    """Mean tokens over the answers for which they were counted."""
    usages = [answer.usage for answer in answers if answer.usage is not None]
    return Tokens(
        input=_mean([usage.input_tokens for usage in usages]),
        output=_mean([usage.output_tokens for usage in usages]),
        cached=_mean([usage.cached_tokens for usage in usages if usage.cached_tokens is not None]),
        reasoning=_mean([usage.reasoning_tokens for usage in usages if usage.reasoning_tokens is not None]),
    )


def cost_per_query(answers: Sequence[Answer], price: Price | NoPrice | None) -> float | None:
    """Mean price of an answer in US dollars; None without a price or where tokens were not counted.

    An abstention for which no model was asked costs nothing. Failed answers are left out: what they cost is not known.
    Answers from the program's own cache cost what they did the first time, because users will not ask from a cache.
    """
    used = [_usage(answer) for answer in answers if answer.error is None]
    usages = [usage for usage in used if usage is not None]
    if not isinstance(price, Price) or not usages or len(usages) < len(used):
        return None
    return float(sum((cost(usage, price) for usage in usages), Decimal(0)) / len(usages))


def _usage(answer: Answer) -> Usage | None:
    unasked = answer.abstained and answer.model is None
    return NOTHING if unasked and answer.usage is None else answer.usage


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None
