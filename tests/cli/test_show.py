"""What a person reads in the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.cli import show
from groundtune.experiment.results import ExperimentResult
from groundtune.knowledge import SyncReport
from groundtune.project import Decision
from groundtune.project.results import Found
from groundtune.records import Hit, Passage
from groundtune.settings import Constraints
from groundtune.sources import Failure
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


def test_a_sync_tells_what_was_read_in_part_and_nothing_that_was_told_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = Failure("a.pdf", "it is encrypted", "Name its password.", "encrypted")
    part = Failure("b.eml", "plan.pdf in it was not read", "Save it.", "unsupported", partial=True)
    report = SyncReport(
        added=1, changed=0, removed=0, unchanged=0, passages=3, seconds=0.1, failed=(gone, part), version="0123456789ab"
    )
    show.sync(report)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Not read: a.pdf: it is encrypted. Name its password.",
        "Read in part: b.eml: plan.pdf in it was not read. Save it.",
    ]
    show.sync(report, told=[gone])
    assert "a.pdf" not in capsys.readouterr().out


def test_a_hit_inside_a_table_shows_the_header_that_it_stands_below(capsys: pytest.CaptureFixture[str]) -> None:
    row = Passage(
        id="t#1",
        document="t",
        source="t.md",
        title="Plans",
        headings=(),
        start=40,
        end=53,
        text="| Basic | 5 |",
        above="| Plan | Price |\n|---|---|",
    )
    show.search(Found(hits=(Hit(rank=1, score=0.5, passage=row),), milliseconds={"total": 2.0}))
    assert "   | Plan | Price | |---|---| | Basic | 5 |" in capsys.readouterr().out.splitlines()
