"""What a person reads in the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.cli import show
from groundtune.experiment.results import ExperimentResult
from groundtune.project import Decision
from groundtune.settings import Constraints
from groundtune.testing.scripted import result_of
from groundtune.verdict.decide import decide


def table(result: ExperimentResult, capsys: pytest.CaptureFixture[str]) -> str:
    made = Decision(
        project="desk", result=result, verdict=decide(result, Constraints(), minimum_gain=0.03), retrieval="documents"
    )
    show.decision(made)
    return capsys.readouterr().out


def test_what_a_query_costs_is_a_column_only_where_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    result = result_of({"prompt": lambda n: n % 3 == 0, "rag": lambda n: n % 3 != 0}, 30)
    assert "costs" not in table(result, capsys)
    priced = {**result.systems, "rag": replace(result.systems["rag"], cost_per_query_usd=0.00000341)}
    head, prompt, rag = table(replace(result, systems=priced), capsys).splitlines()[:3]
    assert head.split()[-3:] == ["a", "query", "costs"]
    assert (prompt.split()[0], prompt.split()[-1]) == ("prompt", "–")
    assert (rag.split()[0], rag.split()[-1]) == ("rag", "$0.00000341")


def test_nothing_is_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    result = result_of({"prompt": lambda n: n % 3 == 0, "rag": lambda n: n % 3 != 0}, 12)
    warning = "Few independent groups"
    assert any(warning in said for said in result.plan.warnings)
    assert any(warning in said for said in decide(result, Constraints()).because)
    assert table(result, capsys).count(warning) == 1
