"""May these examples be trained on? Thin: counts against need; the full gate comes with model training."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from groundtune.errors import GateClosed, MissingExtra
from groundtune.records import Example, Task

MINIMUM: dict[Task, int] = {"answer": 50, "classify": 50, "extract": 50, "write": 50}
"""Fewest examples that any rule of thumb allows (METHODS 5.2: format and tone from 50; more for everything else)."""
MINIMUM_PER_LABEL = 5
RELIABLE = 500
"""Under this the field calls fine-tuning unreliable [S1]; the learning curve tells, not the count."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the gate found: ``missing`` closes it, ``warnings`` do not."""

    examples: int
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether training may begin."""
        return not self.missing


def examine(examples: Sequence[Example], task: Task) -> GateReport:
    """Count the examples against what their task needs."""
    count = len(examples)
    missing, warnings = [], []
    if count < MINIMUM[task]:
        missing.append(
            f"{count} examples, and {task} needs at least {MINIMUM[task]}: {MINIMUM[task] - count} are missing"
        )
    elif count < RELIABLE:
        warnings.append(f"{count} examples: under {RELIABLE} tuning is often unreliable; the experiment will tell")
    if task == "classify":
        missing += _label_gaps(Counter(example.answer for example in examples))
    duplicates = count - len({(e.question.casefold().strip(), e.answer) for e in examples})
    if duplicates:
        warnings.append(f"{duplicates} examples repeat another word for word")
    return GateReport(count, tuple(missing), tuple(warnings))


def _label_gaps(counts: Counter[str]) -> list[str]:
    if len(counts) == 1:
        return [f"every example has the same label ({next(iter(counts))!r}): there is nothing to choose between"]
    thin = {label: count for label, count in counts.items() if count < MINIMUM_PER_LABEL}
    if not thin:
        return []
    shown = ", ".join(f"{label!r} has {count}" for label, count in sorted(thin.items())[:5])
    more = f" and {len(thin) - 5} more labels" if len(thin) > 5 else ""
    return [f"each label needs at least {MINIMUM_PER_LABEL} examples: {shown}{more}"]


def require_open(report: GateReport) -> None:
    """Refuse to train while the gate is closed.

    Raises:
        GateClosed: names what is missing and how to go on.
    """
    if not report.is_open:
        reasons = "\n".join(f"  {reason}" for reason in report.missing)
        raise GateClosed(
            f"Not trained: the examples are too few.\n{reasons}\nAdd examples, or train all the same with --force."
        )


def require_libraries() -> None:
    """Refuse to train without the training libraries, before any work is done.

    Raises:
        MissingExtra: says which to install.
    """
    try:
        importlib.import_module("torch")
    except ImportError:
        raise MissingExtra("Tuning", "train") from None
