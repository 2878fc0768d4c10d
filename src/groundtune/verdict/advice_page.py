"""A forecast as one self-contained HTML page, in the look of the report; its costs follow the reader's numbers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from groundtune.advice.forecast import Forecast
from groundtune.advice.rules import Rule, load_rules
from groundtune.advice.uncertainty import DRAWS
from groundtune.advice.wording import SYSTEM_WORDS
from groundtune.economics.draws import Spread
from groundtune.economics.page import SCRIPT_FILES, asset, cost_section, dollars
from groundtune.records import SYSTEM_IDS
from groundtune.templating import page_templates

__all__ = ["PAGE_MARK", "render_advice"]

PAGE_MARK = "forecast · Groundtune</title>"
"""What every such page holds."""

_TEMPLATES = Path(__file__).with_name("templates")


def render_advice(forecast: Forecast, *, title: str, made: str) -> str:
    """Render a forecast as a whole HTML document.

    Args:
        forecast: Of `groundtune.advice.advise`.
        title: What the forecast is for, for example the project's name.
        made: When it was made, as it shall be printed.
    """
    script = "\n".join(asset(name) for name in SCRIPT_FILES)
    return (
        _environment()
        .get_template("advice.html")
        .render(
            forecast=forecast,
            title=title,
            made=made,
            systems=SYSTEM_IDS,
            words=SYSTEM_WORDS,
            draws=DRAWS,
            reasons=_grouped(forecast),
            answers=[(key, _plain(value)) for key, value in forecast.answers.known().items()],
            sources=_cited_sources(forecast),
            costs=cost_section(forecast.cost, prefix="cost-", chosen=forecast.recommendation),
            latency_svg=_latency_svg(forecast),
            style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8") + asset("cost.css")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _environment() -> Environment:
    environment = page_templates(_TEMPLATES)
    environment.filters |= {
        "cited": lambda source: f"[{' '.join(source)}]",
        "share": lambda value: "–" if value is None else f"{value:.0%}",
        "span": _span,
        "spread": _spread,
        "usd": dollars,
        "weight": lambda value: f"{value:+.0f}".replace("-", "−"),
    }
    return environment


def _grouped(forecast: Forecast) -> list[tuple[str, list[Rule]]]:
    headings: Mapping[bool | None, str] = {
        True: "For it" if forecast.recommendation else "What was said",
        False: "Against it",
        None: "Neither" if forecast.recommendation else "What was said",
    }
    return [
        (heading, [reason.rule for reason in forecast.reasons if reason.speaks_for is group])
        for group, heading in headings.items()
    ]


def _cited_sources(forecast: Forecast) -> dict[str, str]:
    """The sources that the page names, in words."""
    records: Sequence[Any] = [
        *(reason.rule for reason in forecast.reasons),
        *forecast.requirements,
        *(conflict for conflict, _ in forecast.conflicts),
        *forecast.notes,
    ]
    cited = {label for record in records for label in record.source}
    return {label: what for label, what in load_rules().sources.items() if label in cited}


def _latency_svg(forecast: Forecast) -> Markup | None:
    """Median and 95th percentile of each system at the likely values, against the limit."""
    from groundtune.verdict.charts import Span, latency_chart

    spans = [
        Span(label=name, p50=timing.p50, p95=timing.total[1], chosen=name == forecast.recommendation)
        for name, timing in forecast.latency.systems.items()
        if timing.p50 is not None and timing.total is not None and max(timing.total) < float("inf")
    ]
    return Markup(latency_chart(spans, limit_ms=forecast.latency.limit_ms)) if spans else None


def _span(values: Sequence[float] | None) -> str:
    if values is None or max(values) == float("inf"):
        return "–"
    low, likely, high = values
    return f"{likely:,.0f} ({low:,.0f} to {high:,.0f})"


def _spread(usd: Spread) -> str:
    low, likely, high = usd
    return "not all known" if likely is None else f"{dollars(likely)} ({dollars(low)} to {dollars(high)})"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "nothing special"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.15g}" if isinstance(value, int | float) else str(value)
