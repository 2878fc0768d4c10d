"""Tuning a project's weights: examples with their context in, a registered checkpoint out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from groundtune.errors import GateClosed
from groundtune.project.results import TuneReport
from groundtune.project.workspace import Workspace, file_hash, fingerprint
from groundtune.records import Example, Passage, Query
from groundtune.systems import GoldEvidence
from groundtune.training.cases import cases_of_examples, cases_of_queries
from groundtune.training.gate import GateReport, examine, require_libraries, require_open
from groundtune.training.registry import Card, Checkpoint, now, promote, register, trained_before, workshop
from groundtune.training.rows import ReadingRow, answering, reading_rows
from groundtune.training.slot_rows import slot_rows

if TYPE_CHECKING:
    from groundtune.project.measuring import Progress
    from groundtune.project.project import What
    from groundtune.training.rows import TrainingRow

Role = Literal["generator", "embedding"]

RECIPE_VERSION = "1"
"""Raised whenever a recipe trains differently, so that older checkpoints are not taken for its results."""

ROWS_SEEN = 12_000
"""Rows that the reader sees in all where there are many: some twenty minutes on two cores."""

_CONTEXT = 8
"""Passages that a case is given in training: a few more than a system reads, so that there are distractors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a recipe works with.

    Attributes:
        made: The folder that it fills.
        state: Where it keeps what it needs to go on after a kill.
    """

    workspace: Workspace
    cases: Sequence[TrainingRow]
    dev: Sequence[TrainingRow]
    seed: int
    made: Path
    state: Path
    progress: Progress


Recipe = Callable[[Bench], Mapping[str, float | None]]
"""Trains, fills ``bench.made``, and returns the metrics on dev."""


def tune_project(
    workspace: Workspace, what: What, *, force: bool, skip_bad: bool, progress: Progress
) -> list[TuneReport]:
    """Tune what was asked for; see `Project.tune`."""
    roles: tuple[Role, ...] = ("generator", "embedding") if what == "all" else (what,)
    examples = workspace.examples(skip_bad=skip_bad)
    gate = examine(examples, workspace.settings.project.task)
    if not force:
        require_open(gate)
    require_libraries()
    return [_tune_role(workspace, role, examples, gate, progress) for role in roles]


def _tune_role(
    workspace: Workspace, role: Role, examples: Sequence[Example], gate: GateReport, progress: Progress
) -> TuneReport:
    kind = _kind(workspace, role)
    models = workspace.home / "models"
    key = fingerprint(RECIPE_VERSION, kind, _determinants(workspace))
    done = trained_before(models, key)
    reused = done is not None
    checkpoint = done or _train(workspace, kind, key, examples, progress)
    promote(models, role, checkpoint.id)
    card = checkpoint.card
    return TuneReport(
        checkpoint=checkpoint.id,
        kind=card.kind,
        examples=card.examples,
        metrics=card.metrics,
        seconds=card.seconds,
        reused=reused,
        warnings=gate.warnings,
    )


def _kind(workspace: Workspace, role: Role) -> str:
    if role == "embedding":
        return "embedding"
    return "chooser" if workspace.settings.project.task == "classify" else "reader"


def _determinants(workspace: Workspace) -> dict[str, Any]:
    from groundtune.models.embedded.shipped import READER_SHA256

    settings = workspace.settings
    return {
        "examples": file_hash(workspace.examples_path),
        "queries": file_hash(workspace.queries_path),
        "split": settings.experiment.seed,
        "seed": settings.training.seed,
        "labels": settings.project.labels,
        "knowledge": workspace.knowledge.version,
        "embedding": workspace.embedding.name,
        "base": workspace.weights.sha256,
        "reader": READER_SHA256,
    }


def _train(workspace: Workspace, kind: str, key: str, examples: Sequence[Example], progress: Progress) -> Checkpoint:
    began = perf_counter()
    models = workspace.home / "models"
    made = workshop(models)
    state = workspace.home / "training" / f"{key}.safetensors"
    state.parent.mkdir(parents=True, exist_ok=True)
    cases, dev = _cases(workspace, examples, progress)
    seed = workspace.settings.training.seed
    bench = Bench(workspace=workspace, cases=cases, dev=dev, seed=seed, made=made, state=state, progress=progress)
    metrics = RECIPES[kind](bench)
    card = Card(
        kind=kind,
        key=key,
        base=workspace.weights.sha256,
        data=file_hash(workspace.examples_path) or "",
        examples=len(examples),
        recipe={"version": RECIPE_VERSION, **_determinants(workspace)},
        metrics=metrics,
        seconds=perf_counter() - began,
        created=now(),
    )
    checkpoint = register(models, made, card)
    state.unlink(missing_ok=True)
    return checkpoint


def _cases(
    workspace: Workspace, examples: Sequence[Example], progress: Progress
) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """Training and dev cases, each with what the project's own retriever finds for it."""
    knowledge, mode = workspace.knowledge, workspace.settings.knowledge.search
    gold = GoldEvidence(knowledge, workspace.settings.knowledge.passages)
    dev = workspace.split.dev
    total, done = len(examples) + len(dev), 0

    def retrieve(query: Query) -> list[Passage]:
        nonlocal done
        done += 1
        progress("Retrieving for the training cases", done, total)
        return [hit.passage for hit in knowledge.search(query.question, _CONTEXT + 1, mode)]

    def evidence(query: Query) -> list[Passage]:
        return [hit.passage for hit in gold.retrieve(query)]

    return list(cases_of_examples(examples, retrieve, evidence)), list(cases_of_queries(dev, retrieve, evidence))


