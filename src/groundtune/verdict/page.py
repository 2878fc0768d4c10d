"""Reports as one self-contained HTML page: no network, no fonts, readable in print and without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from groundtune.economics.page import SCRIPT_FILES, asset, cost_section, dollars
from groundtune.records import SYSTEM_IDS
from groundtune.templating import page_templates
from groundtune.verdict.abstaining import at_threshold, coverage_svg
from groundtune.verdict.figures import effects_svg, latency_svg, scorer_words, shares_svg, systems_svg
from groundtune.verdict.offers import offers_svg
from groundtune.verdict.reasons import PLAIN_NAMES
from groundtune.verdict.report import (
    Cell,
    GateStatus,
    Interval,
    Report,
    SystemMeasure,
    outcome_shares,
    utility,
)

_TEMPLATES = Path(__file__).with_name("templates")

_BESIDE = {
    "long_context": "all documents in the prompt",
    "optimised_prompt": "an instruction optimised on dev",
}
"""What a person calls Groundtune's own systems beside the four."""

_OUTCOME_WORDS = {
    "right": ("✓", "right"),
    "wrong": ("✗", "wrong"),
    "abstained": ("–", "abstained"),
    "failed": ("!", "failed"),
    "unscored": ("?", "not scored"),
}


def render_report(report: Report) -> str:
    """Render one project's report as a whole HTML document."""
    return render_index([report])


def render_index(reports: Sequence[Report], *, title: str = "") -> str:
    """Render several projects as one HTML document: an overview on top, then each project in full.

    One file is what people send around, so the projects share a page instead of linking to files that would be left
    behind.

    Args:
        reports: At least one.
        title: Heading above the overview; by default it counts the projects.
    """
    style = _asset("report.css") + asset("cost.css")
    script = "\n".join([_asset("report.js"), *(asset(name) for name in SCRIPT_FILES)])
    return (
        _environment()
        .get_template("report.html")
        .render(
            reports=reports,
            title=title or f"{len(reports)} projects, measured",
            style=Markup(style),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = page_templates(_TEMPLATES)
    environment.filters.update(_FILTERS)
    environment.globals.update(_GLOBALS)
    return environment


def _reasons(report: Report) -> list[str]:
    """Why the verdict is what it is, without the warnings, which have a place of their own."""
    return [reason for reason in report.recommendation.because if reason not in report.warnings]


def _causes(report: Report) -> list[str]:
    """Every cause that any system failed of."""
    return list(dict.fromkeys(cause for causes in report.diagnosis for cause in causes.counts))


def _tag(report: Report) -> str:
    """What the recommended system is called where it stands among the others."""
    return "leaning" if report.recommendation.kind == "leaning" else "chosen"


def _points(value: float | None) -> str:
    """A score or share as 0 to 100 with one decimal."""
    return "–" if value is None else f"{value * 100:.1f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:+.1f}".replace("-", "−")


def _interval(value: Interval | None, *, signed: bool = False) -> str:
    if value is None:
        return "no interval"
    shown = _signed if signed else _points
    return f"{shown(value[0])} to {shown(value[1])}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    if math.isinf(value):
        return "more than it can answer"
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _mark(cell: Cell) -> Markup:
    """The outcome as a sign and a word, so that it never depends on colour."""
    sign, word = _OUTCOME_WORDS[cell.outcome]
    if cell.outcome == "right" and cell.answer.abstained:
        word = "rightly abstained"
    return Markup('<span class="mark {}"><span aria-hidden="true">{}</span> {}</span>').format(cell.outcome, sign, word)


def _figure(svg: Markup, label: str) -> Markup:
    """A drawing as one picture with a description, instead of a hundred shapes."""
    return Markup('<div role="img" aria-label="{}">{}</div>').format(label, svg)


def _words(system: str) -> str:
    """What a person would call a system."""
    return PLAIN_NAMES.get(system) or _BESIDE.get(system, "a system of your own")


def _others(report: Report) -> list[SystemMeasure]:
    """The systems beside the four."""
    return [measure for measure in report.systems if measure.id not in SYSTEM_IDS]


def _missing(report: Report) -> list[str]:
    """The cells of the 2x2 that were not measured."""
    return [system for system in SYSTEM_IDS if _cell_of(report, system) is None]


def _priced(report: Report) -> bool:
    """Whether anything is known of what answers cost."""
    return any(measure.cost_per_query_usd is not None for measure in report.systems)


def _metered(report: Report) -> bool:
    """Whether there are tokens or prices to show."""
    return any(measure.tokens.read is not None or measure.price is not None for measure in report.systems)


def _prices(report: Report) -> dict[str, list[str]]:
    """What is known of prices, with the systems that it holds for."""
    found: dict[str, list[str]] = {}
    for measure in report.systems:
        if measure.price is not None:
            found.setdefault(measure.price, []).append(measure.id)
    return found


def _untimed(report: Report) -> list[SystemMeasure]:
    """Systems with answers whose time does not count."""
    return [measure for measure in report.systems if measure.from_cache]


def _gate_mark(status: GateStatus) -> Markup:
    sign, look = {"passed": ("✓", "right"), "failed": ("✗", "wrong"), "not shown": ("?", "unscored")}[status]
    return Markup('<span class="mark {}"><span aria-hidden="true">{}</span> {}</span>').format(look, sign, status)


def _truth_mark(right: bool | None) -> Markup:
    sign, look, word = {True: ("✓", "right", "yes"), False: ("✗", "wrong", "no"), None: ("?", "unscored", "not shown")}[
        right
    ]
    return Markup('<span class="mark {}"><span aria-hidden="true">{}</span> {}</span>').format(look, sign, word)


def _cell_of(report: Report, system: str) -> SystemMeasure | None:
    return next((measure for measure in report.systems if measure.id == system), None)


_FILTERS = {
    "causes": _causes,
    "count_of": _count,
    "figure": _figure,
    "gate_mark": _gate_mark,
    "interval": _interval,
    "mark": _mark,
    "ms": _milliseconds,
    "others": _others,
    "percent": _percent,
    "points": _points,
    "reasons": _reasons,
    "scorer": scorer_words,
    "seconds": _seconds,
    "signed": _signed,
    "tag": _tag,
    "truth_mark": _truth_mark,
    "usd": dollars,
    "words": _words,
}
_GLOBALS = {
    "at_threshold": at_threshold,
    "cell_of": _cell_of,
    "cost_section": cost_section,
    "coverage_svg": coverage_svg,
    "effects_svg": effects_svg,
    "latency_svg": latency_svg,
    "metered": _metered,
    "missing": _missing,
    "offers_svg": offers_svg,
    "outcome_shares": outcome_shares,
    "priced": _priced,
    "prices": _prices,
    "shares_svg": shares_svg,
    "system_ids": SYSTEM_IDS,
    "systems_svg": systems_svg,
    "untimed": _untimed,
    "utility": utility,
}
