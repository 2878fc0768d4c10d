"""The report says when a system does not answer, and what that buys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.experiment.calibrate import Calibration
from groundtune.experiment.risk_coverage import CoveragePoint, RiskCoverage
from groundtune.systems.sufficiency import Sufficiency, Weight
from groundtune.testing.reports import sample_report
from groundtune.verdict.abstaining import at_threshold, coverage_svg
from groundtune.verdict.page import render_report
from groundtune.verdict.report import Report

SUFFICIENCY = Sufficiency(bias=0.0, weights={"top": Weight(mean=0.5, scale=0.1, weight=1.0)})


def calibration(*risks: float, answer_from: float, sufficiency: Sufficiency | None = None) -> Calibration:
    points = tuple(
        CoveragePoint(threshold=1 - n / 10, coverage=n / len(risks), risk=risk) for n, risk in enumerate(risks, start=1)
    )
    curve = RiskCoverage(queries=len(risks), points=points, aurc=sum(risks) / len(risks))
    return Calibration(
        answer_from=answer_from, sufficiency=sufficiency, auroc=0.7312, model_auroc=0.6, curve=curve, held=False
    )


RAG = calibration(0.0, 0.1, 0.2, 0.4, answer_from=0.75, sufficiency=SUFFICIENCY)
PROMPT = calibration(0.5, 0.4, 0.5, 0.45, answer_from=1.01)


@pytest.fixture
def report() -> Report:
    return replace(sample_report(), abstention={"rag": RAG, "prompt": PROMPT})


def test_where_a_system_stands_on_its_curve() -> None:
    point = at_threshold(RAG)
    assert point is not None
    assert (point.coverage, point.risk) == (0.5, 0.1)
    assert at_threshold(PROMPT) is None


def test_the_page_shows_the_curve_and_its_numbers(report: Report) -> None:
    page = render_report(report)
    assert "When a system does not answer" in page
    row = page[page.index("Confidence and abstention on dev") :]
    for shown in ("confidence of rag weighs", "73.1 %", "0.75", "50.0 %", "10.0 %", "never", "too few to hold"):
        assert shown in row
    svg = coverage_svg(report)
    assert svg.startswith("<svg")
    assert all(f">{name}<" in svg for name in ("rag", "prompt"))


def test_without_curves_there_is_no_section() -> None:
    assert "When a system does not answer" not in render_report(sample_report())
    short = replace(sample_report(), abstention={"rag": calibration(0.0, answer_from=0.5)})
    assert not coverage_svg(short)
    assert "When a system does not answer" in render_report(short)
