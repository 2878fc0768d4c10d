"""What a tuned model is examined for before it is used: see `groundtune.training.after`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from groundtune.project.providers import base_model, tuned_model
from groundtune.training.after import AfterTraining, DevRow, Subject, examine_tuned

if TYPE_CHECKING:
    from groundtune.project.measuring import Progress
    from groundtune.project.recipes import Made
    from groundtune.project.workspace import Workspace
    from groundtune.records import Example
    from groundtune.training.card import GateResult
    from groundtune.training.registry import Checkpoint


def examine_model(
    workspace: Workspace, checkpoint: Checkpoint, made: Made | None, examples: Sequence[Example], progress: Progress
) -> list[GateResult]:
    """Put a tuned language model through the gates after training; the embedded model is examined by the experiment.

    See docs/decisions/0016-what-a-small-reader-may-forget.md.

    Args:
        workspace: The project.
        checkpoint: The model.
        made: What its training told; None where it was trained earlier.
        examples: What it was trained on.
        progress: Called with (stage, done, total).
    """
    if workspace.settings.model.provider == "embedded":
        return []
    tuned = tuned_model(workspace, checkpoint)
    assert tuned is not None
    return examine_tuned(
        AfterTraining(
            base=Subject(model=base_model(workspace)),
            tuned=Subject(model=tuned),
            looks=made.looks if made else (),
            kept=made.kept if made else None,
            dev=_on_dev(workspace, checkpoint, examples, progress),
            training_answers=[example.answer for example in examples],
            export=made.parity if made else None,
        ),
        concurrency=workspace.settings.model.concurrency,
        progress=progress,
    )


def _on_dev(
    workspace: Workspace, checkpoint: Checkpoint, examples: Sequence[Example], progress: Progress
) -> list[DevRow]:
    """What base and tuned weights say to the dev queries, with passages and without."""
    from groundtune.project.measuring import Measuring

    measuring = Measuring(workspace, examples, checkpoint, progress)
    answers = measuring.plain_answers()
    return [
        DevRow(
            base_text=answers[base, query.id].text,
            tuned_text=answers[tuned, query.id].text,
            base_score=measuring.score(answers[base, query.id], query),
            tuned_score=measuring.score(answers[tuned, query.id], query),
            accepted=query.answers,
            cluster=workspace.split.clusters.get(query.id, query.id),
        )
        for base, tuned in (("prompt", "tuned"), ("rag", "tuned_rag"))
        for query in workspace.split.dev
    ]
