"""What a gate found, and what closes the gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from groundtune.errors import GateClosed

__all__ = ["LEAKAGE", "Finding", "Fix", "GateReport", "Row", "Severity", "require_open"]

Severity = Literal["refuse", "warn", "note"]
"""``refuse`` closes the gate, ``warn`` asks for a look, ``note`` informs."""

Fix = Literal["leave_out", "mask"]
"""What a cleaned copy does with the rows."""

LEAKAGE = "leakage"
"""The one kind that nothing opens: a score on questions that were trained on is worth nothing."""

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the examples.

    Attributes:
        id: Of the example; empty where the row cannot be read.
        line: 1-based; None where the example did not come from a file.
        detail: What is the matter with this row; never a value that should not be seen.
    """

    id: str
    line: int | None = None
    detail: str = ""

    @property
    def place(self) -> str:
        """Where it stands, as a person would look for it."""
        return f"example {self.id!r}" if self.line is None else f"line {self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.detail}" if self.detail else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a gate found.

    Attributes:
        kind: Which, in one word: ``duplicates``, ``leakage``, …
        severity: What follows from it.
        message: One sentence for a person: how many, what, and what to do.
        rows: The rows that it is about; empty when it is about all of them.
        fix: What `write_cleaned` does with the rows; None when only a person can decide.
    """

    kind: str
    severity: Severity
    message: str
    rows: tuple[Row, ...] = ()
    fix: Fix | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields, with every row."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "count": len(self.rows),
            "fix": self.fix,
            "rows": [{"id": row.id, "line": row.line, "detail": row.detail} for row in self.rows],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """Everything that the gates found, the gravest first."""

    examples: int
    findings: tuple[Finding, ...]

    @property
    def is_open(self) -> bool:
        """Whether training may begin."""
        return not self.missing

    @property
    def missing(self) -> tuple[str, ...]:
        """What closes the gate."""
        return self._messages("refuse")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not close it and deserves a look."""
        return self._messages("warn")

    def with_findings(self, more: Iterable[Finding]) -> GateReport:
        """The report with further findings."""
        order: tuple[Severity, ...] = ("refuse", "warn", "note")
        findings = sorted((*self.findings, *more), key=lambda finding: order.index(finding.severity))
        return GateReport(examples=self.examples, findings=tuple(findings))

    def _messages(self, severity: Severity) -> tuple[str, ...]:
        return tuple(finding.message for finding in self.findings if finding.severity == severity)


def require_open(report: GateReport, *, force: bool = False) -> None:
    """Refuse to train while the gate is closed.

    Args:
        report: What the gates found.
        force: Train all the same, unless evaluation questions leaked into the examples.

    Raises:
        GateClosed: names what is the matter, with the first rows, and how to go on.
    """
    closed = [f for f in report.findings if f.severity == "refuse" and not (force and f.kind != LEAKAGE)]
    if not closed:
        return
    reasons = "\n".join(_reason(finding) for finding in closed)
    steps = ["Put these right"]
    if any(finding.fix for finding in closed):
        steps.append("write a cleaned copy: groundtune check --fix")
    if not any(finding.kind == LEAKAGE for finding in closed):
        steps.append("train all the same with --force")
    raise GateClosed(f"Not trained: the gate is closed.\n{reasons}\n{', or '.join(steps)}.")


def _reason(finding: Finding) -> str:
    rows = [f"    {row}" for row in finding.rows[:_SHOWN]]
    more = [f"    … and {len(finding.rows) - _SHOWN} more"] if len(finding.rows) > _SHOWN else []
    return "\n".join([f"  {finding.message}", *rows, *more])
