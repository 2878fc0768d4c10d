"""Retrieval measured by itself, as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from groundtune.cli.show import console

if TYPE_CHECKING:
    from groundtune.experiment.retrieval.results import Figure, Gain, Measured, RetrievalResult, SweepResult
    from groundtune.project import Project

__all__ = ["measured", "retrieval", "swept"]

_SHOWN = ("recall@5", "recall@20", "ndcg@10", "mrr", "map")
_IN_SLICES = "ndcg@10"


def measured(project: Project, *, sweep: bool) -> tuple[dict[str, Any], Callable[[], None]]:
    """Measure, or sweep; the result as JSON-ready values, and what shows it."""
    if sweep:
        best = project.sweep_retrieval()
        return best.to_json(), lambda: swept(best)
    found = project.measure_retrieval()
    return found.to_json(), lambda: retrieval(found)


def retrieval(found: RetrievalResult) -> None:
    """Tables over documents, over passages and by slice; then what the differences say."""
    out = console()
    out.print(
        f"{found.queries} {found.kind} queries; each figure of 100 with its 95 % interval, no text was generated."
    )
    if found.gone:
        out.print(f"{found.gone} of them have evidence that is not in the knowledge base: they count as not found.")
    out.print(_table("documents", found.documents, found.milliseconds))
    if found.passages is not None:
        out.print(_table("passages", found.passages, found.milliseconds))
    if found.slices:
        out.print(_slices(found))
    finest = found.passages or found.documents
    for name, gain in finest.gains.items():
        out.print(_sentence(name, gain))
    if found.told_apart:
        signals = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found.told_apart.items())
        out.print(
            f"{found.unanswerable} further questions had their passage taken away. Of one with and one without it, "
            f"these signals are higher for the first in so many cases (50 % is chance): {signals}"
        )
    for note in found.notes:
        out.print(f"Note: {note}")


def swept(found: SweepResult) -> None:
    """What won on dev, what it is worth on test, and the lines for groundtune.toml."""
    out = console()
    rounds = ", then ".join(f"{arms} on {queries} dev queries" for arms, queries in found.rounds)
    out.print(f"{found.arms} combinations of settings, over {found.unit}: {rounds}.")
    shares = ", ".join(f"{count}: {100 * share:.1f}" for count, share in found.recall_on_dev.items())
    out.print(f"Found on dev by number of passages (of 100): {shares}")
    if found.alpha is not None:
        out.print(f"Hybrid search weighs meaning with {found.alpha:g} and words with {1 - found.alpha:g}.")
    if not found.changed:
        out.print("The present settings are the best of them.")
        return
    now, then = _figure(found.present), _figure(found.chosen)
    out.print(f"ndcg@10 on {found.present.n} test queries: {now} now, {then} with the settings below.")
    out.print(_sentence("The new ones", found.gain))
    out.print("To use them, put these lines into groundtune.toml (your file was not changed):")
    for line in found.lines:
        out.print(f"  {line}", markup=False)


def _table(unit: str, measured: Measured, times: Mapping[str, tuple[float, float] | None]) -> Table:
    table = Table(title=f"Over {unit} ({measured.queries} queries)", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for column in (*_SHOWN, "p50 ms", "p95 ms"):
        table.add_column(column, justify="right")
    for name, figures in measured.searches.items():
        took = times[name] or (None, None)
        shown = ["–" if value is None else f"{value:.1f}" for value in took]
        table.add_row(name, *(_figure(figures[measure]) for measure in _SHOWN), *shown)
    return table


def _slices(found: RetrievalResult) -> Table:
    searches = list(found.documents.searches)
    title = f"{_IN_SLICES} by kind of question (exploratory)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("", "queries", *searches):
        table.add_column(column, justify="left" if not column else "right")
    for part in found.slices:
        figures = [_figure(part.searches[name][_IN_SLICES]) for name in searches]
        table.add_row(f"{part.name}: {part.value}", str(part.queries), *figures)
    return table


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    if figure.interval is None:
        return f"{100 * figure.value:.1f}"
    return f"{100 * figure.value:.1f} ({100 * figure.interval.low:.0f}–{100 * figure.interval.high:.0f})"


def _sentence(name: str, gain: Gain) -> str:
    if gain.value is None or gain.interval is None:
        return f"{name} against {gain.over}: nothing can be said: {gain.note or 'no query has both'}"
    low, high = 100 * gain.interval.low, 100 * gain.interval.high
    told = gain.note or "nothing differs"
    if gain.p is not None:
        told = f"p = {gain.p:.3f}" if gain.p >= 0.001 else "p < 0.001"
    points = f"{100 * gain.value:+.1f} points ({low:+.1f} to {high:+.1f})"
    return f"{name} against {gain.over}, {gain.measure}: {points}, {told}"
