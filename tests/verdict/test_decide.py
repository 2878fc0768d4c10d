"""The verdict: constraints first, then value, then the simplest that is as good; and the honest "undecided"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.run import Measured, analyse, judge
from groundtune.experiment.scorers import SCORERS
from groundtune.records import SYSTEM_IDS, Query
from groundtune.settings import Constraints
from groundtune.testing.scripted import ABSTAINS, FAILS, result_of, say
from groundtune.verdict.decide import decide

ANYTHING = Constraints.model_validate({})


def constraints(**values: object) -> Constraints:
    return Constraints.model_validate(values)


def every(share: float, shift: int = 0) -> Callable[[int], bool]:
    """Right on about this share of the queries, spread by a fixed pattern."""
    return lambda n: ((n * 37 + shift * 11) % 100) < 100 * share


def four(prompt: float, rag: float, tuned: float, tuned_rag: float, count: int = 200) -> ExperimentResult:
    """Nested systems: the better one is right wherever the worse one is."""
    shares = dict(zip(SYSTEM_IDS, (prompt, rag, tuned, tuned_rag), strict=True))
    return result_of({name: every(share) for name, share in shares.items()}, count)


@pytest.mark.parametrize(
    ("shares", "system"),
    [
        ((0.2, 0.7, 0.25, 0.7), "rag"),
        ((0.3, 0.35, 0.9, 0.9), "tuned"),
        ((0.2, 0.5, 0.5, 0.9), "tuned_rag"),
        ((0.8, 0.6, 0.5, 0.4), "prompt"),
    ],
)
def test_the_clear_winner_is_chosen(shares: tuple[float, float, float, float], system: str) -> None:
    verdict = decide(four(*shares), ANYTHING)
    assert verdict.kind in ("choose", "equivalent")
    assert verdict.system == system
    assert verdict.queries_needed is None
    assert verdict.because[0].startswith("Scores on 200 test queries")


def test_a_winner_alone_is_chosen_and_says_what_it_is_worth() -> None:
    verdict = decide(four(0.2, 0.5, 0.5, 0.9), ANYTHING)
    assert verdict.kind == "choose"
    assert verdict.sentence == "Choose fine-tuning with retrieval (tuned_rag): the best of those that qualify."
    assert verdict.runner_up in ("rag", "tuned")
    text = " ".join(verdict.because)
    assert "Retrieval adds 35.0 points" in text
    assert "Tuning adds 35.0 points" in text
    assert any("did not matter (minimum_gain)" in flip for flip in verdict.flips_if)


def test_a_plain_prompt_that_is_as_good_is_taken() -> None:
    verdict = decide(four(0.8, 0.8, 0.81, 0.81, count=400), ANYTHING)
    assert (verdict.kind, verdict.system) == ("equivalent", "prompt")
    assert "A plain prompt (prompt) is as good" in verdict.sentence
    assert "Tuning adds 1.0 points" in " ".join(verdict.because)


def test_neither_technique_helping_is_said() -> None:
    verdict = decide(four(0.8, 0.8, 0.8, 0.8, count=300), ANYTHING)
    assert (verdict.kind, verdict.system) == ("equivalent", "prompt")
    assert "Neither retrieval nor tuning shows an effect on these queries." in verdict.because


def test_a_gain_below_the_minimum_does_not_buy_complexity_and_above_it_does() -> None:
    result = four(0.5, 0.58, 0.5, 0.58, count=600)
    assert decide(result, ANYTHING, minimum_gain=0.2).system == "prompt"
    assert decide(result, ANYTHING, minimum_gain=0.03).system == "rag"


def test_a_lead_that_may_be_luck_is_a_leaning_or_undecided_with_a_number() -> None:
    rights: dict[str, Callable[[int], bool]] = {
        name: every(share, shift)
        for shift, (name, share) in enumerate(zip(SYSTEM_IDS, (0.4, 0.55, 0.45, 0.6), strict=True))
    }
    verdict = decide(result_of(rights, 60), ANYTHING)
    assert verdict.kind in ("leaning", "inconclusive")
    assert verdict.queries_needed is not None
    assert verdict.queries_needed > 60
    assert "test queries would probably settle it" in verdict.sentence


def test_three_queries_settle_nothing() -> None:
    verdict = decide(four(0.0, 1.0, 0.0, 1.0, count=3), ANYTHING)
    assert verdict.kind in ("leaning", "inconclusive")
    assert "too few for any statement of significance" in " ".join(verdict.because)
    assert (verdict.queries_needed or 0) >= 20


def test_many_queries_of_few_clusters_settle_nothing() -> None:
    rights = {"prompt": every(0.1), "rag": every(0.9)}
    assert decide(result_of(rights, 200), ANYTHING).kind == "choose"
    assert decide(result_of(rights, 200, clusters=lambda n: str(n % 8)), ANYTHING).kind == "leaning"


def test_when_all_score_near_zero_none_qualifies() -> None:
    verdict = decide(four(0, 0, 0.005, 0), ANYTHING)
    assert (verdict.kind, verdict.system) == ("none_feasible", None)
    assert "near zero" in verdict.sentence


def labels(share: float, count: int = 200) -> ExperimentResult:
    """Two systems on labels of which one makes up 55 %."""
    asked = [
        Query(id=str(n), question="?", answers=("support" if n % 20 < 11 else "contradict",)) for n in range(count)
    ]
    answers = {}
    for shift, system in enumerate(("prompt", "rag")):
        for n, query in enumerate(asked):
            other = "contradict" if query.answers[0] == "support" else "support"
            answers[system, query.id] = say(system, query, query.answers[0] if every(share, shift)(n) else other)
    scorer = SCORERS["label_match"]
    rows = judge(answers, ("prompt", "rag"), asked, scorer, clusters={query.id: query.id for query in asked})
    return analyse("r", rows, scorer, seed=7, measured=Measured())


def test_no_better_than_always_the_same_label_is_said() -> None:
    verdict = decide(labels(0.5), ANYTHING)
    assert verdict.kind == "none_feasible"
    assert "none is better than always answering 'support', which scores 55.0" in verdict.sentence
    unsure = decide(labels(0.6), ANYTHING)
    assert unsure.kind != "none_feasible"
    assert "It is not shown that" in " ".join(unsure.because)


def test_constraints_come_before_value() -> None:
    result = four(0.4, 0.6, 0.9, 0.95)
    verdict = decide(result, constraints(max_wrong_rate=0.5))
    assert verdict.system in ("tuned", "tuned_rag")
    assert set(verdict.infeasible) == {"prompt"}
    cited = decide(result, constraints(citations=True))
    assert cited.system == "tuned_rag"
    assert set(cited.infeasible) == {"prompt", "tuned"}
    assert "no source to cite" in cited.infeasible["tuned"][0]
    assert any(reason.startswith("prompt does not qualify (citations)") for reason in cited.because)


def test_knowledge_that_changes_daily_rules_out_facts_in_weights() -> None:
    result = four(0.3, 0.6, 0.9, 0.6)
    assert decide(result, constraints(knowledge_changes="monthly")).system == "tuned"
    for changes in ("daily", "live"):
        verdict = decide(result, constraints(knowledge_changes=changes))
        assert verdict.system == "rag"
        assert "next training" in verdict.infeasible["tuned"][0]
        assert any("knowledge changed weekly or less often: then tuned" in flip for flip in verdict.flips_if)


def test_nothing_qualifies_and_the_reason_is_named() -> None:
    verdict = decide(four(0.4, 0.6, 0.5, 0.7), constraints(max_wrong_rate=0.05))
    assert (verdict.kind, verdict.system) == ("none_feasible", None)
    assert verdict.sentence == "No system qualifies; what stands in the way: max_wrong_rate."
    assert any(flip.startswith("max_wrong_rate were 0.3") and "then tuned_rag" in flip for flip in verdict.flips_if)


def test_a_wrong_rate_that_may_be_luck_is_not_met() -> None:
    result = result_of({"rag": lambda n: n != 0}, 20, otherwise="wrong")
    check = decide(result, constraints(max_wrong_rate=0.05)).checks[0]
    assert check.met is False
    assert check.probability is not None
    assert 0.2 < check.probability < 0.9
    assert decide(result_of({"rag": lambda n: n != 0}, 200, otherwise="wrong"), constraints(max_wrong_rate=0.05)).system


def test_latency_is_a_constraint_on_the_95th_percentile() -> None:
    result = result_of({"prompt": every(0.8), "rag": every(0.9)}, 50, milliseconds=300)
    assert decide(result, constraints(latency_p95_ms=301)).kind != "none_feasible"
    slow = decide(result, constraints(latency_p95_ms=299))
    assert slow.kind == "none_feasible"
    assert any("latency_p95_ms were 300 or more" in flip for flip in slow.flips_if)


def test_offline_and_budget_are_only_judged_where_something_is_known() -> None:
    result = four(0.2, 0.9, 0.2, 0.9)
    unknown = decide(result, constraints(offline=True, budget_usd_per_month=10, queries_per_month=1000))
    assert unknown.system == "rag"
    assert "offline was not checked: it is not known where its model runs." in unknown.because
    assert "budget_usd_per_month was not checked: what an answer costs was not measured." in unknown.because
    assert decide(result, constraints(offline=True), local=False).kind == "none_feasible"
    assert decide(result, constraints(offline=True), local=True).system == "rag"
    priced = replace(
        result, systems={name: replace(row, cost_per_query_usd=0.02) for name, row in result.systems.items()}
    )
    dear = decide(priced, constraints(budget_usd_per_month=10, queries_per_month=1000))
    assert dear.kind == "none_feasible"
    assert "1000 queries a month would cost $20.00; $10.00 are allowed." in dear.infeasible["rag"][0]
    assert decide(priced, constraints(budget_usd_per_month=10)).system == "rag"


def test_a_system_that_often_fails_does_not_qualify() -> None:
    asked = [Query(id=f"q{n}", question="?", answers=(f"answer{n}",)) for n in range(40)]
    answers = {}
    for n, query in enumerate(asked):
        answers["prompt", query.id] = say("prompt", query, query.answers[0] if n % 2 else "no")
        fine = say("rag", query, query.answers[0])
        answers["rag", query.id] = fine if n > 3 else replace(fine, text="", citations=(), error=FAILS)
    rows = judge(answers, ("prompt", "rag"), asked, SCORERS["token_f1"], clusters={q.id: q.id for q in asked})
    verdict = decide(analyse("r", rows, SCORERS["token_f1"], seed=7, measured=Measured()), ANYTHING)
    assert verdict.system == "prompt"
    assert verdict.infeasible == {"rag": ("rag failed on 4 of 40 queries.",)}


def test_nothing_scored_is_undecided() -> None:
    asked = [Query(id="q", question="?")]
    rows = judge(
        {("prompt", "q"): say("prompt", asked[0], "x")}, ("prompt",), asked, SCORERS["token_f1"], clusters={"q": "q"}
    )
    verdict = decide(analyse("r", rows, SCORERS["token_f1"], seed=7, measured=Measured()), ANYTHING)
    assert verdict.kind == "inconclusive"
    assert "no query could be scored" in verdict.sentence


def test_the_price_of_wrong_answers_can_turn_the_verdict() -> None:
    asked = [Query(id=f"q{n}", question="?", answers=(f"answer{n}",)) for n in range(200)]
    answers = {}
    for n, query in enumerate(asked):
        answers["prompt", query.id] = say("prompt", query, query.answers[0] if n % 10 < 7 else "wrong")
        answers["rag", query.id] = say("rag", query, query.answers[0] if n % 10 < 6 else ABSTAINS)
    rows = judge(answers, ("prompt", "rag"), asked, SCORERS["token_f1"], clusters={q.id: q.id for q in asked})
    result = analyse("r", rows, SCORERS["token_f1"], seed=7, measured=Measured())
    verdict = decide(result, ANYTHING)
    assert verdict.system == "prompt"
    assert "a wrong answer cost 0.33 times what a right one gains, or more: then rag would lead" in verdict.flips_if
    assert decide(result, ANYTHING, wrong_cost=1.0).system == "rag"


def test_the_json_has_the_fields_that_other_programs_read() -> None:
    shown = decide(four(0.2, 0.7, 0.2, 0.7), ANYTHING).to_json()
    assert {"kind", "system", "because", "runner_up", "queries_needed", "flips_if"} <= set(shown)
    assert shown["system"] == "rag"


@settings(max_examples=15)
@given(
    st.lists(st.integers(0, 10), min_size=4, max_size=4),
    st.integers(1, 60),
    st.sampled_from([0.0, 0.03, 0.2]),
)
def test_any_result_gets_a_verdict_that_holds_together(tenths: list[int], count: int, minimum_gain: float) -> None:
    rights: dict[str, Callable[[int], bool]] = {
        name: every(tenth / 10, shift) for shift, (name, tenth) in enumerate(zip(SYSTEM_IDS, tenths, strict=True))
    }
    verdict = decide(result_of(rights, count), ANYTHING, minimum_gain=minimum_gain)
    assert (verdict.system is None) == (verdict.kind in ("inconclusive", "none_feasible"))
    assert (verdict.queries_needed is not None) == (verdict.kind in ("leaning", "inconclusive"))
    assert verdict.system not in verdict.infeasible
    assert verdict.because
    if count < 10:
        assert verdict.kind not in ("choose", "equivalent")


def test_a_small_lead_that_is_not_settled_does_not_buy_complexity() -> None:
    rights: dict[str, Callable[[int], bool]] = {
        "rag": lambda n: n % 4 != 0,
        "tuned_rag": lambda n: n % 4 != 1 or n < 4,
        "prompt": every(0.1),
        "tuned": every(0.1),
    }
    verdict = decide(result_of(rights, 80), ANYTHING)
    assert (verdict.kind, verdict.system, verdict.runner_up) == ("leaning", "rag", "tuned_rag")
    assert verdict.queries_needed is not None
    text = " ".join(verdict.because)
    assert "points ahead of rag, which does not pay for its complexity: a gain of 3.0 points is asked for" in text
