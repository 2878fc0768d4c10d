"""The command advise: from answers to a forecast that a person reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from groundtune.cli.asking import ask_all
from groundtune.cli.show import console
from groundtune.settings import FOLDER_NAME

if TYPE_CHECKING:
    from groundtune.advice.experiment import NextExperiment
    from groundtune.advice.forecast import Forecast
    from groundtune.project import Project

__all__ = ["make_forecast", "show_forecast", "write_report"]

_REASONS_SHOWN = 5


def make_forecast(folder: Path, answers_file: Path | None, *, in_project: bool) -> tuple[Forecast, Project | None]:
    """Read or ask for the answers, and forecast; gives the project too, None outside of any.

    Args:
        folder: The project folder; without groundtune.toml the forecast is made outside of any project.
        answers_file: None asks at the terminal.
        in_project: Whether the user named the folder, so that it has to be a project.
    """
    from groundtune.advice import Answers, advise, read_answers
    from groundtune.project import Project
    from groundtune.settings import FILE_NAME

    given = Answers() if answers_file is None else read_answers(answers_file)
    if not in_project and not (folder / FILE_NAME).exists():
        return advise(given if answers_file else ask_all({}, {})), None
    project = Project.open(folder)
    if answers_file is None:
        shown = project.shown_answers()
        given = ask_all(
            {key: value for key, (value, _) in shown.items()}, {key: where for key, (_, where) in shown.items()}
        )
    return project.advise(given), project


def write_report(forecast: Forecast, project: Project | None, path: str) -> Path:
    """Write the page of a forecast; an empty path stands for the usual place."""
    from groundtune.project.advising import write_advice

    usual = Path("forecast.html") if project is None else project.folder / FOLDER_NAME / "reports" / "forecast.html"
    return write_advice(forecast, Path(path) if path else usual, title=project.name if project else "Your application")


def show_forecast(forecast: Forecast, page: Path | None) -> None:
    """The recommendation, the reasons for and against, conflicts, doubts, cost, latency and the next step."""
    out = console()
    out.print(f"\n[bold]{forecast.sentence}", soft_wrap=True)
    for requirement in forecast.requirements:
        ruled = f" Rules out: {', '.join(requirement.forbids)}." if requirement.forbids else ""
        click.echo(f"  Required: {requirement.because}{ruled} {_cited(requirement.source)}")
    groups = (("For it", True), ("Against it", False)) if forecast.recommendation else (("What speaks", None),)
    for title, speaks_for in groups:
        reasons = [reason.rule for reason in forecast.reasons if reason.speaks_for is speaks_for]
        if reasons:
            click.echo(f"{title}:")
        for rule in reasons[:_REASONS_SHOWN]:
            click.echo(f"  {_weight(rule.weight):<6} {rule.because} {_cited(rule.source)}")
    for conflict, then in forecast.conflicts:
        click.echo(f"Conflict: {conflict.because} {_cited(conflict.source)}")
        for way, system in zip(conflict.ways_out, then, strict=True):
            then_so = f" (then: {system or 'still none'})" if way.set else ""
            click.echo(f"  • {way.does}{then_so}.")
    for warning in forecast.warnings:
        click.echo(f"Note: {warning}")
    _show_changes(forecast)
    _show_systems(forecast)
    click.echo(f"Next: {forecast.next_step}")
    if forecast.next_experiment is not None:
        click.echo(f"  {_price(forecast.next_experiment)}")
    if page is not None:
        click.echo(f"Report: {page}")


def _price(step: NextExperiment) -> str:
    if step.usd[1] is not None:
        return f"It costs {_range(step.usd)}, what is still to be labelled included."
    known = ", ".join(f"{name} ${usd:,.0f}" for name, usd in step.items.items() if usd is not None)
    missing = " and ".join(name for name, usd in step.items.items() if usd is None)
    return f"It costs: {known}; not known: {missing}."


def _show_changes(forecast: Forecast) -> None:
    for title, skipped in (("Skipped questions that could change it", True), ("It would change with", False)):
        moves = [change for change in forecast.changes if change.skipped is skipped]
        if moves:
            found = "; ".join(f"{c.question} {c.answer.words} → {c.system or 'none'}" for c in moves)
            click.echo(f"{title}: {found}")


def _show_systems(forecast: Forecast) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    limited = forecast.latency.limit_ms is not None
    columns = ["system", "score", "comes out in", "set-up", "a month", "p95 ms"]
    for column in [*columns, "keeps the limit"] if limited else columns:
        table.add_column(column, justify="left" if column == "system" else "right")
    for name, score in forecast.scores.items():
        cost, latency = forecast.cost.systems[name], forecast.latency.systems[name]
        times = latency.to_json()["total_p95_ms"]
        chance = [] if not limited else ["–" if latency.chance is None else f"{latency.chance:.0%}"]
        table.add_row(
            name,
            f"{score:+.0f}",
            f"{forecast.chances[name]:.0%}",
            _range(cost.setup),
            _range(cost.monthly),
            _span(times),
            *chance,
            style="bold" if name == forecast.recommendation else None,
        )
    console().print(table)
    click.echo("Likely value with its range, from assumptions that --json lists with source and date.")
    if any(cost.monthly[1] is None for cost in forecast.cost.systems.values()):
        click.echo(
            "A dash: not known. Prices and hours of your own go into [economics] of groundtune.toml, or the page."
        )


def _range(usd: tuple[float | None, float | None, float | None]) -> str:
    low, likely, high = usd
    if low is None or likely is None or high is None:
        return "–"
    return f"${_short(likely)} ({_short(low)}–{_short(high)})"


def _span(values: Any) -> str:
    if not values or any(value is None for value in values):
        return "–"
    return f"{_short(values[1])} ({_short(values[0])}–{_short(values[2])})"


def _short(value: float) -> str:
    """Two digits that mean something: a forecast knows no more."""
    if value < 1000:
        return f"{value:,.0f}"
    return f"{value / 1e3:,.1f}k" if value < 1e5 else f"{value / 1e3:,.0f}k" if value < 1e6 else f"{value / 1e6:,.1f}M"


def _weight(weight: float) -> str:
    return f"{weight:+.0f}".replace("-", "−")


def _cited(source: tuple[str, ...]) -> str:
    return f"[{' '.join(source)}]"
