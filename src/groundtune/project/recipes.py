"""The recipes of the embedded model: a reader, a chooser, an embedding model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import GateClosed
from groundtune.project.workspace import Workspace
from groundtune.training.after import Look, ParityCase
from groundtune.training.rows import ReadingRow, reading_rows
from groundtune.training.slot_rows import slot_rows

if TYPE_CHECKING:
    from groundtune.project.measuring import Progress
    from groundtune.training.rows import TrainingRow

ROWS_SEEN = 12_000
"""Rows that the reader sees in all where there are many: some twenty minutes on two cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a recipe works with.

    Attributes:
        made: The folder that it fills.
        state: Where it keeps what it needs to go on after a kill: a file, or a folder that it makes.
        confirm: Shown what is about to be sent, paid or promised; says whether to go on.
    """

    workspace: Workspace
    cases: Sequence[TrainingRow]
    dev: Sequence[TrainingRow]
    seed: int
    made: Path
    state: Path
    progress: Progress
    confirm: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a recipe made besides the files; fields as on a card.

    Attributes:
        looks: Evaluations during training.
        kept: The step whose weights were kept.
        parity: The trained and the exported model, where there is an export.
        notes: What the user must know.
    """

    metrics: Mapping[str, float | None]
    base: str
    base_name: str | None = None
    served_as: str | None = None
    cost_usd: float | None = None
    looks: tuple[Look, ...] = ()
    kept: int | None = None
    parity: ParityCase[Any] | None = None
    notes: tuple[str, ...] = ()


Recipe = Callable[[Bench], Made]
"""Trains and fills ``bench.made``."""


def tune_reader_of(bench: Bench) -> Made:
    """A reader tuned from the shipped one, and the learned questions that it answers without passages."""
    from groundtune.models.embedded.checkpoint import CheckpointCard, RecallCard, write_checkpoint
    from groundtune.models.embedded.recall import trust_of
    from groundtune.models.embedded.shipped import shipped_reader
    from groundtune.training.reader import FINE_TUNING, tune_reader

    workspace, base = bench.workspace, bench.workspace.weights
    rows = _rows_to_read(workspace, bench.cases)
    if not any(row.span for row in rows):
        raise GateClosed(
            "None of the answers stands in the documents (extract: in the message), word for word or in most of its "
            "words, so there is nothing to learn reading from. The embedded model quotes; for answers in other words, "
            "name a model that writes."
        )
    tuned = tune_reader(
        rows,
        _rows_to_read(workspace, bench.dev),
        start=shipped_reader(base),
        config=base.config,
        tokens=workspace.encoder.tokens,
        schedule=replace(FINE_TUNING, epochs=_epochs(FINE_TUNING.epochs, len(rows)), seed=bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the reader", at.done, at.total),
    )
    questions = workspace.encoder.embed([case.question for case in bench.cases])
    answers = tuple(case.answer for case in bench.cases)
    trust = trust_of(questions, answers)
    write_checkpoint(
        bench.made,
        CheckpointCard(
            kind="reader",
            base=base.sha256,
            recall=RecallCard(answers=answers, slope=trust.slope, intercept=trust.intercept),
        ),
        {n: t for n, t in tuned.weights.tensors.items() if t is not base.tensors.get(n)},
        base,
        recall=questions,
        header={"calibration": tuned.weights.calibration.to_json()},
    )
    metrics = {"dev": tuned.fitted.best.dev_score, "steps": float(tuned.fitted.steps)}
    return Made(metrics=metrics, base=base.sha256)


def _rows_to_read(workspace: Workspace, cases: Sequence[TrainingRow]) -> list[ReadingRow]:
    """What the reader learns from: answers in passages, or the values of slots in messages."""
    if workspace.settings.project.task != "extract":
        return reading_rows(cases)
    return slot_rows(cases, workspace.schema or {})


def _epochs(most: int, rows: int) -> int:
    """Fewer passes over many rows: each row is seen often enough by the sheer number of its like."""
    return min(most, max(1, round(ROWS_SEEN / rows)))


def tune_chooser_of(bench: Bench) -> Made:
    """A chooser over the question alone and over the question with its passages."""
    from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
    from groundtune.training.chooser import chooser_schedule, tune_chooser

    workspace, base = bench.workspace, bench.workspace.weights
    labels = workspace.settings.project.labels or tuple(sorted({case.answer for case in bench.cases}))
    tuned = tune_chooser(
        bench.cases,
        [case for case in bench.dev if case.answer in labels],
        labels=labels,
        base=base,
        tokens=workspace.encoder.tokens,
        schedule=chooser_schedule(len(bench.cases), bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the chooser", at.done, at.total),
    )
    card = CheckpointCard(kind="chooser", base=base.sha256, chooser=tuned.card)
    write_checkpoint(bench.made, card, tuned.tensors, base)
    metrics = {"dev": tuned.fitted.best.dev_score, "steps": float(tuned.fitted.steps)}
    return Made(metrics=metrics, base=base.sha256)
