"""Distillation: a stronger model answers the training questions from the evidence; only proven answers are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from groundtune.errors import ModelError
from groundtune.models import Chat
from groundtune.models.chat import ChatModel
from groundtune.records import Quote, Reply
from groundtune.training.generator.conversations import Template, asking
from groundtune.training.rows import TrainingRow, answering

__all__ = ["Distilled", "Dropped", "distil", "licence_question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A training question whose answer by the teacher is not used, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """What the teacher's answers gave.

    Attributes:
        teacher: Its name, with everything that determined its answers; goes on the tuned model's card.
        rows: The examples whose answer was proven, with the teacher's answer in place of their own.
        quotes: By id of an example, the spans of its `answering` passages that the teacher cited.
        dropped: The others; whoever uses this decides whether they keep their own answer.
    """

    teacher: str
    rows: tuple[TrainingRow, ...]
    quotes: Mapping[str, tuple[Quote, ...]]
    dropped: tuple[Dropped, ...]


def licence_question(teacher: str) -> str:
    """What a person must answer before a model is trained on another's answers."""
    return (
        f"The tuned model will learn from answers that {teacher} writes. The terms of many providers and the licences "
        "of some open weights forbid or restrict training other models on their output, above all models that "
        f"compete with theirs. Have you read the terms of {teacher}, and do they allow this use?"
    )


def distil(
    rows: Sequence[TrainingRow],
    teacher: Chat,
    template: Template,
    *,
    agrees: Callable[[str, str], bool] | None = None,
    concurrency: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> Distilled:
    """Let the teacher answer, and keep what is proven: cited word for word, and in agreement with the label.

    Args:
        rows: Training examples with their evidence.
        teacher: The stronger model.
        template: The project's own.
        agrees: The task's scorer: (answer, label) -> right or not; None where the task has none.
        concurrency: Most questions at the same time.
        progress: Called with (answered, all).

    Raises:
        BudgetSpent: when there is a budget and it is spent; a cached teacher's answers are kept for the next run.
    """
    model = ChatModel(teacher)

    def ask(row: TrainingRow) -> tuple[TrainingRow, Reply] | Dropped:
        return _ask(row, model, template, agrees)

    kept: list[TrainingRow] = []
    quotes: dict[str, tuple[Quote, ...]] = {}
    dropped: list[Dropped] = []
    with ThreadPoolExecutor(concurrency) as pool:
        for done, answered in enumerate(pool.map(ask, rows), start=1):
            if isinstance(answered, Dropped):
                dropped.append(answered)
            else:
                row, reply = answered
                kept.append(row)
                quotes.update({row.id: reply.quotes} if reply.quotes else {})
            if progress:
                progress(done, len(rows))
    return Distilled(teacher=model.name, rows=tuple(kept), quotes=quotes, dropped=tuple(dropped))


def _ask(
    row: TrainingRow, model: ChatModel, template: Template, agrees: Callable[[str, str], bool] | None
) -> tuple[TrainingRow, Reply] | Dropped:
    grounded = template.fill(row.question).task == "answer"
    passages = answering(row) if grounded else row.passages
    if grounded and not passages:
        return Dropped(id=row.id, reason="no passage is known to hold its answer, so nothing can prove the teacher's")
    try:
        reply = model.reply(asking(template, row, passages))
    except ModelError as error:
        return Dropped(id=row.id, reason=f"the teacher failed: {error}")
    reason = _doubt(row, reply, agrees, grounded=grounded)
    if reason:
        return Dropped(id=row.id, reason=reason)
    return replace(row, answer=reply.text, gold=passages if grounded else row.gold), reply


def _doubt(row: TrainingRow, reply: Reply, agrees: Callable[[str, str], bool] | None, *, grounded: bool) -> str | None:
    if reply.reason is not None:
        return f"the teacher did not answer: {reply.reason}"
    if grounded and not reply.quotes:
        return "the teacher cited nothing that stands in the passages word for word"
    if agrees is not None and not agrees(reply.text, row.answer):
        return f"the teacher's answer {reply.text[:80]!r} does not agree with the label {row.answer[:80]!r}"
    return None
