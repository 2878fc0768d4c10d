"""Results as a person reads them in a terminal: short, aligned, plain when piped."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from groundtune.diagnosis.records import Diagnosis
    from groundtune.knowledge import SyncReport
    from groundtune.project import CheckReport, Decision, Found, Project, TuneReport
    from groundtune.records import Answer
    from groundtune.sources import Failure
    from groundtune.training.learning_curve import LearningCurve

WIDTH = 110
ROWS_SHOWN = 3


def console() -> Console:
    """Where results go; a pipe gets a fixed width and no colour."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(width=WIDTH, highlight=False, color_system=None)


def headline(project: Project) -> None:
    """The name of a project before its results."""
    out = console()
    out.print()
    out.rule(f"[bold]{project.name}", align="left")


def plan(report: CheckReport, *, quiet: bool) -> None:
    """What there is, and what the test queries can show: said before anything runs."""
    documents = "no documents (retrieval draws on the examples)"
    if report.documents is not None:
        documents = f"{report.documents} documents"
    counts = f"{report.examples} examples, {report.queries} queries ({report.dev} dev, {report.test} test)"
    click.echo(f"{documents}, {counts}\n{report.plan.sentence}", err=quiet)


def check(report: CheckReport) -> None:
    """Counts and findings of the gates, each with its first rows."""
    plan(report, quiet=False)
    for warning in (*report.plan.warnings, *report.warnings):
        click.echo(f"Note: {warning}")
    named = {"refuse": "Closed", "warn": "Warning", "note": "Note"}
    for finding in reversed(report.gate.findings):  # What closes the gate is read last, next to the conclusion.
        click.echo(f"{named[finding.severity]}: {finding.message}")
        for row in finding.rows[:ROWS_SHOWN]:
            click.echo(f"    {row}")
        if len(finding.rows) > ROWS_SHOWN:
            click.echo(f"    … and {len(finding.rows) - ROWS_SHOWN} more (all of them: --json)")
    if report.cleaned is not None:
        left_out, masked = len(report.cleaned.left_out), len(report.cleaned.masked)
        click.echo(
            f"Cleaned copy: {report.cleaned.path} ({report.cleaned.kept} rows; {left_out} left out, {masked} masked; "
            f"why, line by line: {report.cleaned.report}). To use it, name it in groundtune.toml under [training]."
        )
    click.echo("The gate is open." if report.passed else "The gate is closed: put these right, then check again.")


def sync(report: SyncReport, told: Container[Failure] = ()) -> None:
    """What a sync did, and what could not be read, but for what was told before."""
    click.echo(
        f"{report.added} added, {report.changed} changed, {report.removed} removed, {report.unchanged} unchanged: "
        f"{report.passages} passages in {report.seconds:.1f} s. Version {report.version}"
    )
    if report.renamed:
        click.echo(f"Of the added, {report.renamed} under a new name only")
    for failure in report.failed:
        if failure in told:
            continue
        what = "Read in part" if failure.partial else "Not read"
        click.echo(f"{what}: {failure.source}: {failure.reason}. {failure.hint}")


def search(found: Found) -> None:
    """Passages with where they stand."""
    if not found.hits:
        click.echo("Nothing found.")
    for hit in found.hits:
        passage = hit.passage
        path = " > ".join(part for part in (passage.title, *passage.headings) if part)
        place = f"{passage.source}:{passage.start}-{passage.end}{_on_page(passage.page)}"
        click.echo(f"{hit.rank}. {path}  [{place}]  {hit.score:.3f}")
        click.echo(f"   {' '.join(f'{passage.above} {passage.text}'.split())[:300]}")
    seen = f", knowledge version {found.hits[0].knowledge}" if found.hits else ""
    click.echo(f"{found.milliseconds['total']:.0f} ms{seen}")


