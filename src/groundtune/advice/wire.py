"""The forecast as ``advise --json`` gives it."""

from __future__ import annotations

from typing import Any

from groundtune.advice.forecast import Forecast
from groundtune.advice.rules import Conflict, Requirement
from groundtune.records import SystemId

__all__ = ["forecast_json"]


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """All of a forecast; ``weight`` below zero speaks against ``toward``, and None is "not known"."""
    return {
        "recommendation": forecast.recommendation,
        "firmness": forecast.firmness,
        "sentence": forecast.sentence,
        "scores": dict(forecast.scores),
        "chances": dict(forecast.chances),
        "reasons": [
            {
                "rule": reason.rule.id,
                "toward": reason.rule.toward,
                "weight": reason.rule.weight,
                "because": reason.rule.because,
                "source": list(reason.rule.source),
                "speaks_for": reason.speaks_for,
            }
            for reason in forecast.reasons
        ],
        "requirements": [_requirement(requirement) for requirement in forecast.requirements],
        "conflicts": [_conflict(conflict, then) for conflict, then in forecast.conflicts],
        "changes": [
            {"question": c.question, "answer": c.answer.words, "recommendation": c.system, "skipped": c.skipped}
            for c in forecast.changes
        ],
        "warnings": list(forecast.warnings),
        "answers": forecast.answers.model_dump(mode="json", exclude_none=True),
        "shown_by_project": dict(forecast.shown),
        "skipped": list(forecast.skipped),
        "notes": [
            {"note": n.id, "for": n.technique, "because": n.because, "guard": n.guard, "source": list(n.source)}
            for n in forecast.notes
        ],
        "path": list(forecast.path),
        "next_step": forecast.next_step,
        "next_experiment": forecast.next_experiment and forecast.next_experiment.to_json(),
        "cost": forecast.cost.to_json(),
        "latency": forecast.latency.to_json(),
    }


def _requirement(requirement: Requirement) -> dict[str, Any]:
    return {
        "requirement": requirement.id,
        "forbids": list(requirement.forbids),
        "because": requirement.because,
        "source": list(requirement.source),
    }


def _conflict(conflict: Conflict, then: tuple[SystemId | None, ...]) -> dict[str, Any]:
    return {
        "conflict": conflict.id,
        "because": conflict.because,
        "source": list(conflict.source),
        "ways_out": [
            {"does": way.does, "set": dict(way.set), "recommendation": system if way.set else None}
            for way, system in zip(conflict.ways_out, then, strict=True)
        ],
    }
