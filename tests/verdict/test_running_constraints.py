"""Budget and latency limits, where the cost model and a load run have something to say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.experiment.load import LoadPlan, LoadResult
from groundtune.experiment.results import ExperimentResult
from groundtune.settings import Constraints
from groundtune.testing.scripted import result_of
from groundtune.verdict.constraints import check_constraints
from groundtune.verdict.records import Check

RESULT = result_of({"prompt": lambda _: True, "rag": lambda _: True}, 60, milliseconds=50.0)
PLAN = LoadPlan(per_second=2.0, seconds=60.0, slots=1, seed=1)


def found(p95: float, at_most: float | None) -> LoadResult:
    return LoadResult(
        system="rag", plan=PLAN, n=100, failed=0, p50=10, p95=p95, p95_at_most=at_most, waited_p95=5, service_mean=8
    )


def check(result: ExperimentResult = RESULT, **given: object) -> Check:
    load, bills = given.pop("load", None), given.pop("bills", None)
    constraints = Constraints.model_validate(given)
    checks = check_constraints(result, constraints, load=load, bills=bills)  # type: ignore[arg-type]
    return next(one for one in checks if one.system == "rag")


@pytest.mark.parametrize(
    ("p95", "at_most", "met"), [(90.0, 99.0, True), (90.0, 110.0, None), (101.0, 120.0, False), (90.0, None, None)]
)
def test_a_load_run_decides_on_latency(p95: float, at_most: float | None, met: bool | None) -> None:
    under_load = check(latency_p95_ms=100, load={"rag": found(p95, at_most)})
    assert under_load.met is met
    assert "Under load, with 2 queries a second" in under_load.because
    assert check(latency_p95_ms=100).met is True, "without it, the answers of the experiment do"


def test_the_bill_is_what_the_cost_model_has() -> None:
    billed = check(budget_usd_per_month=100, queries_per_month=1000, bills={"rag": 130.0})
    assert billed.met is False
    assert "$130.00" in billed.because


def test_where_the_cost_model_does_not_know_the_price_of_answers_counts() -> None:
    systems = {name: replace(system, cost_per_query_usd=0.02) for name, system in RESULT.systems.items()}
    priced = replace(RESULT, systems=systems)
    assert check(priced, budget_usd_per_month=100, queries_per_month=1000, bills={"rag": None}).met is True
    assert check(budget_usd_per_month=100, queries_per_month=1000, bills={"rag": None}).met is None