def answer(given: Answer) -> None:
    """One answer with its citations; an abstention with a question back."""
    from groundtune.systems.clarifying import clarifying_question

    if given.error is not None:
        click.echo(f"{given.system} failed: {given.error}")
    elif given.abstained:
        click.echo(f"No answer: {given.reason}.")
        if asked := clarifying_question(given):
            click.echo(asked)
    else:
        click.echo(given.text)
    for citation in given.citations:
        place = f"{citation.source}:{citation.start}-{citation.end}{_on_page(citation.page)}"
        click.echo(f"  “{' '.join(citation.quote.split())}”  {place}")
    sure = "" if given.confidence is None else f", confidence {given.confidence:.2f}"
    click.echo(f"[{given.system}{sure}, {given.milliseconds['total']:.0f} ms]")


def _on_page(page: int | None) -> str:
    return "" if page is None else f", page {page}"


def tuned(reports: Sequence[TuneReport]) -> None:
    """What a tuning made."""
    for report in reports:
        how = "as before, nothing changed" if report.reused else f"in {report.seconds:.0f} s"
        metrics = ", ".join(f"{k} {v:.3f}" for k, v in report.metrics.items() if v is not None)
        click.echo(f"{report.checkpoint}: {report.kind} from {report.examples} examples, {how}; {metrics}")
        for gate in report.gates:
            state = {True: "passed", False: "FAILED", None: "not shown"}[gate.passed]
            click.echo(f"  {gate.name}: {state}. {gate.note}")
        if report.cost_usd is not None:
            click.echo(f"  Training cost ${report.cost_usd:.2f}.")
        for warning in report.warnings:
            click.echo(f"Note: {warning}")


def curve(drawn: LearningCurve) -> None:
    """The learning curve: what was measured, what is forecast, and the answer."""
    for point in drawn.measurements:
        score = point.note if point.score is None else f"{100 * point.score:.1f}"
        click.echo(f"{point.examples:>7,} examples, seed {point.seed}: {score}")
    click.echo(drawn.says)


def cancelled(jobs: Sequence[str | None]) -> None:
    """Jobs at a provider that were ended."""
    for job in jobs:
        click.echo(f"Cancelled {job}." if job else "The job had not begun; it will not.")


def decision(made: Decision) -> None:
    """The four systems side by side, the effects, the verdict with its reasons."""
    out = console()
    result = made.result
    out.print(_systems(made))
    if result.effects is not None:
        effects = result.effects.to_json()
        out.print("   ".join(f"{name}: {_points(found)}" for name, found in effects.items()))
    if made.diagnosis is not None:
        _remedies(made.diagnosis)
    out.print(f"\n[bold]{made.verdict.sentence}")
    for reason in made.verdict.because:
        out.print(f"  • {reason}")
    for condition in made.verdict.flips_if:
        out.print(f"  It would change if {condition.rstrip('.')}.", style="dim")
    for note in dict.fromkeys((*result.plan.warnings, *result.notes, *made.notes)):
        if note not in made.verdict.because:  # said already
            out.print(f"  Note: {note}", style="dim")
    if bills := {name: bill for name, bill in made.bills.items() if bill is not None}:
        from groundtune.economics.page import dollars

        out.print(f"  Bill for a month: {', '.join(f'{name} {dollars(bill)}' for name, bill in bills.items())}")
    for name, found in made.load.items():
        at_most = "" if found.p95_at_most is None else f", at most {found.p95_at_most:.0f} with a confidence of 95 %"
        out.print(
            f"  Under load ({found.plan.per_second:.3g} queries a second, {found.plan.slots} at a time) {name}: "
            f"p50 {found.p50:.0f} ms, p95 {found.p95:.0f} ms{at_most}; {found.n} queries, {found.failed} failed"
        )
    if made.forecast is not None:
        click.echo(f"Forecast of {made.forecast.made_at[:10]}: {made.forecast.sentence}")
    if made.report is not None:
        click.echo(f"Report: {made.report}")


