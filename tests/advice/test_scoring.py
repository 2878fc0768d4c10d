"""Forecasts held against measurements whose outcome is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from groundtune.advice import advise, parse_answers
from groundtune.advice.scoring import Checked, ForecastScore, Measured, compare
from groundtune.advice.wire import forecast_json
from groundtune.experiment.results import ExperimentResult
from groundtune.testing.scripted import result_of

COUNT = 160
DOCUMENTS = 'task = "answer"\nknowledge_needed = "private"\nknowledge_changes = "weekly"\nprompt_baseline = 0.1\n'


def stored(text: str) -> dict[str, Any]:
    """A forecast as the ledger gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(forecast_json(advise(parse_answers(text)))))
    return found


def measured(retrieval: bool, tuning: bool, *, kind: str = "choose", system: str | None = "rag") -> Measured:
    """Right on a tenth of the queries, or on nine tenths where a switch that helps is on."""

    def right(*switches: bool) -> Callable[[int], bool]:
        return lambda n: n % 10 < (9 if any(switches) else 1)

    result = result_of(
        {
            "prompt": right(),
            "rag": right(retrieval),
            "tuned": right(tuning),
            "tuned_rag": right(retrieval, tuning),
        },
        COUNT,
    )
    return Measured(result=result, kind=kind, system=system, minimum_gain=0.03)


def by_subject(score: ForecastScore) -> dict[str, Checked]:
    return {check.what: check for check in score.checks}


def test_what_came_true_is_right() -> None:
    score = compare(stored(DOCUMENTS), measured(retrieval=True, tuning=False), made_at="2026-01-02T03:04:05+00:00")
    found = by_subject(score)
    assert found["the system to build"].right is True
    assert found["whether retrieval helps"].right is True
    assert "nobody retrains every week" in found["whether retrieval helps"].why
    assert found["whether tuning helps"].forecast == "it does not pay"
    assert found["what a good prompt solves"].right is True
    assert score.made_at == "2026-01-02T03:04:05+00:00"


def test_what_did_not_come_true_is_wrong_and_says_what_it_rested_on() -> None:
    score = compare(stored(DOCUMENTS), measured(retrieval=False, tuning=True, system="tuned"), made_at="")
    found = by_subject(score)
    assert found["the system to build"].right is False
    assert "Retrieval scored 10.0, 80.0 points less." in found["the system to build"].why
    assert found["whether retrieval helps"].right is False
    assert found["whether tuning helps"].right is False
    assert found["whether tuning helps"].measured.startswith("+80.0 points (")
    assert score.sentence.startswith(f"Of {len(score.checks)} statements of the forecast ")
    assert sum(check.right is False for check in score.checks) == int(score.sentence.split(" and ")[1].split()[0])


def test_a_complex_system_that_is_only_as_good_was_wrong_because_it_is_not_needed() -> None:
    found = measured(retrieval=True, tuning=False, kind="equivalent", system="rag")
    forecast = stored(DOCUMENTS + 'behaviour = ["tone", "format"]\n')
    assert forecast["recommendation"] == "tuned_rag"
    check = by_subject(compare(forecast, found, made_at=""))["the system to build"]
    assert check.right is False
    assert "tuned_rag is as good (90.0 against 90.0), and more than is needed." in check.why


@pytest.mark.parametrize(("kind", "system"), [("inconclusive", None), ("none_feasible", None)])
def test_without_a_verdict_nobody_was_right_or_wrong(kind: str, system: str | None) -> None:
    found = by_subject(compare(stored(DOCUMENTS), measured(True, False, kind=kind, system=system), made_at=""))
    assert found["the system to build"].right is None
    assert found["the system to build"].measured == f"none ({kind.replace('_', ' ')})"


def test_a_forecast_that_nothing_qualifies_cannot_be_scored_as_a_recommendation() -> None:
    forecast = stored("citations_required = true\nlatency_p95_ms = 20\n")
    assert forecast["recommendation"] is None
    assert by_subject(compare(forecast, measured(True, False), made_at=""))["the system to build"].right is None


def test_times_and_prices_are_held_against_their_ranges() -> None:
    forecast = stored(DOCUMENTS)
    low = forecast["latency"]["systems"]["rag"]["total_p95_ms"][0]
    assert low > 10, "scripted answers take 10 ms"
    cheap, likely, high = forecast["cost"]["systems"]["rag"]["per_query_usd"]
    measure = measured(retrieval=True, tuning=False)
    found = by_subject(compare(forecast, priced(measure, likely), made_at=""))
    assert found["p95 of rag"].right is False
    assert found["p95 of rag"].measured == "10 ms"
    assert found["p95 of rag"].why.startswith("Below the range: ")
    assert found["price of a query of rag"].right is True
    assert "price of a query of prompt" not in found, "what was not measured is not scored"
    dear = by_subject(compare(forecast, priced(measure, 2 * high), made_at=""))["price of a query of rag"]
    assert dear.right is False
    assert dear.why.startswith("Above the range: ")
    assert cheap <= likely


def priced(measure: Measured, usd: float) -> Measured:
    systems = dict(measure.result.systems)
    systems["rag"] = replace(systems["rag"], cost_per_query_usd=usd)
    result: ExperimentResult = replace(measure.result, systems=systems)
    return replace(measure, result=result)


def test_an_experiment_without_all_four_says_nothing_about_effects() -> None:
    result = result_of({"prompt": lambda n: n % 2 == 0, "rag": lambda n: True}, COUNT)
    found = compare(
        stored(DOCUMENTS), Measured(result=result, kind="choose", system="rag", minimum_gain=0.03), made_at=""
    )
    assert not any(check.what.startswith("whether") for check in found.checks)
    json.dumps(found.to_json(), allow_nan=False)
