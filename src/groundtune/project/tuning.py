"""Tuning a project's weights: examples with their context in, an examined and registered model out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from groundtune.errors import ProjectError
from groundtune.project.checking import gate_report
from groundtune.project.examining import examine_model
from groundtune.project.generators import Confirm, tune_generator_of, tune_hosted_of
from groundtune.project.indexing import index_sources
from groundtune.project.providers import local_name
from groundtune.project.recipes import Bench, Made, Recipe, tune_chooser_of, tune_reader_of
from groundtune.project.results import TuneReport
from groundtune.project.retrieval_recipes import tune_embedding_of, tune_reranker_of
from groundtune.project.tuned_retrieval import examine_retrieval, stopping, without_reranker
from groundtune.project.workspace import Workspace, file_hash, fingerprint
from groundtune.records import Example, Passage, Query
from groundtune.systems import GoldEvidence
from groundtune.training.cases import cases_of_examples, cases_of_queries
from groundtune.training.gate import require_libraries, require_open
from groundtune.training.registry import (
    Card,
    Checkpoint,
    history,
    now,
    promote,
    record_gates,
    register,
    trained_before,
    workshop,
)

if TYPE_CHECKING:
    from groundtune.knowledge import SearchPlan
    from groundtune.project.measuring import Progress
    from groundtune.project.project import What
    from groundtune.training.rows import TrainingRow

Role = Literal["generator", "embedding", "reranker"]

RETRIEVAL: tuple[Role, ...] = ("embedding", "reranker")
"""Roles of the search: used only when the gain on held-out queries is beyond doubt."""

RECIPE_VERSION = "2"
"""Raised whenever a recipe trains differently, so that older checkpoints are not taken for its results."""

RECIPES: Mapping[str, Recipe] = {
    "reader": tune_reader_of,
    "chooser": tune_chooser_of,
    "embedding": tune_embedding_of,
    "reranker": tune_reranker_of,
    "generator": tune_generator_of,
    "hosted": tune_hosted_of,
}
"""By kind of tuned model."""

CONTEXT = 8
"""Passages that a case is given in training: a few more than a system reads, so that there are distractors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a tuning is wanted.

    Attributes:
        force: Train although the gate is closed, and use the model although it failed after training.
        confirm: Asked before anything is sent or paid; refusing ends the tuning.
    """

    force: bool
    skip_bad: bool
    confirm: Confirm


def tune_project(workspace: Workspace, what: What, wish: Wish, progress: Progress) -> list[TuneReport]:
    """Tune what was asked for; see `Project.tune`."""
    roles: tuple[Role, ...] = ("generator", *RETRIEVAL) if what == "all" else (what,)
    examples = workspace.examples(skip_bad=wish.skip_bad)
    gate = gate_report(workspace, skip_bad=wish.skip_bad)
    require_open(gate, force=wish.force)
    if set(roles) & set(RETRIEVAL) or workspace.settings.model.provider != "openai":
        require_libraries()
    reports = []
    for role in roles:
        reports.append(_tune_role(workspace, role, examples, gate.warnings, wish, progress))
        workspace.look_again()
    return reports


def _tune_role(
    workspace: Workspace,
    role: Role,
    examples: Sequence[Example],
    warnings: tuple[str, ...],
    wish: Wish,
    progress: Progress,
) -> TuneReport:
    if role == "embedding":
        workspace = _untuned(workspace, progress)
    kind = kind_of(workspace, role)
    models = workspace.home / "models"
    key = fingerprint(RECIPE_VERSION, kind, determinants(workspace, kind))
    done = trained_before(models, key)
    made: Made | None = None
    if done is None:
        done, made = _train(workspace, kind, key, examples, wish, progress)
    if not done.card.gates:
        if role in RETRIEVAL:
            found = examine_retrieval(workspace, done, progress)
        else:
            found = examine_model(workspace, done, made, examples, progress)
        done = record_gates(models, done.id, found)
    notes = (*warnings, *(made.notes if made else ()))
    if role in RETRIEVAL and done.card.status == "failed" and not wish.force:
        # No fault of anybody: the search is as good without it.
        return _report(done, reused=made is None, warnings=(*notes, *done.card.reasons))
    if not _was_withdrawn(models, role, done.id):
        promote(models, role, done.id, force=wish.force)
    return _report(done, reused=made is None, warnings=notes)


def _untuned(workspace: Workspace, progress: Progress) -> Workspace:
    """The project with its base embedding and an index of it: what a tuned one is made from and compared with."""
    if workspace.settings.model.embedding.provider != "embedded":
        raise ProjectError(
            "Only the embedded embedding model can be tuned here, and this project has another. Set "
            '[model.embedding] provider = "embedded", or tune a reranker: groundtune tune --what reranker'
        )
    base = workspace.with_embedding("base")
    index_sources(base, progress)
    return base


def _report(checkpoint: Checkpoint, *, reused: bool, warnings: tuple[str, ...]) -> TuneReport:
    card = checkpoint.card
    return TuneReport(
        checkpoint=checkpoint.id,
        kind=card.kind,
        examples=card.examples,
        metrics=card.metrics,
        seconds=card.seconds,
        reused=reused,
        warnings=warnings,
        gates=card.gates,
        cost_usd=card.cost_usd,
    )


def _was_withdrawn(models: Path, role: str, identity: str) -> bool:
    """Whether somebody rolled this very model back: it is then put to use by hand only."""
    promotions = [promotion for promotion in history(models, role) if promotion.checkpoint == identity]
    return bool(promotions) and promotions[-1].withdrawn is not None


def kind_of(workspace: Workspace, role: Role) -> str:
    """The kind of tuned model that a role asks for with the project's provider and task."""
    if role in RETRIEVAL:
        return role
    provider = workspace.settings.model.provider
    if provider != "embedded":
        return {"transformers": "generator", "openai": "hosted"}[provider]
    return "chooser" if workspace.settings.project.task == "classify" else "reader"