def _reader(bench: Bench) -> Mapping[str, float | None]:
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
        tokens=workspace.embedding.tokens,
        schedule=replace(FINE_TUNING, epochs=_epochs(FINE_TUNING.epochs, len(rows)), seed=bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the reader", at.done, at.total),
    )
    questions = workspace.embedding.embed([case.question for case in bench.cases])
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
    return {"dev": tuned.fitted.best.dev_score, "steps": float(tuned.fitted.steps)}


def _rows_to_read(workspace: Workspace, cases: Sequence[TrainingRow]) -> list[ReadingRow]:
    """What the reader learns from: answers in passages, or the values of slots in messages."""
    if workspace.settings.project.task != "extract":
        return reading_rows(cases)
    return slot_rows(cases, workspace.schema or {})


def _epochs(most: int, rows: int) -> int:
    """Fewer passes over many rows: each row is seen often enough by the sheer number of its like."""
    return min(most, max(1, round(ROWS_SEEN / rows)))


def _chooser(bench: Bench) -> Mapping[str, float | None]:
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
        tokens=workspace.embedding.tokens,
        schedule=chooser_schedule(len(bench.cases), bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the chooser", at.done, at.total),
    )
    card = CheckpointCard(kind="chooser", base=base.sha256, chooser=tuned.card)
    write_checkpoint(bench.made, card, tuned.tensors, base)
    return {"dev": tuned.fitted.best.dev_score, "steps": float(tuned.fitted.steps)}


def _embedding(bench: Bench) -> Mapping[str, float | None]:
    """The embedding model, from questions with the passages that answer them."""
    from groundtune.knowledge.passages import embedded_text
    from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
    from groundtune.models.embedded.embed import EmbeddedEmbedding
    from groundtune.training.embedding import EMBEDDING_SCHEDULE, RetrievalRow, mine_negatives, tune_embedding

    base = bench.workspace.weights
    untuned = EmbeddedEmbedding.of(base)
    corpus = [embedded_text(passage) for case in bench.cases for passage in (*case.passages, *case.gold)]

    def rows(cases: Sequence[TrainingRow]) -> list[RetrievalRow]:
        found = [(case.question, tuple(embedded_text(passage) for passage in answering(case))) for case in cases]
        return [RetrievalRow(question=question, positives=texts) for question, texts in found if texts]

    train = rows(bench.cases)
    if not train:
        raise GateClosed(
            "No example names its evidence, and none of the retrieved passages holds an answer word for word, so there "
            'is nothing to tune retrieval on. Add "evidence": [{"doc": "…"}] to the examples.'
        )
    tuned = tune_embedding(
        mine_negatives(train, corpus, untuned),
        rows(bench.dev),
        base=base,
        tokens=untuned.tokens,
        schedule=replace(EMBEDDING_SCHEDULE, seed=bench.seed),
        state=bench.state,
        progress=lambda at: bench.progress("Tuning the embedding model", at.done, at.total),
    )
    write_checkpoint(bench.made, CheckpointCard(kind="embedding", base=base.sha256), tuned.tensors, base)
    return {"dev": tuned.fitted.best.dev_score, "dev before": tuned.before}


RECIPES: Mapping[str, Recipe] = {"reader": _reader, "chooser": _chooser, "embedding": _embedding}
"""By kind of checkpoint."""
