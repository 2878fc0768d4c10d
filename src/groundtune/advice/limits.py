"""What the forecast of costs and times says about the limits that were answered."""

from __future__ import annotations

from collections.abc import Iterator

from groundtune.advice.answers import Answers
from groundtune.economics.forecast import CostForecast, LatencyForecast
from groundtune.records import SystemId

__all__ = ["limit_warnings"]

_UNLIKELY = 0.5


def limit_warnings(answers: Answers, system: SystemId, cost: CostForecast, latency: LatencyForecast) -> Iterator[str]:
    """Where the recommended system would probably break the budget or the latency limit, and what is then left.

    Args:
        answers: With the limits.
        system: The recommended one.
        cost: Of all systems.
        latency: Of all systems, against the limit.
    """
    spent = cost.systems[system]
    for limit, (_, likely, _), what in (
        (answers.budget_setup_usd, spent.setup, "Setting it up"),
        (answers.budget_month_usd, spent.monthly, "A month"),
    ):
        if limit is not None and likely is not None and likely > limit:
            yield (
                f"{what} would likely cost ${likely:,.0f}, people's hours included; ${limit:,.0f} are there. "
                "Put your own prices and hours into the page of --report."
            )
    timing = latency.systems[system]
    if timing.chance is not None and timing.chance < _UNLIKELY:
        streamed = timing.chance_first_token
        yield (
            f"A whole answer would keep the limit of {latency.limit_ms:,.0f} ms with a chance of {timing.chance:.0%}"
            + (f", its first words with {streamed:.0%}" if streamed is not None else "")
            + ". Stream the answer, write less, or take a faster model."
        )
