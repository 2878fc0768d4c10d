"""The recipes of real language models: local weights by supervised fine-tuning, and a provider's fine-tuning API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import NotConfirmed, ProjectError
from groundtune.project.providers import MERGED, endpoint_of, local_name, teacher_chat
from groundtune.project.recipes import Bench, Made
from groundtune.training.after import Look, ParityCase
from groundtune.training.generator import Conversation, Mix, conversations

if TYPE_CHECKING:
    from groundtune.project.workspace import Workspace
    from groundtune.records import Message
    from groundtune.systems import PromptTemplate
    from groundtune.training.rows import TrainingRow

__all__ = ["Confirm", "cancel_hosted", "tune_generator_of", "tune_hosted_of"]

Confirm = Callable[[str], bool]
"""Shown what is about to be sent, paid or promised; says whether to go on."""

_SHOWN = 5
"""Conversations that were left out are named, this many of them."""

_PARITY_INPUTS = 3
"""Conversations on which the adapter and the merged model must write the same."""


def tune_generator_of(bench: Bench) -> Made:
    """An adapter on local weights, merged into them before anything is measured."""
    from groundtune.models.transformers import weights_sha256
    from groundtune.models.transformers.places import find_weights
    from groundtune.training.generator import Recipe, fine_tune

    settings = bench.workspace.settings
    base = find_weights(local_name(bench.workspace, settings.model.name))
    told, dev, notes = _told(bench)
    tuned = fine_tune(
        told,
        dev,
        base=base,
        recipe=replace(Recipe.of(settings.training), seed=bench.seed),
        state=bench.state,
        out=bench.made,
        progress=lambda step: bench.progress(_losses(step.train_loss, step.dev_loss), step.done, step.total),
    )
    left_out = [f"{one.id} was left out: {one.reason}" for one in tuned.left_out[:_SHOWN]]
    last = tuned.looks[-1] if tuned.looks else None
    return Made(
        metrics={
            "dev loss": min((look.dev_loss for look in tuned.looks if look.dev_loss is not None), default=None),
            "train loss": last.train_loss if last else None,
            "steps": float(tuned.steps),
        },
        base=weights_sha256(base),
        base_name=settings.model.name,
        looks=tuned.looks,
        kept=tuned.kept,
        parity=_parity(base, tuned.adapter, bench.made / MERGED, dev or told),
        notes=(*notes, *left_out),
    )


def tune_hosted_of(bench: Bench) -> Made:
    """A job at the provider's fine-tuning API, after its cost was shown and confirmed."""
    from groundtune.training.hosted import HostedTuning, Recipe

    settings = bench.workspace.settings
    told, dev, notes = _told(bench)
    price = settings.training.price_usd_per_million
    recipe = Recipe(
        model=settings.model.name,
        epochs=settings.training.epochs,
        seed=bench.seed,
        suffix=settings.project.name[:18],
        price=None if price is None else Decimal(str(price)),
    )
    hosted = HostedTuning(bench.state, endpoint_of(settings.model))
    quote = hosted.prepare(recipe, [one.messages for one in told], [one.messages for one in dev])
    paid = hosted.state is not None and hosted.state.job is not None
    if not paid and not bench.confirm(str(quote)):
        raise NotConfirmed(
            f"{quote}\nThis was not confirmed, so nothing was sent. Confirm it, or give --yes to groundtune tune."
        )
    tuned = hosted.run(lambda event: bench.progress(event.message, 0, 0))
    last = tuned.metrics[-1] if tuned.metrics else None
    return Made(
        metrics={
            "train loss": last.train_loss if last else None,
            "valid loss": last.valid_loss if last else None,
            "trained tokens": None if tuned.trained_tokens is None else float(tuned.trained_tokens),
        },
        base=tuned.base,
        base_name=settings.model.name,
        served_as=tuned.model,
        cost_usd=None if tuned.cost_usd is None else float(tuned.cost_usd),
        looks=tuple(
            Look(step=m.step, train_loss=m.train_loss, dev_loss=m.full_valid_loss)
            for m in tuned.metrics
            if m.full_valid_loss is not None
        ),
        notes=notes,
    )


