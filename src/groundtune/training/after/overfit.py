"""Signs that a model learned its examples rather than the task (METHODS section 5.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from groundtune.training.after.comparison import DevRow
from groundtune.training.after.non_inferiority import change_of
from groundtune.training.card import GateResult

__all__ = ["Look", "dev_falls", "loss_gap", "verbatim"]

_LOSS_NOISE = 0.02
"""Share of the dev loss: smaller changes of a loss are taken as none."""
_SCORE_NOISE = 0.01
_WORDS = 8
_TIMES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One evaluation during training; what was not measured is None.

    Attributes:
        step: Steps of training before it.
        train_loss: Mean loss on the training examples.
        dev_loss: Mean loss on dev.
        train_score: Quality on training examples, higher is better.
        dev_score: Quality on dev.
    """

    step: int
    train_loss: float | None = None
    dev_loss: float | None = None
    train_score: float | None = None
    dev_score: float | None = None


def loss_gap(looks: Sequence[Look], kept: int | None = None) -> GateResult | None:
    """Did the gap between dev and training loss widen over the last two evaluations?

    It fails when the dev loss rose above its lowest meanwhile. A gap that widens while the dev loss still falls is the
    usual course of training and only a warning.

    Args:
        looks: In order.
        kept: Step whose weights were kept; later looks do not count. None: the last.

    Returns:
        None where the losses were not measured.
    """
    losses = [(look.train_loss, look.dev_loss) for look in _until(looks, kept)]
    both = [(train, dev) for train, dev in losses if train is not None and dev is not None]
    if not both:
        return None
    if len(both) < 3:
        return GateResult(
            name="overfit: loss gap",
            passed=None,
            note=f"{len(both)} evaluations with both losses; three are needed to see a gap widen",
        )
    gaps = [dev - train for train, dev in both[-3:]]
    noise = _LOSS_NOISE * abs(both[-1][1])
    widens = all(later - earlier > noise for earlier, later in pairwise(gaps))
    risen = both[-1][1] - min(dev for _, dev in both)
    shown = f"dev less training loss went {' -> '.join(f'{gap:.3f}' for gap in gaps)}"
    if not widens:
        passed, note = True, shown
    elif risen > noise:
        passed, note = (
            False,
            f"{shown} while the dev loss rose by {risen:.3f}: train for fewer epochs or on more examples",
        )
    else:
        passed, note = None, f"{shown}; the dev loss still fell"
    return GateResult(name="overfit: loss gap", passed=passed, value=gaps[-1] - gaps[0], margin=noise, note=note)


def dev_falls(looks: Sequence[Look], kept: int | None = None) -> GateResult | None:
    """Is dev quality at the kept weights lower than at its best before, while training went on improving?

    Args:
        looks: In order.
        kept: Step whose weights were kept; None: the last.

    Returns:
        None where dev quality was not measured at all.
    """
    scored = [(look, look.dev_score) for look in _until(looks, kept) if look.dev_score is not None]
    if not scored:
        return None
    last, score = scored[-1]
    best, highest = max(scored, key=lambda pair: pair[1])
    change = score - highest
    fell = change < -_SCORE_NOISE and _improves(best, last)
    note = f"dev quality {score:.3f} at the kept weights, {highest:.3f} at best (step {best.step})"
    advice = ": training improved meanwhile; keep the weights of that step" if fell else ""
    return GateResult(
        name="overfit: dev quality", passed=not fell, value=change, margin=-_SCORE_NOISE, note=f"{note}{advice}"
    )


def verbatim(rows: Iterable[DevRow], training_answers: Iterable[str]) -> GateResult | None:
    """Does the tuned model recite? Share of its runs of 8 words that stand in training answers, against twice the base.

    Accepted answers count like the base: where right answers share their wording with training (JSON, house style),
    so may the model's.

    Args:
        rows: Answers to dev questions.
        training_answers: What was trained on.

    Returns:
        None where the tuned answers are shorter than 8 words, so that there is nothing to compare.
    """
    known = {run for answer in training_answers for run in _runs(answer)}
    measured = [(row, share) for row in rows if (share := _share(row.tuned_text, known)) is not None]
    if not measured or not known:
        return None
    tuned = [share for _, share in measured]
    base = [_share(row.base_text, known) or 0.0 for row, _ in measured]
    right = [max((_share(text, known) or 0.0 for text in row.accepted), default=0.0) for row, _ in measured]
    usual = max(base, right, key=sum)
    change = change_of([share - _TIMES * often for share, often in zip(tuned, usual, strict=True)])
    recites = change is not None and change.interval is not None and change.interval[0] > 0
    value, allowed = sum(tuned) / len(tuned), _TIMES * sum(usual) / len(usual)
    note = f"{value:.1%} of the tuned answers' runs of {_WORDS} words stand in training answers; {allowed:.1%} is usual"
    return GateResult(
        name="overfit: verbatim",
        passed=False if recites else (True if value <= allowed else None),
        value=value,
        margin=allowed,
        note=f"{note}: it recites; train for fewer epochs or on more varied examples" if recites else note,
    )


def _until(looks: Sequence[Look], kept: int | None) -> list[Look]:
    return [look for look in looks if kept is None or look.step <= kept]


def _improves(earlier: Look, later: Look) -> bool:
    """Whether training went on improving, by its score or else by its loss; unknown counts as yes."""
    if earlier.train_score is not None and later.train_score is not None:
        return later.train_score > earlier.train_score
    if earlier.train_loss is not None and later.train_loss is not None:
        return later.train_loss < earlier.train_loss
    return later is not earlier


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return (tuple(words[start : start + _WORDS]) for start in range(len(words) - _WORDS + 1))


def _share(text: str, known: set[tuple[str, ...]]) -> float | None:
    """Share of a text's runs of 8 words that are known; None where it is shorter."""
    runs = list(_runs(text))
    return sum(run in known for run in runs) / len(runs) if runs else None
