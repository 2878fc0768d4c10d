"""Whether there are enough examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from groundtune.records import Task
from groundtune.training.gate.findings import Finding, Severity
from groundtune.training.gate.material import Material

__all__ = ["MINIMUM", "MINIMUM_PER_LABEL", "RELIABLE", "counts"]

MINIMUM: dict[Task, int] = {"answer": 50, "classify": 50, "extract": 50, "write": 50}
"""Fewest examples that any rule of thumb allows (METHODS 5.2: format and tone from 50; more for everything else)."""
MINIMUM_PER_LABEL = 5
RELIABLE = 500
"""Under this the field calls fine-tuning unreliable [S1]; the learning curve tells, not the count."""

_SHOWN = 5


def counts(material: Material) -> Iterator[Finding]:
    """Count the examples, and those of each label, against what the task needs."""
    count, task = len(material.examples), material.task
    if count < MINIMUM[task]:
        missing = MINIMUM[task] - count
        yield _few("refuse", f"{count} examples, and {task} needs at least {MINIMUM[task]}: {missing} are missing")
    elif count < RELIABLE:
        yield _few(
            "warn",
            f"{count} examples: under {RELIABLE} tuning is often unreliable; how much more would bring is measured "
            "by the learning curve: groundtune tune --curve",
        )
    if task == "classify" and count:
        yield from _labels(Counter(example.answer for example in material.examples))


def _labels(labels: Counter[str]) -> Iterator[Finding]:
    if len(labels) == 1:
        yield _few("refuse", f"every example has the same label ({next(iter(labels))!r}): there is nothing to choose")
    elif thin := sorted(item for item in labels.items() if item[1] < MINIMUM_PER_LABEL):
        shown = ", ".join(f"{label!r} has {count}" for label, count in thin[:_SHOWN])
        more = f" and {len(thin) - _SHOWN} more labels" if len(thin) > _SHOWN else ""
        yield _few("refuse", f"each label needs at least {MINIMUM_PER_LABEL} examples: {shown}{more}")


def _few(severity: Severity, message: str) -> Finding:
    return Finding(kind="count", severity=severity, message=message)