def _systems(made: Decision) -> Table:
    from groundtune.economics.page import dollars

    scorer = made.result.scorer.split("/")[0]
    table = Table(box=None, pad_edge=False, header_style="bold")
    priced = any(system.cost_per_query_usd is not None for system in made.result.systems.values())
    columns = ["system", f"score ({scorer})", "95 % interval", "wrong", "abstained", "p50 ms", "p95 ms", "built in s"]
    for column in [*columns, "a query costs"] if priced else columns:
        table.add_column(column, justify="left" if column == "system" else "right")
    for system in made.result.systems.values():
        interval = "–" if system.interval is None else " to ".join(f"{100 * bound:.1f}" for bound in system.interval)
        table.add_row(
            system.id,
            _share(system.score),
            interval,
            _share(system.wrong_rate),
            _share(system.abstain_rate),
            "–" if system.latency is None else f"{system.latency.p50:.0f}",
            "–" if system.latency is None else f"{system.latency.p95:.0f}",
            "–" if system.seconds_to_build is None else f"{system.seconds_to_build:.0f}",
            *([dollars(system.cost_per_query_usd)] if priced else []),
            style="bold" if system.id == made.verdict.system else None,
        )
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _points(found: Mapping[str, Any]) -> str:
    if found.get("points") is None:
        return "–"
    interval = found.get("interval")
    return f"{found['points']:+.1f} points" + (f" ({interval[0]:+.1f} to {interval[1]:+.1f})" if interval else "")


def diagnosis(found: Diagnosis) -> None:
    """The ladder, the causes and what each remedy would return."""
    for step in found.ladder:
        click.echo(f"{step.step}: {_points(step.to_json())}")
    for system in dict.fromkeys(failure.system for failure in found.failures):
        causes = ", ".join(f"{cause.replace('_', ' ')} {count}" for cause, count in found.causes(system).items())
        click.echo(f"{system}: {causes}")
    _remedies(found)
    for note in found.notes:
        click.echo(f"Note: {note}")


def _remedies(found: Diagnosis) -> None:
    for remedy in found.remedies:
        click.echo(f"{remedy.remedy} ({found.system}): at most {_points(remedy.to_json())}")


def summary(decisions: Sequence[Decision]) -> None:
    """One line a project."""
    out = console()
    out.print()
    for made in decisions:
        out.print(f"[bold]{made.project}[/]: {made.verdict.sentence}")


def runs(records: Sequence[Mapping[str, Any]]) -> None:
    """One line a run, or a single run in full."""
    for record in records:
        if "record" in record:
            _full(record)
            continue
        scores = ", ".join(f"{name} {100 * score:.1f}" for name, score in record["scores"].items() if score is not None)
        click.echo(
            f"{record['run']}  {record['started'][:16]}  {record['verdict'] or 'unfinished'} "
            f"{record['system'] or ''}  {scores}"
        )
    if not records:
        click.echo("No runs yet. Make one: groundtune decide")


def models(records: Sequence[Mapping[str, Any]], *, in_full: bool) -> None:
    """One line a model, or a single model in full."""
    for record in records:
        if in_full:
            _full(record)
            continue
        metrics = ", ".join(f"{k} {v:.3f}" for k, v in record["metrics"].items() if v is not None)
        used = f"  in use as {record['used_as']}" if record["used_as"] else ""
        newer = f"\n  Note: {record['newer_base']}" if record["newer_base"] else ""
        failed = f"  FAILED: {'; '.join(record['reasons'])}" if record["status"] == "failed" else ""
        made = f"{record['created'][:16]}  {record['examples']} examples"
        click.echo(f"{record['model']}  {made}  {metrics}{used}{failed}{newer}")
    if not records:
        click.echo("No tuned models yet. Make one: groundtune tune")


def in_use(changed: Mapping[str, Any]) -> None:
    """Which model a role uses now."""
    click.echo(f"The {changed['role']} is now {changed['model'] or 'the base model'}.")


def differences(found: Mapping[str, Any]) -> None:
    """Two tuned models side by side; only what differs."""
    out = console()
    for section in ("made", "recipe", "gates"):
        for name, (first, second) in found[section].items():
            out.print(f"{name}: {_brief(first)} → {_brief(second)}")
    for name, change in found["metrics"].items():
        out.print(f"{name}: {_brief(change['first'])} → {_brief(change['second'])}")
    if not any(found[section] for section in ("made", "recipe", "gates", "metrics")):
        out.print("They do not differ.")


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        passed = value.get("passed")
        return {True: "passed", False: "failed", None: "not shown"}[passed] if "passed" in value else str(dict(value))
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)


def _full(record: Mapping[str, Any]) -> None:
    import json

    click.echo(json.dumps(record, indent=2, ensure_ascii=False, default=str))