def determinants(workspace: Workspace, kind: str) -> dict[str, Any]:
    """Everything that a training depends on."""
    settings = workspace.settings
    shared = {
        "examples": file_hash(workspace.examples_path),
        "queries": file_hash(workspace.queries_path),
        "split": settings.experiment.seed,
        "labels": settings.project.labels,
        "knowledge": workspace.knowledge.version,
        "fusion": workspace.knowledge.alpha,
        "embedding": workspace.embedding.name,
        "search": _search(workspace, kind),
    }
    if kind == "reranker" and settings.model.reranker.provider == "transformers":
        return shared | {"seed": settings.training.seed, "base": settings.model.reranker.name}
    if kind in ("generator", "hosted"):
        model = settings.model
        training = settings.training.model_dump(mode="json")
        instruction = (settings.project.instruction, settings.project.json_schema, model.datamark)
        return shared | {"base": _base(workspace, kind), "training": training, "instruction": instruction}
    from groundtune.models.embedded.shipped import READER_SHA256

    return shared | {"seed": settings.training.seed, "base": workspace.weights.sha256, "reader": READER_SHA256}


def _search(workspace: Workspace, kind: str) -> list[Any]:
    """What decides which passages a case comes with."""
    plan = without_reranker(workspace) if kind in RETRIEVAL else workspace.plan
    reads = [plan.reranker.name, plan.rerank_depth, plan.rerank_weight] if plan.reranker else None
    rewrites = workspace.settings.knowledge.rewrite
    return [plan.mode, plan.collapse, plan.per_document, plan.mmr, plan.fetch_k, rewrites, reads]


def _base(workspace: Workspace, kind: str) -> str:
    """What the base model's name stands for today."""
    name = workspace.settings.model.name
    if kind == "hosted":
        return f"{workspace.settings.model.base_url}#{name}"
    from groundtune.models.transformers import weights_sha256
    from groundtune.models.transformers.places import find_weights

    return weights_sha256(find_weights(local_name(workspace, name)))


def _train(
    workspace: Workspace, kind: str, key: str, examples: Sequence[Example], wish: Wish, progress: Progress
) -> tuple[Checkpoint, Made]:
    began = perf_counter()
    models = workspace.home / "models"
    if kind in RETRIEVAL:
        plan = without_reranker(workspace)
        cases, dev = training_cases(workspace, examples, progress, dev=stopping(workspace), plan=plan)
    else:
        cases, dev = training_cases(workspace, examples, progress)
    bench = Bench(
        workspace=workspace,
        cases=cases,
        dev=dev,
        seed=workspace.settings.training.seed,
        made=workshop(models),
        state=workspace.home / "training" / key,
        progress=progress,
        confirm=wish.confirm,
    )
    bench.state.parent.mkdir(parents=True, exist_ok=True)
    made = RECIPES[kind](bench)
    card = Card(
        kind=kind,
        key=key,
        base=made.base,
        base_name=made.base_name,
        served_as=made.served_as,
        data=file_hash(workspace.examples_path) or "",
        examples=len(examples),
        recipe={"version": RECIPE_VERSION, **determinants(workspace, kind)},
        seeds=(bench.seed,),
        metrics=made.metrics,
        cost_usd=made.cost_usd,
        seconds=perf_counter() - began,
        created=now(),
    )
    checkpoint = register(models, bench.made, card)
    _forget(bench.state)
    return checkpoint, made


def _forget(state: Path) -> None:
    """What a recipe kept to go on after a kill, a file or a folder, is not needed any more."""
    if state.is_dir():
        shutil.rmtree(state)
    else:
        state.unlink(missing_ok=True)


def training_cases(
    workspace: Workspace,
    examples: Sequence[Example],
    progress: Progress,
    *,
    dev: Sequence[Query] | None = None,
    plan: SearchPlan | None = None,
) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """Training and dev cases, each with what the project's own retriever finds for it.

    Args:
        workspace: The project.
        examples: What is trained on.
        progress: Called with (stage, done, total).
        dev: The queries to stop by; None: all of dev.
        plan: How passages are found; None: as the project does.
    """
    knowledge, plan = workspace.knowledge, plan or workspace.plan
    gold = GoldEvidence(knowledge, workspace.settings.knowledge.passages)
    dev = workspace.split.dev if dev is None else dev
    total, done = len(examples) + len(dev), 0

    def retrieve(query: Query) -> list[Passage]:
        nonlocal done
        done += 1
        progress("Retrieving for the training cases", done, total)
        return [hit.passage for hit in knowledge.search(query.question, CONTEXT + 1, plan)]

    def evidence(query: Query) -> list[Passage]:
        return [hit.passage for hit in gold.retrieve(query)]

    return list(cases_of_examples(examples, retrieve, evidence)), list(cases_of_queries(dev, retrieve, evidence))
