"""Cost charts as SVG: lines, marks and bars are where the numbers say, in the page's own colours."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.charts import Offer, curves_chart, drivers_chart, offers_chart
from groundtune.economics.curves import MONTHS, Curve, over_time, over_volume, volume_range
from groundtune.economics.draws import likely_values
from groundtune.economics.forecast import forecast_costs
from groundtune.economics.tornado import Driver
from groundtune.records import SYSTEM_IDS


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


CURVES = [
    Curve(system="rag", places=(10.0, 1000.0), dollars=(100.0, 200.0)),
    Curve(system="tuned", places=(10.0, 1000.0), dollars=(150.0, 160.0)),
]


@pytest.mark.parametrize("logarithmic", [True, False])
def test_each_system_has_a_line_of_its_own(logarithmic: bool) -> None:
    svg = curves_chart(
        CURVES, across="queries a month", up="dollars a month", logarithmic=logarithmic, marks=[(300.0, 155.0)]
    )
    assert {"queries a month", "dollars a month"} <= set(texts(svg))
    assert 'stroke="var(--rag)"' in svg
    assert 'stroke="var(--tuned)"' in svg
    assert re.findall(r"#[0-9a-fA-F]{3,6}\b", svg) == []
    assert ("1k" in texts(svg)) is logarithmic


def test_amounts_of_nothing_are_left_out_of_a_logarithmic_chart() -> None:
    free = Curve(system="prompt", places=(10.0, 100.0), dollars=(0.0, 5.0))
    assert "NaN" not in curves_chart([free, *CURVES], across="x", up="y", logarithmic=True)


def test_curves_are_the_totals_of_the_forecast() -> None:
    values = likely_values(Assumptions())
    forecast = forecast_costs()
    volume = Assumptions().likely("queries_per_month") or 0
    for by_time in over_time(values, SYSTEM_IDS):
        assert len(by_time.dollars) == MONTHS + 1
        assert by_time.dollars[0] == pytest.approx(forecast.systems[by_time.system].setup[1])
        assert by_time.dollars[12] == pytest.approx(forecast.systems[by_time.system].totals[12][1])
    for by_volume in over_volume(values, SYSTEM_IDS, (volume, 10 * volume)):
        assert by_volume.dollars[0] * 12 == pytest.approx(forecast.systems[by_volume.system].totals[12][1])
        assert list(by_volume.dollars) == sorted(by_volume.dollars)


def test_systems_of_unknown_cost_have_no_curve() -> None:
    values = {**likely_values(Assumptions()), "tuned_input_price": np.asarray(math.nan)}
    assert [curve.system for curve in over_time(values, SYSTEM_IDS)] == ["prompt", "rag"]


@pytest.mark.parametrize(
    ("volumes", "bounds"),
    [([5000], (1e3, 1e6)), ([100, 5e6], (10, 1e8)), ([], (100, 1e6)), ([0.0], (100, 1e6)), ([1e12], (1e7, 1e10))],
)
def test_the_axis_holds_the_volumes_worth_seeing(volumes: list[float], bounds: tuple[float, float]) -> None:
    assert volume_range(volumes) == bounds


def test_the_drivers_are_named() -> None:
    svg = drivers_chart([Driver(name="a", low=10, high=50, likely=20)], ["an hour"], axis="dollars")
    assert {"an hour", "dollars"} <= set(texts(svg))


def test_offers_are_named_and_the_front_is_joined() -> None:
    offers = [
        Offer(system="prompt", dollars=0.1, quality=50, best=True),
        Offer(system="rag", dollars=0.2, quality=80, best=True, chosen=True),
        Offer(system="tuned", dollars=9.0, quality=70, best=False),
    ]
    svg = offers_chart(offers, up="score")
    assert {"prompt", "rag", "tuned", "score", "dollars for 1,000 queries"} <= set(texts(svg))
    assert "stroke-dasharray" in svg


def test_tiny_amounts_are_told_for_a_million_queries() -> None:
    offers = [Offer(system=s, dollars=d, quality=96, best=s == "rag") for s, d in (("rag", 0.002), ("tuned", 0.0065))]
    shown = texts(offers_chart(offers, up="score"))
    assert "dollars for 1,000,000 queries" in shown
    assert [text for text in shown if text.startswith("$")].count("$0") == 1
