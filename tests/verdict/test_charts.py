"""The charts as SVG: the numbers are in them, at the right places, without fonts, links or fixed colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from groundtune.verdict.charts import Estimate, Shares, Span, interval_chart, latency_chart, shares_chart
from groundtune.verdict.report import Outcome

ESTIMATES = [
    Estimate(label="prompt", value=20.0, low=10.0, high=30.0),
    Estimate(label="rag", value=60.0, low=50.0, high=70.0, chosen=True),
]


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


def test_scores_are_labelled_in_the_order_given() -> None:
    shown = texts(interval_chart(ESTIMATES, axis="accuracy, 0 to 100", zone=(57.0, 60.0)))
    assert {"20.0", "60.0", "accuracy, 0 to 100"} <= set(shown)
    assert shown.index("prompt") < shown.index("rag")


def test_differences_carry_their_sign() -> None:
    shown = texts(interval_chart([Estimate(label="tuning", value=-3.25)], axis="points", zero=True))
    assert "−3.2" in shown


def test_an_estimate_without_interval_is_still_drawn() -> None:
    assert "5.0" in texts(interval_chart([Estimate(label="prompt", value=5.0)], axis="score"))


def test_the_axis_never_leaves_what_a_score_can_be() -> None:
    svg = interval_chart([Estimate(label="prompt", value=99.0, low=97.0, high=100.0)], axis="score")
    assert not [text for text in texts(svg) if re.fullmatch(r"\d+", text) and int(text) > 100]


def test_shares_are_written_into_bars_that_have_room() -> None:
    parts: dict[Outcome, float] = {"right": 0.5, "abstained": 0.3, "wrong": 0.12, "failed": 0.0, "unscored": 0.08}
    shown = texts(shares_chart([Shares(label="rag", parts=parts)]))
    assert {"right 50%", "abstained 30%", "12%"} <= set(shown)
    assert "failed 0%" not in shown


@pytest.mark.parametrize(("slow", "logarithmic"), [(90.0, False), (9000.0, True)])
def test_latencies_far_apart_are_drawn_on_a_logarithmic_axis(slow: float, logarithmic: bool) -> None:
    spans = [Span(label="prompt", p50=2.0, p95=4.0), Span(label="rag", p50=slow / 2, p95=slow, chosen=True)]
    shown = texts(latency_chart(spans, limit_ms=500.0 if logarithmic else None))
    assert "2.0 to 4.0" in shown
    assert ({"1", "10", "100", "1,000", "10,000"} <= set(shown)) is logarithmic


def test_a_latency_of_zero_needs_no_logarithm() -> None:
    assert "0.0 to 0.0" in texts(latency_chart([Span(label="prompt", p50=0.0, p95=0.0)]))


def test_colours_come_from_the_page_and_the_size_too() -> None:
    svg = interval_chart(ESTIMATES, axis="score", zone=(57.0, 60.0))
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= {
        "none",
        "transparent",
        *(f"var(--{name})" for name in ("ink", "soft", "line", "accent", "zone", "paper")),
    }
    root = ElementTree.fromstring(svg)
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "id=" not in svg


def test_long_names_have_room() -> None:
    name = "retrieval as it is, and then some"
    svg = interval_chart([Estimate(label=name, value=1.0)], axis="points", zero=True)
    left = re.search(r'transform="translate\((\d+(?:\.\d+)?),', svg)
    assert left
    assert float(left[1]) > 200
