"""What a project's systems cost a month, from its settings, its tuned model and its measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.busy_hour import busy_p95
from groundtune.economics.forecast import CostForecast, forecast_costs
from groundtune.economics.measured import bill_per_month, with_measurement
from groundtune.economics.queueing import arrivals_per_second
from groundtune.experiment.latency import total_times
from groundtune.project.providers import endpoint_of, own_checkpoint, prices
from groundtune.project.workspace import Workspace

if TYPE_CHECKING:
    from groundtune.experiment.results import ExperimentResult
    from groundtune.training.registry import Checkpoint

__all__ = ["bills", "busy_hours", "known_costs", "measured_costs", "queries_per_second"]

_SOURCE = "groundtune.toml"


def known_costs(workspace: Workspace) -> Assumptions:
    """What the settings, the price list and the tuned model say; the rest is assumed."""
    settings = workspace.settings
    checkpoint = own_checkpoint(workspace)
    charged = prices(workspace, checkpoint)
    assumed = (
        Assumptions()
        .for_task(settings.project.task)
        .with_knowledge_changes(settings.constraints.knowledge_changes)
        .with_prices(charged.get("prompt"), charged.get("tuned"))
        .given(_machines(workspace), source=_SOURCE)
        .given(_own_numbers(workspace), source=_SOURCE)
    )
    return _with_training(assumed, workspace, checkpoint)


def measured_costs(workspace: Workspace, result: ExperimentResult, *, concurrency: int) -> CostForecast:
    """What the four systems cost by what was measured of them."""
    return forecast_costs(with_measurement(known_costs(workspace), result, concurrency=concurrency))


def bills(forecast: CostForecast, workspace: Workspace) -> dict[str, float | None]:
    """US dollars a month that each of the four is billed; nothing where the volume is not set, None where not known."""
    if workspace.settings.constraints.queries_per_month is None:
        return {}
    return {system: bill_per_month(forecast.assumptions, system) for system in forecast.systems}


def queries_per_second(workspace: Workspace) -> float | None:
    """Queries that arrive in a second of the busiest hour; None where the volume is not set."""
    volume = workspace.settings.constraints.queries_per_month
    if volume is None:
        return None
    peak = known_costs(workspace).likely("peak_factor") or 1.0
    return float(arrivals_per_second(np.asarray(float(volume)), np.asarray(peak)))


def busy_hours(workspace: Workspace, result: ExperimentResult, *, concurrency: int) -> dict[str, float | None]:
    """An estimate of each system's 95th percentile in the busiest hour, in milliseconds, as of `busy_p95`.

    Nothing where the volume is not set.
    """
    per_second = queries_per_second(workspace)
    if per_second is None:
        return {}
    return {
        name: busy_p95(
            [float(time) for time in total_times([row.answers[name] for row in result.rows])],
            per_second=per_second,
            slots=concurrency,
        )
        for name in result.systems
    }


def _machines(workspace: Workspace) -> dict[str, float | tuple[float, float, float] | None]:
    """Whether machines of one's own answer, and what they cost: not known unless the settings say."""
    model = workspace.settings.model
    own = model.prices is None and (model.provider != "openai" or endpoint_of(model).is_local)
    return {"self_hosted": float(own), "tuned_self_hosted": float(own), "hosting_usd_per_hour": None}


def _own_numbers(workspace: Workspace) -> dict[str, float | tuple[float, float, float] | None]:
    settings = workspace.settings
    given = {name: value for name, value in settings.economics.model_dump().items() if value is not None}
    if settings.constraints.queries_per_month is not None:
        given["queries_per_month"] = settings.constraints.queries_per_month
    return given


def _with_training(assumed: Assumptions, workspace: Workspace, checkpoint: Checkpoint | None) -> Assumptions:
    """What the tuned model was made from, and what a further training costs."""
    if checkpoint is None:
        return assumed
    card = checkpoint.card
    price = workspace.settings.training.price_usd_per_million
    given: dict[str, float | tuple[float, float, float] | None] = {
        "training_examples": card.examples,
        "labelled_examples": card.examples,
        "training_hours": card.seconds / 3600,
        "training_price": price,
    }
    if card.cost_usd is not None and price:
        # What was paid over its price is the number of trained tokens, all passes together.
        given |= {"epochs": 1, "example_tokens": card.cost_usd / price * 1e6 / card.examples}
    return assumed.given(given, source=f"the card of {checkpoint.id}")
