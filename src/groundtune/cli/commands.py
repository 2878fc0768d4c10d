"""The commands. Everything heavy is imported inside a command, so that ``--help`` answers at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from groundtune import __version__

if TYPE_CHECKING:
    from groundtune.project import Project
    from groundtune.project.project import What
    from groundtune.sources import Failure

QUALIFIES_NONE = 3
Command = Callable[..., Any]


def _shared(command: Command) -> Command:
    """The two options of every command."""
    command = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")(command)
    return click.option(
        "--project",
        "folder",
        type=click.Path(path_type=Path),
        default=Path(),
        help="The project folder; default: here.",
    )(command)


_budget = click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), help="Most US dollars that calls to paid models may cost."
)


_group = click.option(
    "--group", "groups", multiple=True, metavar="GROUP", help="An access group of who asks; may be given several times."
)


def _fields(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """``KEY=VALUE`` options as a mapping."""
    bad = [pair for pair in given if not pair.partition("=")[1] or not pair.partition("=")[0]]
    if bad:
        raise click.BadParameter(f"{', '.join(map(repr, bad))}: write KEY=VALUE, for example year=2025.")
    return dict(pair.split("=", 1) for pair in given)


_yes = click.option("--yes", is_flag=True, help="Confirm what is sent to a provider and what it costs, unseen.")


def _open(folder: Path, as_json: bool, budget: float | None = None, *, yes: bool = False) -> Project:
    from groundtune.cli.progress import terminal_progress
    from groundtune.project import Project

    progress = terminal_progress(quiet=as_json)
    return Project.open(folder, progress=progress, budget_usd=budget, confirm=lambda shown: yes or _confirmed(shown))


def _confirmed(shown: str) -> bool:
    """Ask the person at the terminal; without one the answer is no."""
    click.echo(shown, err=True)
    return sys.stdin.isatty() and click.confirm("Go on?", default=False, err=True)


def _emit(as_json: bool, value: dict[str, Any], show: Callable[[], None]) -> None:
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False))
    else:
        show()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="groundtune")
def cli() -> None:
    """Better prompt, retrieval, fine-tuning, or both? Groundtune answers by measuring on your own data."""


@cli.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), help="Where the demo projects go.")
@click.option("--only", multiple=True, help="Only this demo project; can be given several times.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def demo(folder: Path, only: tuple[str, ...], as_json: bool) -> None:
    """The main job on four small real projects, offline."""
    from groundtune.cli.demo import run_demo

    run_demo(folder, only, as_json)


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def init(folder: Path, as_json: bool) -> None:
    """A new project with commented settings and sample rows."""
    from groundtune.project import Project

    made = Project.init(folder)
    lines = "\n".join(f"  {path.relative_to(folder)}" for path in made)
    message = f"Made a project in {folder}:\n{lines}\nPut your own files in place of the samples, then:"
    _emit(
        as_json,
        {"project": str(folder), "files": [str(path) for path in made]},
        lambda: click.echo(f"{message} groundtune decide --project {folder}"),
    )


@cli.command()
@click.option(
    "--answers",
    "answers_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Answers to the questionnaire; without it they are asked for.",
)
@click.option("--report", is_flag=False, flag_value="", metavar="[PAGE.html]", help="Also write a page with charts.")
@_shared
@click.pass_context
def advise(context: click.Context, answers_file: Path | None, report: str | None, folder: Path, as_json: bool) -> int:
    """Before there is data: a questionnaire, and a forecast with reasons, costs and latency."""
    from groundtune.advice.wire import forecast_json
    from groundtune.cli.advise import make_forecast, show_forecast, write_report

    chosen = context.get_parameter_source("folder") is not click.core.ParameterSource.DEFAULT
    forecast, project = make_forecast(folder, answers_file, in_project=chosen)
    page = None if report is None else write_report(forecast, project, report)
    shown = {**forecast_json(forecast), "report": page and str(page)}
    _emit(as_json, shown, lambda: show_forecast(forecast, page))
    return 0 if forecast.recommendation else QUALIFIES_NONE


@cli.command()
@_shared
@click.option("--skip-bad", is_flag=True, help="Go on with the good rows of a file that has broken ones.")
@click.option("--fix", is_flag=True, help="Write a cleaned copy of the examples next to them; they stay as they are.")
def check(folder: Path, as_json: bool, skip_bad: bool, fix: bool) -> int:
    """Gates on documents, examples and queries, and how much the query set can show."""
    from groundtune.cli import show

    report = _open(folder, as_json).check(skip_bad=skip_bad, fix=fix)
    _emit(as_json, report.to_json(), lambda: show.check(report))
    return 0 if report.passed else QUALIFIES_NONE


@cli.command()
@click.option("--watch", is_flag=True, help="Go on: follow the documents until Ctrl-C; --json: one object a sync.")
@_shared
def sync(watch: bool, folder: Path, as_json: bool) -> None:
    """Documents into the knowledge base; only what changed is worked on."""
    from groundtune.cli import show
    from groundtune.project import sync_json

    project = _open(folder, as_json)
    reports = project.watch(waiting=lambda why: click.echo(why, err=True)) if watch else [project.sync()]
    told: Sequence[Failure] = ()
    for report in reports:
        _emit(as_json, sync_json(report), partial(show.sync, report, told))
        told = report.failed


@cli.command()
@click.argument("query")
@click.option("-k", "count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many passages.")
@click.option(
    "--where", multiple=True, metavar="KEY=VALUE", callback=_fields, help="Only documents with this metadata."
)
@click.option("--at", metavar="VERSION", help="Search the knowledge as it was (sync --json names each version).")
@_group
@_shared
def search(
    query: str,
    count: int,
    where: dict[str, str],
    at: str | None,
    groups: tuple[str, ...],
    folder: Path,
    as_json: bool,
) -> None:
    """Retrieval alone: the passages nearest to QUERY."""
    from groundtune.cli import show
    from groundtune.knowledge import Filter

    within = Filter(metadata=where, groups=frozenset(groups))
    found = _open(folder, as_json).search(query, count, within=within, at=at)
    _emit(as_json, found.to_json(), lambda: show.search(found))


@cli.command()
@click.argument("question")
@click.option("--system", help="prompt, rag, tuned or tuned_rag; default: the verdict's.")
@_group
@_shared
def ask(question: str, system: str | None, groups: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """One answer with citations, or an abstention with its reason."""
    from groundtune.cli import show
    from groundtune.project import answer_json

    answer = _open(folder, as_json).ask(question, system, groups=groups)
    _emit(as_json, answer_json(answer), lambda: show.answer(answer))


@cli.command()
@click.option(
    "--what",
    type=click.Choice(["generator", "embedding", "reranker", "all"]),
    default="generator",
    show_default=True,
    help="Which weights to tune.",
)
@click.option(
    "--force", is_flag=True, help="Train although the gate refuses; leaks into the queries are refused always."
)
@click.option("--skip-bad", is_flag=True, help="Go on with the good rows of a file that has broken ones.")
@click.option("--curve", is_flag=True, help="Instead: train on growing shares; how many more examples are needed?")
@click.option("--target", type=click.FloatRange(0, 1), help="With --curve: the score on dev to reach.")
@click.option("--cancel", is_flag=True, help="Instead: end the job that is under way at the provider.")
@_yes
@_budget
@_shared
def tune(
    what: What,
    force: bool,
    skip_bad: bool,
    curve: bool,
    target: float | None,
    cancel: bool,
    yes: bool,
    budget: float | None,
    folder: Path,
    as_json: bool,
) -> None:
    """Fine-tuning, behind the gate; resumes where it was stopped."""
    from groundtune.cli import show

    if cancel:
        jobs = _open(folder, as_json).cancel_tuning()
        _emit(as_json, {"cancelled": jobs}, lambda: show.cancelled(jobs))
        return
    if curve:
        drawn = _open(folder, as_json, budget).learning_curve(target, skip_bad=skip_bad)
        _emit(as_json, drawn.to_json(), lambda: show.curve(drawn))
        return
    reports = _open(folder, as_json, budget, yes=yes).tune(what, force=force, skip_bad=skip_bad)
    _emit(as_json, {"checkpoints": [r.to_json() for r in reports]}, lambda: show.tuned(reports))


@cli.command()
@click.option("--skip-bad", is_flag=True, help="Go on with the good rows of a file that has broken ones.")
@click.option("--retrieval-only", is_flag=True, help="Instead: what each search finds, without generating anything.")
@click.option("--sweep", is_flag=True, help="Instead: the best settings of the search, found on dev, measured on test.")
@click.option(
    "--load",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Afterwards let queries arrive at each system for so long, as in the busiest hour, and time the answers.",
)
@_budget
@_shared
def experiment(
    skip_bad: bool,
    retrieval_only: bool,
    sweep: bool,
    load: float | None,
    budget: float | None,
    folder: Path,
    as_json: bool,
) -> int:
    """The 2x2 on the evaluation set: prompt, rag, tuned, tuned_rag on the same queries."""
    from groundtune.cli import show

    project = _open(folder, as_json, budget)
    if sweep or retrieval_only:
        from groundtune.cli.show_retrieval import measured

        _emit(as_json, *measured(project, sweep=sweep))
        return 0
    show.plan(project.check(skip_bad=skip_bad), quiet=as_json)
    decision = project.experiment(skip_bad=skip_bad, load_seconds=load)
    _emit(as_json, decision.to_json(), lambda: show.decision(decision))
    return _exit_code(decision.verdict.kind)


@cli.command()
@click.option("--run", "run_id", help="The run to diagnose; default: the last.")
@_budget
@_shared
def diagnose(run_id: str | None, budget: float | None, folder: Path, as_json: bool) -> None:
    """The cause of each failure and what each remedy would return."""
    from groundtune.cli import show

    diagnosis = _open(folder, as_json, budget).diagnose(run_id)
    _emit(as_json, diagnosis.to_json(), lambda: show.diagnosis(diagnosis))


@cli.command()
@click.option(
    "--force", is_flag=True, help="Train although the gate refuses; leaks into the queries are refused always."
)
@click.option("--skip-bad", is_flag=True, help="Go on with the good rows of a file that has broken ones.")
@_yes
@_budget
@_shared
def decide(force: bool, skip_bad: bool, yes: bool, budget: float | None, folder: Path, as_json: bool) -> int:
    """Everything needed, in order, to a verdict: check, sync, tune, experiment, diagnose."""
    from groundtune.cli import show

    project = _open(folder, as_json, budget, yes=yes)
    show.plan(project.check(skip_bad=skip_bad), quiet=as_json)
    decision = project.decide(force=force, skip_bad=skip_bad)
    _emit(as_json, decision.to_json(), lambda: show.decision(decision))
    return _exit_code(decision.verdict.kind)


def _exit_code(verdict_kind: str) -> int:
    return QUALIFIES_NONE if verdict_kind == "none_feasible" else 0


@cli.command()
@click.option("--run", "run_id", help="The run to report; default: the last.")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@_shared
def report(run_id: str | None, open_it: bool, folder: Path, as_json: bool) -> None:
    """The self-contained HTML report of a run."""
    path = _open(folder, as_json).report(run_id)
    _emit(as_json, {"report": str(path)}, lambda: click.echo(str(path)))
    if open_it:
        click.launch(str(path))


@cli.command()
@click.argument("run_id", required=False)
@_shared
def runs(run_id: str | None, folder: Path, as_json: bool) -> None:
    """List the runs of a project, or show one."""
    from groundtune.cli import show

    records = _open(folder, as_json).runs(run_id)
    _emit(as_json, {"runs": records}, lambda: show.runs(records))


@cli.command()
@click.argument("model_id", required=False)
@click.option("--promote", is_flag=True, help="Put MODEL_ID to use; one that failed its gates needs --force.")
@click.option("--force", is_flag=True, help="With --promote: although it failed its gates.")
@click.option("--rollback", type=click.Choice(["generator", "embedding", "reranker"]), help="Return to the one before.")
@click.option("--compare", "other", metavar="OTHER_ID", help="How MODEL_ID and OTHER_ID differ.")
@_shared
def models(
    model_id: str | None,
    promote: bool,
    force: bool,
    rollback: str | None,
    other: str | None,
    folder: Path,
    as_json: bool,
) -> None:
    """List the tuned models of a project, show one, compare two, promote one or roll back."""
    from groundtune.cli import show

    if (promote or other) and not model_id:
        raise click.UsageError("Name the model: groundtune models MODEL_ID --promote, or --compare OTHER_ID.")
    if sum(map(bool, (promote, rollback, other))) > 1:
        raise click.UsageError("Give one of --promote, --rollback and --compare.")
    project = _open(folder, as_json)
    if rollback:
        changed = project.roll_back(rollback)
        _emit(as_json, changed, lambda: show.in_use(changed))
    elif promote and model_id:
        changed = project.promote(model_id, force=force)
        _emit(as_json, changed, lambda: show.in_use(changed))
    elif other and model_id:
        differences = project.compare_models(model_id, other)
        _emit(as_json, differences, lambda: show.differences(differences))
    else:
        records = project.models(model_id)
        _emit(as_json, {"models": records}, lambda: show.models(records, in_full=model_id is not None))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8421, show_default=True, help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; one index.")
@click.option("--system", help="prompt, rag, tuned or tuned_rag; default: the verdict's.")
@_shared
def serve(host: str, port: int, workers: int, system: str | None, folder: Path, as_json: bool) -> None:
    """Answer over HTTP, with a page to ask on; `/v1` speaks OpenAI's chat format."""
    del as_json
    from groundtune.project import Project
    from groundtune.service import serve

    Project.open(folder).answerer(system)  # what is wrong with the project is said before a server starts
    click.echo(f"Serving {folder} on http://{host}:{port} (Ctrl-C stops it)", err=True)
    serve(folder, host=host, port=port, workers=workers, system=system)
