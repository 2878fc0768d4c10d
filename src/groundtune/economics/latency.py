"""How fast the four systems would be: the stages of an answer, the queue at the expected volume, and the limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.draws import as_json, draw_values, likely_values
from groundtune.economics.formula import Floats
from groundtune.economics.queueing import arrivals_per_second, drawn_waits
from groundtune.records import SYSTEM_IDS

__all__ = ["LatencyForecast", "SystemLatency", "forecast_latency", "stages"]

_RETRIEVES = ("rag", "tuned_rag")
_DRAWS = 400
_ANSWERS = 1_000
"""Answers drawn at each draw of the assumptions."""

_SEED = 20_261_121


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemLatency:
    """How fast one system would be, in milliseconds; None is "not known", infinite a queue that only grows.

    Attributes:
        stages: Mean of each stage at the likely values, queueing apart.
        first_token: (low, likely, high) of the 95th percentile until the first token.
        total: The same until the whole answer; its median under ``p50``.
        p50: Median until the whole answer, at the likely values.
        load: Share of the slots in use in the busiest hour, at the likely values; 1 and more is too much.
        chance: Probability that the 95th percentile of the whole answer keeps the limit; None without a limit.
        chance_first_token: The same for the first token: what a streamed answer is judged by.
    """

    system: str
    stages: Mapping[str, float | None]
    first_token: tuple[float, float, float] | None
    total: tuple[float, float, float] | None
    p50: float | None
    load: float | None
    chance: float | None
    chance_first_token: float | None

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values, infinite ones as None beside ``overloaded``."""
        return {
            "stages_ms": dict(self.stages),
            "first_token_p95_ms": _finite(self.first_token),
            "total_p95_ms": _finite(self.total),
            "total_p50_ms": self.p50 if self.p50 is None or math.isfinite(self.p50) else None,
            "load": self.load,
            "overloaded": None if self.load is None else self.load >= 1,
            "chance": self.chance,
            "chance_first_token": self.chance_first_token,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyForecast:
    """How fast all four systems would be, and whether they keep the limit.

    Attributes:
        limit_ms: For the 95th percentile; None where there is none.
    """

    limit_ms: float | None
    systems: Mapping[str, SystemLatency]

    def chance(self, system: str) -> float | None:
        """Probability that the system keeps the limit; None without a limit, or where a time is not known."""
        return self.systems[system].chance

    def to_json(self) -> dict[str, Any]:
        """As ``advise --json`` gives it under ``latency``."""
        return {
            "limit_p95_ms": self.limit_ms,
            "systems": {name: system.to_json() for name, system in self.systems.items()},
        }


def forecast_latency(assumptions: Assumptions | None = None, limit_ms: float | None = None) -> LatencyForecast:
    """How fast the four systems would be under these assumptions.

    Args:
        assumptions: The times of the stages, their ranges, and the volume.
        limit_ms: Limit for the 95th percentile, above 0.
    """
    assumed = assumptions or Assumptions()
    likely, drawn = likely_values(assumed), draw_values(assumed, draws=_DRAWS)
    return LatencyForecast(
        limit_ms=limit_ms, systems={system: _system(likely, drawn, system, limit_ms) for system in SYSTEM_IDS}
    )


def stages(v: Mapping[str, Floats], system: str) -> dict[str, Floats]:
    """Mean milliseconds of each stage while nobody waits, in the order in which they happen."""
    searching = {"embedding": v["embed_ms"], "searching": v["search_ms"], "reranking": v["rerank_ms"]}
    return {
        **(searching if system in _RETRIEVES else {}),
        "network": v["network_ms"],
        "first token": v["first_token_ms"] + v["prefill_ms"] * v[f"input_tokens.{system}"] / 1000,
        "writing": v["token_ms"] * v[f"output_tokens.{system}"],
    }


def _system(
    likely: Mapping[str, Floats], drawn: Mapping[str, Floats], system: str, limit: float | None
) -> SystemLatency:
    parts = stages(likely, system)
    middle = {name: value[None] for name, value in likely.items()}
    first, total, load = _answers(middle, system)
    firsts, totals, _ = _answers(drawn, system)
    known = not (np.isnan(total).any() or np.isnan(totals).any())
    first_p95, total_p95 = _percentile(firsts), _percentile(totals)
    return SystemLatency(
        system=system,
        stages=as_json(parts),
        first_token=_range(_percentile(first), first_p95) if known else None,
        total=_range(_percentile(total), total_p95) if known else None,
        p50=float(np.median(total)) if known else None,
        load=float(load[0]) if known else None,
        chance=float((total_p95 <= limit).mean()) if known and limit is not None else None,
        chance_first_token=float((first_p95 <= limit).mean()) if known and limit is not None else None,
    )


def _answers(v: Mapping[str, Floats], system: str) -> tuple[Floats, Floats, Floats]:
    """Milliseconds of single answers until the first token and in all, shape (draws, answers), and the load."""
    normal, uniform = _noise(v["spread"].size)
    parts = stages(v, system)
    total = np.asarray(sum(parts.values()))
    # A lognormal time whose 95th percentile is ``spread`` times its median: sigma = ln(spread) / 1.645.
    sigma = np.log(v["spread"]) / 1.6448536269514722
    service = total * np.exp(sigma**2 / 2)
    variation = np.sqrt(np.expm1(sigma**2))
    arriving = arrivals_per_second(v["queries_per_month"], v["peak_factor"])
    used = arriving * service / 1000
    stretched = np.exp(sigma[:, None] * normal)
    waits = drawn_waits(uniform, used[:, None], v["slots"][:, None], service[:, None], variation[:, None])
    before = total - parts["writing"]
    return before[:, None] * stretched + waits, total[:, None] * stretched + waits, used / np.floor(v["slots"])


@cache
def _noise(draws: int) -> tuple[Floats, Floats]:
    """Standard normal and uniform numbers, shape (draws, answers), the same for all systems."""
    generator = np.random.default_rng(_SEED)
    shape = (draws, _ANSWERS)
    return generator.standard_normal(shape), generator.random(shape)


def _percentile(times: Floats) -> Floats:
    """The 95th percentile of each draw's answers."""
    return np.quantile(times, 0.95, axis=1, method="inverted_cdf")


def _range(likely: Floats, draws: Floats) -> tuple[float, float, float]:
    low, high = np.quantile(draws, (0.025, 0.975), method="inverted_cdf")
    return (float(min(low, likely[0])), float(likely[0]), float(max(high, likely[0])))


def _finite(values: tuple[float, float, float] | None) -> list[float | None] | None:
    return values and [value if math.isfinite(value) else None for value in values]
