"""What the verbs of a project return: typed records with the JSON of DESIGN section 7."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.records import Answer, Hit
from groundtune.systems.wire import AnswerView, SearchView

if TYPE_CHECKING:
    from groundtune.advice.scoring import ForecastScore
    from groundtune.diagnosis.records import Diagnosis
    from groundtune.economics.forecast import CostForecast
    from groundtune.experiment.load import LoadResult
    from groundtune.experiment.plan import Plan
    from groundtune.experiment.results import ExperimentResult
    from groundtune.knowledge import SyncReport
    from groundtune.training.card import GateResult
    from groundtune.training.cleaning import Cleaned
    from groundtune.training.gate import GateReport
    from groundtune.verdict.records import Verdict
    from groundtune.verdict.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found, with the milliseconds of its stages."""

    hits: tuple[Hit, ...]
    milliseconds: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """As ``search --json`` gives it."""
        return asdict(SearchView.of(self.hits, self.milliseconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What the gates found.

    Attributes:
        documents: Files that could be documents, None when retrieval draws on the examples.
        faults: Rows that cannot be used, as text.
        gate: What was found in the examples, leakage into the queries included.
        plan: What the test queries can show.
        cleaned: The cleaned copy of the examples; None where none was asked for or there was nothing to clean.
    """

    documents: int | None
    examples: int
    queries: int
    dev: int
    test: int
    faults: tuple[str, ...]
    gate: GateReport
    plan: Plan
    warnings: tuple[str, ...]
    cleaned: Cleaned | None = None

    @property
    def passed(self) -> bool:
        """Whether everything may go on."""
        return self.gate.is_open and not self.faults

    @property
    def leaks(self) -> tuple[str, ...]:
        """Examples that are too like a query, as text; they close the gate."""
        findings = (f for f in self.gate.findings if f.kind == "leakage" and f.severity == "refuse")
        return tuple(str(row) for finding in findings for row in finding.rows)

    def to_json(self) -> dict[str, Any]:
        """All counts and findings."""
        return {
            "passed": self.passed,
            "documents": self.documents,
            "examples": self.examples,
            "queries": {"all": self.queries, "dev": self.dev, "test": self.test},
            "faults": list(self.faults),
            "leaks": list(self.leaks),
            "missing": list(self.gate.missing),
            "findings": [finding.to_json() for finding in self.gate.findings],
            "cleaned": self.cleaned and self.cleaned.to_json(),
            "warnings": [*self.gate.warnings, *self.plan.warnings, *self.warnings],
            "plan": self.plan.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneReport:
    """One set of tuned weights.

    Attributes:
        reused: True when the same data and recipe had been trained before.
        seconds: What the training took, when it was done.
        gates: What was found after training.
        cost_usd: What the training cost; None where nobody knows.
    """

    checkpoint: str
    kind: str
    examples: int
    metrics: Mapping[str, float | None]
    seconds: float
    reused: bool
    warnings: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()
    cost_usd: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            "checkpoint": self.checkpoint,
            "kind": self.kind,
            "examples": self.examples,
            "metrics": dict(self.metrics),
            "seconds": self.seconds,
            "reused": self.reused,
            "warnings": list(self.warnings),
            "gates": [asdict(gate) for gate in self.gates],
            "cost_usd": self.cost_usd,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A measured comparison with its verdict.

    Attributes:
        retrieval: What retrieval drew on: ``documents`` or ``demonstrations``.
        report: Where the report was written.
        contents: What the report shows, to be shown on another page too.
        notes: What the reader must know besides.
        costs: The cost model with what was measured.
        bills: US dollars a month that each of the four is billed; empty where the volume is not set.
        load: What a load run found, by system; empty where there was none.
        busy_hours: An estimate of the 95th percentile in the busiest hour, in milliseconds (infinite: more queries than
            can be answered); empty where the volume is not set.
        forecast: How the forecast made before the run fared; None where there was none.
    """

    project: str
    result: ExperimentResult
    verdict: Verdict
    retrieval: str
    diagnosis: Diagnosis | None = None
    report: Path | None = None
    contents: Report | None = None
    notes: tuple[str, ...] = ()
    costs: CostForecast | None = None
    bills: Mapping[str, float | None] = field(default_factory=dict)
    load: Mapping[str, LoadResult] = field(default_factory=dict)
    busy_hours: Mapping[str, float | None] = field(default_factory=dict)
    forecast: ForecastScore | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``decide --json`` gives it."""
        return {
            "project": self.project,
            **self.result.to_json(),
            "verdict": self.verdict.to_json(),
            "retrieval": self.retrieval,
            "notes": [*self.result.notes, *self.notes],
            "diagnosis": self.diagnosis and self.diagnosis.to_json(),
            "report": self.report and str(self.report),
            "bill_per_month_usd": dict(self.bills),
            "costs": self.costs and self.costs.to_json(),
            "busy_hour_p95_ms": {
                name: None if p95 is None or math.isinf(p95) else p95 for name, p95 in self.busy_hours.items()
            },
            "load": {name: found.to_json() for name, found in self.load.items()},
            "forecast": self.forecast and self.forecast.to_json(),
        }


def sync_json(report: SyncReport) -> dict[str, Any]:
    """As ``sync --json`` gives it."""
    return {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "failed": [asdict(failure) for failure in report.failed],
        "passages": report.passages,
        "seconds": report.seconds,
        "renamed": report.renamed,
        "version": report.version,
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """As ``ask --json`` gives it: what the service sends, and what failed."""
    return {**asdict(AnswerView.of(answer)), "error": answer.error}


def lines(rows: Sequence[str], most: int = 10) -> str:
    """Rows below each other, shortened to the first ones."""
    more = [f"  … and {len(rows) - most} more"] if len(rows) > most else []
    return "\n".join([*(f"  {row}" for row in rows[:most]), *more])