def cancel_hosted(workspace: Workspace) -> list[str | None]:
    """End the provider's jobs that are under way for a project, also one that another process follows.

    Returns:
        The id of each; None for one that turned out never to have begun.

    Raises:
        ProjectError: when none is under way.
        ModelError: when the provider refuses, for example because the job has just ended.
    """
    from groundtune.training.hosted import HostedTuning

    folders = sorted(path for path in (workspace.home / "training").glob("*") if path.is_dir())
    tunings = [HostedTuning(folder, endpoint_of(workspace.settings.model)) for folder in folders]
    under_way = [one for one in tunings if one.state is not None and one.state.is_under_way]
    if not under_way:
        raise ProjectError("No tuning at a provider is under way in this project, so there is nothing to cancel.")
    return [one.cancel() for one in under_way]


def _told(bench: Bench) -> tuple[list[Conversation], list[Conversation], tuple[str, ...]]:
    """Training and dev conversations, in exactly the form in which the systems will ask."""
    template = template_of(bench)
    settings = bench.workspace.settings
    mix = Mix(
        passages=settings.knowledge.passages, without_evidence=settings.training.without_evidence, seed=bench.seed
    )
    cases, quotes, notes = _distilled(bench, template)
    dev = conversations(bench.dev, template, mix)
    return conversations(cases, template, mix, quotes=quotes), dev, notes


def _distilled(bench: Bench, template: PromptTemplate) -> tuple[Sequence[TrainingRow], Any, tuple[str, ...]]:
    """The cases with a stronger model's proven answers, where the settings name one and its terms were confirmed."""
    from groundtune.training.generator import distil, licence_question

    teacher = teacher_chat(bench.workspace)
    if teacher is None:
        return bench.cases, None, ()
    if not bench.confirm(licence_question(bench.workspace.settings.training.teacher)):
        raise NotConfirmed(
            "Learning from the teacher's answers was not confirmed. Confirm it (--yes), or remove [training] teacher."
        )
    found = distil(
        bench.cases,
        teacher,
        template,
        agrees=_agrees,
        concurrency=bench.workspace.settings.model.concurrency,
        progress=lambda done, total: bench.progress("The teacher answers", done, total),
    )
    kept = {row.id: row for row in found.rows}
    note = f"{len(found.rows)} answers come from {found.teacher}; {len(found.dropped)} could not be proven."
    return [kept.get(row.id, row) for row in bench.cases], found.quotes, (note,)


def _agrees(said: str, label: str) -> bool:
    from groundtune.experiment.scorers import token_f1

    return token_f1(said, label) >= 0.5


def template_of(bench: Bench) -> PromptTemplate:
    """The project's prompts, without few-shot examples: those are chosen after tuning, and never need to be learned."""
    from groundtune.systems import PromptTemplate

    workspace = bench.workspace
    project = workspace.settings.project
    labels = project.labels or tuple(sorted({case.answer for case in bench.cases}))
    return PromptTemplate(
        task=project.task,
        instruction=project.instruction,
        labels=labels if project.task == "classify" else (),
        schema=workspace.schema,
        datamark=workspace.settings.model.datamark,
    )


def _parity(base: Path, adapter: Path | None, merged: Path, told: Sequence[Conversation]) -> ParityCase[Any] | None:
    """The adapter on its base against the merged weights; nothing to compare where all weights were trained."""
    if adapter is None:
        return None
    from groundtune.models.transformers import TransformersChat

    def writer(name: str, **options: Any) -> Callable[[tuple[Message, ...]], str]:
        chat = TransformersChat.load(name, max_output_tokens=64, **options)
        return lambda messages: chat.complete(messages).text

    inputs = [one.messages[:-1] for one in told[:: max(1, len(told) // _PARITY_INPUTS)]][:_PARITY_INPUTS]
    return ParityCase(
        inputs=inputs,
        trained=writer(str(base), adapter=str(adapter), merge=False),
        exported=writer(str(merged)),
        tolerance=0.34,
    )


def _losses(train: float | None, dev: float | None) -> str:
    """The live line of a training."""
    shown = [f"{name} loss {value:.3f}" for name, value in (("train", train), ("dev", dev)) if value is not None]
    return ", ".join(["Tuning the generator", *shown])
