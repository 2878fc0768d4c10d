"""All gates before training, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from groundtune.errors import MissingExtra
from groundtune.records import Example, Task
from groundtune.training.gate.answer_in_prompt import answer_in_prompt
from groundtune.training.gate.balance import balance
from groundtune.training.gate.conflicts import conflicts
from groundtune.training.gate.counts import counts
from groundtune.training.gate.coverage import coverage
from groundtune.training.gate.duplicates import exact_duplicates, near_duplicates
from groundtune.training.gate.findings import Finding, GateReport
from groundtune.training.gate.form import form
from groundtune.training.gate.label_errors import label_errors
from groundtune.training.gate.lengths import lengths
from groundtune.training.gate.material import Against, Material
from groundtune.training.gate.private import personal_data, secrets

__all__ = ["GATES", "examine"]

Gate = Callable[[Material], Iterator[Finding]]

GATES: tuple[Gate, ...] = (
    counts,
    form,
    exact_duplicates,
    near_duplicates,
    conflicts,
    answer_in_prompt,
    label_errors,
    lengths,
    balance,
    coverage,
    secrets,
    personal_data,
)
"""Every gate that needs the examples alone; leakage is found by the experiment, which knows the queries."""


def examine(examples: Sequence[Example], task: Task, against: Against | None = None) -> GateReport:
    """Examine training examples (METHODS 5.1).

    A gate whose library is not installed becomes a note that says so.

    Args:
        examples: The good rows in file order, with distinct ids.
        task: What they teach.
        against: What they are held against; what it leaves out is not examined.
    """
    material = Material(examples, task, against or Against())
    findings = chain.from_iterable(_found(gate, material) for gate in GATES)
    return GateReport(examples=len(examples), findings=()).with_findings(findings)


def _found(gate: Gate, material: Material) -> list[Finding]:
    try:
        return list(gate(material))
    except MissingExtra as missing:
        return [Finding(kind="not_examined", severity="note", message=str(missing))]
