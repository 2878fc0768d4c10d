"""The demo: four small real projects, each taken to its verdict, and one report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from time import perf_counter

import click

from groundtune.cli import show
from groundtune.cli.progress import terminal_progress
from groundtune.errors import ProjectError
from groundtune.project import Decision, Project
from groundtune.project.reporting import report_together

DEMOS = ("product-docs", "bank-intents", "pep-facts", "help-desk")


def run_demo(folder: Path, only: Sequence[str], as_json: bool) -> None:
    """Copy the bundled projects to ``folder`` and decide each; what is unchanged from an earlier run is reused."""
    unknown = [name for name in only if name not in DEMOS]
    if unknown:
        raise ProjectError(f"No demo project is called {', '.join(unknown)}; there are {', '.join(DEMOS)}.")
    began = perf_counter()
    decisions = []
    for name in only or DEMOS:
        project = Project.open(copy_sample(name, folder), progress=terminal_progress(quiet=as_json))
        if not as_json:
            show.headline(project)
        show.plan(project.check(), quiet=as_json)
        decision = project.decide()
        decisions.append(decision)
        if not as_json:
            show.decision(decision)
    report = report_together(decisions, folder / "report.html")
    _close(decisions, report, perf_counter() - began, as_json)


def copy_sample(name: str, folder: Path) -> Path:
    """Put a bundled project below ``folder``; files that are there already are left as they are."""
    target = folder / name
    with resources.as_file(resources.files("groundtune") / "samples" / name) as source:
        for path in sorted(source.rglob("*")):
            copy = target / path.relative_to(source)
            if path.is_file() and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    return target


def _close(decisions: Sequence[Decision], report: Path, seconds: float, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps({"projects": [d.to_json() for d in decisions], "report": str(report)}, ensure_ascii=False)
        )
        return
    show.summary(decisions)
    click.echo(f"{len(decisions)} projects in {seconds:.0f} s. Report: {report.resolve()}")
