"""Has the model forgotten what it could do before it was tuned? The suite before and after, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from groundtune.errors import CannotDo, ModelError
from groundtune.models import Model
from groundtune.records import Reply
from groundtune.training.after.non_inferiority import MARGIN, compare_pairs
from groundtune.training.after.suite import SETS, SetName, SuiteItem, load_suite
from groundtune.training.card import GateResult

__all__ = ["Outcome", "Subject", "forgetting", "run_suite"]

_NAMED = 5
_NO_CONFIDENCE = "its confidence is below the one from which it answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model as a system uses it.

    Attributes:
        model: Base or tuned.
        answer_from: Least confidence in [0, 1] with which it answers; below, it abstains.
    """

    model: Model
    answer_from: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a model made of one item.

    Attributes:
        item: Id of the item.
        set: Its set.
        right: None where the model failed to reply.
        text: What it said; empty for an abstention.
        note: Why it abstained or failed.
    """

    item: str
    set: SetName
    right: bool | None
    text: str
    note: str | None = None


def run_suite(
    subject: Subject,
    items: Sequence[SuiteItem] | None = None,
    *,
    concurrency: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Ask a model the items.

    Args:
        subject: The model.
        items: None: the whole suite.
        concurrency: Most questions at the same time.
        progress: Called with (done, all) after each reply.

    Returns:
        One for each item, in order, without those that are not this model's kind of task (`CannotDo`). A failing reply
        is an outcome that says why.
    """
    asked = load_suite() if items is None else items
    found: list[Outcome] = []
    pool = ThreadPoolExecutor(concurrency)
    try:
        for done, outcome in enumerate(pool.map(lambda item: _ask(subject, item), asked), start=1):
            found += [outcome] if outcome else []
            if progress:
                progress(done, len(asked))
    finally:
        pool.shutdown(cancel_futures=True)
    return tuple(found)


def forgetting(before: Iterable[Outcome], after: Iterable[Outcome], *, margin: float = MARGIN) -> list[GateResult]:
    """Compare the suite before and after, for each set and over all of them.

    A set fails when a loss of more than the margin is shown, and the refusal of harmful requests already when more is
    lost than the margin. A set on which the tuned model failed to reply cannot pass; failing on a tenth fails it.

    Args:
        before: Of the base model.
        after: Of the tuned model, over the same items.
        margin: Loss that is taken as none.

    Returns:
        A gate for each set that the base model can do, and ``forgetting`` over all of them.
    """
    then, now = {o.item: o for o in before}, {o.item: o for o in after}
    gates = []
    for name in SETS:
        items = [item for item, outcome in then.items() if outcome.set == name]
        if items:
            strict = name == "refusal"
            gates.append(_gate(f"forgetting: {name}", items, then, now, margin=margin, strict=strict))
    return [*gates, _gate("forgetting", list(then), then, now, margin=margin)] if len(gates) > 1 else gates


def _ask(subject: Subject, item: SuiteItem) -> Outcome | None:
    try:
        reply = _as_used(subject, subject.model.reply(item.prompt))
    except CannotDo:
        return None
    except ModelError as failure:
        return Outcome(item=item.id, set=item.set, right=None, text="", note=str(failure))
    return Outcome(item=item.id, set=item.set, right=item.check.holds(reply), text=reply.text, note=reply.reason)


def _as_used(subject: Subject, reply: Reply) -> Reply:
    unsure = reply.confidence is not None and reply.confidence < subject.answer_from
    return replace(reply, text="", reason=_NO_CONFIDENCE) if unsure and reply.reason is None else reply


def _gate(
    name: str,
    items: Sequence[str],
    then: Mapping[str, Outcome],
    now: Mapping[str, Outcome],
    *,
    margin: float,
    strict: bool = False,
) -> GateResult:
    pairs = [(_score(then.get(item)), _score(now.get(item))) for item in items]
    result = compare_pairs(name, pairs, margin=margin, strict=strict)
    lost = [item for item, (base, tuned) in zip(items, pairs, strict=True) if base == 1 and tuned == 0]
    right = [sum(score == 1 for score in model) for model in zip(*pairs, strict=True)]
    notes = [f"base {right[0]}, tuned {right[1]} of {len(items)} right; {result.note}"]
    if lost:
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        notes.append(f"lost: {', '.join(lost[:_NAMED])}{more}")
    failure = next((o.note for run in (now, then) for o in run.values() if o.item in items and o.right is None), None)
    if failure:
        notes.append(f"a reply failed: {failure}")
    return replace(result, note="; ".join(notes))


def _score(outcome: Outcome | None) -> float | None:
    return None if outcome is None or outcome.right is None else float(outcome.right)
