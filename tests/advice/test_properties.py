"""Randomly drawn answers: nothing crashes, nothing forbidden is recommended, and scores move the right way."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from groundtune.advice import Answers, advise
from groundtune.advice.answers import Behaviour, contradictions
from groundtune.advice.rules import load_rules
from groundtune.advice.uncertainty import changes
from groundtune.advice.weighing import weigh
from groundtune.advice.wire import forecast_json
from groundtune.records import SYSTEM_IDS

RULES = load_rules()
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "corpus_documents": st.integers(0, 10_000_000),
    "domains": st.integers(1, 50),
    "labelled_examples": st.integers(0, 100_000),
    "queries_per_month": st.integers(0, 100_000_000),
    "latency_p95_ms": st.floats(1, 60_000),
    "prompt_baseline": st.floats(0, 1),
    "budget_setup_usd": st.floats(0, 1e6),
    "budget_month_usd": st.floats(0, 1e6),
    "time_to_launch_weeks": st.floats(0.1, 200),
    "base_model_changes_per_year": st.floats(0, 20),
}


def strategy(key: str) -> st.SearchStrategy[Any]:
    if key in NUMBERS:
        return NUMBERS[key]
    if key == "behaviour":
        return st.lists(st.sampled_from(get_args(Behaviour)), unique=True).map(tuple)
    kind = get_args(Answers.model_fields[key].annotation)[0]
    return st.booleans() if kind is bool else st.sampled_from(get_args(kind))


@st.composite
def answer_sets(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(sorted(Answers.model_fields)), unique=True))
    known = {key: draw(strategy(key)) for key in keys}
    assume(not any(contradictions(known)))
    return Answers.model_validate(known).known()


def check_requirements(known: dict[str, Any], system: str | None) -> None:
    """The hard requirements, written down here a second time."""
    retrieves, tuned = system in ("rag", "tuned_rag"), system in ("tuned", "tuned_rag")
    needs = (
        known.get("citations_required") is True
        or known.get("knowledge_changes") in ("daily", "live")
        or known.get("knowledge_needed") == "per_user"
    )
    too_fast = known.get("latency_p95_ms", math.inf) < 80
    assert (system is None) == (needs and too_fast)
    if needs and system is not None:
        assert retrieves
    if too_fast:
        assert not retrieves
    assert system is None or (retrieves or tuned or system == "prompt")


@settings(max_examples=200)
@given(answer_sets())
def test_nothing_that_a_requirement_forbids_is_recommended_nor_shown_as_a_change(known: dict[str, Any]) -> None:
    weighed = weigh(known, RULES)
    check_requirements(known, weighed.system)
    assert set(weighed.scores) == set(SYSTEM_IDS)
    for change in changes(known, RULES):
        other = {**known, change.question: change.answer.value}
        assert change.system != weighed.system
        assert weigh(other, RULES).system == change.system
        check_requirements(other, change.system)
        assert change.skipped is (change.question not in known)


def check_forecast(known: dict[str, Any]) -> None:
    found = advise(Answers.model_validate(known))
    shown = forecast_json(found)
    json.dumps(shown, allow_nan=False)
    check_requirements(known, shown["recommendation"])
    assert sum(shown["chances"].values()) == pytest.approx(1)
    assert all(shown["chances"][system] == 0 for r in shown["requirements"] for system in r["forbids"])
    assert set(shown["answers"]) | set(shown["skipped"]) == set(Answers.model_fields)
    assert shown["next_step"].endswith(".")
    if shown["recommendation"] is None:
        assert shown["conflicts"], "what stands in the way is said"
        assert shown["path"] == []
    else:
        assert shown["path"][-1] == shown["recommendation"]
        assert shown["path"][0] == "prompt"
        share = shown["chances"][found.recommendation]
        assert found.firmness == ("firm" if share >= 0.8 else "leaning" if share >= 0.5 else "open")


@settings(max_examples=12)
@example({"queries_per_month": 30_935_199})
@example({"queries_per_month": 10**12, "base_model_changes_per_year": 366.0, "labelled_examples": 10**9})
@given(answer_sets())
def test_a_forecast_is_whole_whatever_is_answered(known: dict[str, Any]) -> None:
    check_forecast(known)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=200)
@given(answer_sets())
def test_two_hundred_forecasts_are_whole(known: dict[str, Any]) -> None:
    check_forecast(known)


def ladder(key: str, *values: Any) -> tuple[str, Sequence[Any]]:
    return key, values


CHANGES = ladder("knowledge_changes", "never", "yearly", "monthly", "weekly", "daily", "live")
RISING = [
    ("rag", CHANGES),
    ("rag", ladder("knowledge_needed", "none", "general", "domain", "private", "per_user")),
    ("rag", ladder("corpus_documents", 0, 1, 500, 1000, 99_999, 100_000, 5_000_000)),
    ("rag", ladder("domains", 1, 2, 3, 10)),
    ("rag", ladder("citations_required", False, True)),
    ("rag", ladder("regulated", False, True)),
    ("rag", ladder("wrong_answer_cost", "low", "medium", "high")),
    ("rag", ladder("latency_p95_ms", 10, 79, 80, 199, 200, 499, 5000)),
    ("rag", ladder("team_search", "none", "some", "strong")),
    ("rag", ladder("time_to_launch_weeks", 50, 4, 3, 1)),
    ("tuned", ladder("labelled_examples", 1, 499, 500, 999, 1000, 4999, 5000, 50_000)),
    ("tuned", ladder("label_quality", "poor", "unknown", "good")),
    ("tuned", ladder("queries_per_month", 0, 999_999, 1_000_000, 10_000_000, 90_000_000)),
    ("tuned", ladder("latency_p95_ms", 5000, 500, 499, 200, 199, 10)),
    ("tuned", ladder("format_strictness", "preferred", "guaranteed")),
    ("tuned", ladder("wrong_answer_cost", "high", "medium", "low")),
    ("tuned", ladder("budget_setup_usd", 0, 4999, 5000, 50_000)),
    ("tuned", ladder("team_ml", "none", "some", "strong")),
    ("tuned", ladder("time_to_launch_weeks", 1, 3, 4, 50)),
    ("tuned", ladder("base_model_changes_per_year", 12, 4, 3, 2, 1, 0)),
    ("tuned", ladder("offline", False, True)),
    ("prompt", ladder("prompt_baseline", 0.0, 0.49, 0.5, 0.79, 0.8, 0.94, 0.95, 1.0)),
]


@pytest.mark.parametrize(("system", "steps"), RISING, ids=lambda v: v if isinstance(v, str) else v[0])
@settings(max_examples=60)
@given(known=answer_sets())
def test_scores_move_in_the_right_direction(known: dict[str, Any], system: Any, steps: tuple[str, Any]) -> None:
    key, values = steps
    others = {name: value for name, value in known.items() if name != key}
    if key == "labelled_examples":
        others["label_quality"] = "good"
    sets = [{**others, key: value} for value in values]
    possible = [known for known in sets if not any(contradictions(known))]
    scores = [weigh(known, RULES).scores[system] for known in possible]
    assert scores == sorted(scores)


@settings(max_examples=100)
@given(answer_sets(), st.sampled_from(get_args(Behaviour)))
def test_one_more_behaviour_never_speaks_against_tuning(known: dict[str, Any], more: str) -> None:
    before = known.get("behaviour", ())
    after = {**known, "behaviour": (*before, more)}
    assume(not any(contradictions(after)))
    assert weigh(after, RULES).scores["tuned"] >= weigh(known, RULES).scores["tuned"]
    assert weigh(after, RULES).scores["rag"] == weigh(known, RULES).scores["rag"]


@settings(max_examples=100)
@given(answer_sets())
def test_the_simplest_of_equals_is_taken(known: dict[str, Any]) -> None:
    weighed = weigh(known, RULES)
    allowed = [system for system in SYSTEM_IDS if system not in weighed.forbidden]
    if weighed.system is not None:
        best = max(weighed.scores[system] for system in allowed)
        assert weighed.system == next(system for system in allowed if weighed.scores[system] == best)
