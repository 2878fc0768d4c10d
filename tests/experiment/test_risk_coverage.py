"""Risk against coverage, by hand and against scikit-free recomputation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.risk_coverage import curve_table, risk_coverage
from groundtune.experiment.scorers import SCORERS
from groundtune.records import Answer, Query

EXACT = SCORERS["exact_match"]


def labelled(rows: list[tuple[float | None, bool]]) -> tuple[list[Answer], list[Query]]:
    answers = [
        Answer(query=str(n), system="rag", text="yes" if right else "no", confidence=sure)
        for n, (sure, right) in enumerate(rows)
    ]
    return answers, [Query(id=str(n), question="?", answers=("yes",)) for n in range(len(rows))]


def test_the_curve_by_hand() -> None:
    answers, queries = labelled([(0.9, True), (0.8, False), (0.8, True), (0.3, False), (None, True)])
    abstained = Answer(query="5", system="rag", text="", reason="not sure", confidence=0.95)
    queries.append(Query(id="5", question="?", answerable=False))
    curve = risk_coverage([*answers, abstained], queries, EXACT)
    assert [(p.threshold, round(p.coverage * 6), p.risk) for p in curve.points] == [
        (0.9, 1, 0.0),
        (0.8, 3, pytest.approx(1 / 3)),
        (0.3, 4, 0.5),
    ]
    assert curve.aurc == pytest.approx((0 + 2 / 3 + 0.5) / 4)
    assert (curve.coverage_at(0.1), curve.coverage_at(0.4), curve.coverage_at(1.0)) == (1 / 6, 0.5, 4 / 6)
    assert curve_table({"rag": curve})[0] == {"system": "rag", "coverage": 1 / 6, "risk": 0.0, "threshold": 0.9}


def test_without_answers_there_is_no_curve() -> None:
    curve = risk_coverage(*labelled([(None, True)]), EXACT)
    assert (curve.points, curve.aurc, curve.coverage_at(1.0)) == ((), None, 0.0)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30))
def test_every_point_is_what_the_threshold_gives(rows: list[tuple[float, bool]]) -> None:
    curve = risk_coverage(*labelled(list(rows)), EXACT)
    for point in curve.points:
        kept = [right for sure, right in rows if sure >= point.threshold]
        assert point.coverage == pytest.approx(len(kept) / len(rows))
        assert point.risk == pytest.approx(1 - sum(kept) / len(kept))
    coverages = [point.coverage for point in curve.points]
    assert coverages == sorted(coverages)
    assert coverages[-1] == pytest.approx(1)
