"""Quality against cost: what nothing else beats on both is on the front."""

from __future__ import annotations

from dataclasses import replace

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.forecast import forecast_costs
from groundtune.testing.reports import sample_report
from groundtune.verdict.offers import offers_of, offers_svg
from groundtune.verdict.report import Report


def priced(*offers: tuple[float | None, float | None]) -> Report:
    report = sample_report(2)
    systems = [
        replace(measure, cost_per_query_usd=dollars, score=score)
        for measure, (dollars, score) in zip(report.systems, offers, strict=True)
    ]
    return replace(report, systems=tuple(systems))


def test_the_front_holds_what_nothing_beats_on_both() -> None:
    offers = offers_of(priced((0.001, 0.5), (0.002, 0.8), (0.003, 0.7), (0.004, 0.8)))
    assert {offer.system: offer.best for offer in offers} == {
        "prompt": True,
        "rag": True,
        "tuned": False,
        "tuned_rag": False,
    }
    assert [offer.dollars for offer in offers] == [1.0, 2.0, 3.0, 4.0]
    assert [offer.system for offer in offers if offer.chosen] == ["rag"]


def test_equal_offers_do_not_beat_each_other() -> None:
    assert all(offer.best for offer in offers_of(priced((0.001, 0.5), (0.001, 0.5), (0.001, 0.5), (0.001, 0.5))))


def test_what_is_not_known_is_no_offer_and_one_alone_no_choice() -> None:
    report = priced((0.001, 0.5), (None, 0.8), (0.002, None), (None, None))
    assert [offer.system for offer in offers_of(report)] == ["prompt"]
    assert offers_svg(report) == ""


def test_a_machine_of_ones_own_costs_its_time() -> None:
    own: dict[str, float | tuple[float, float, float] | None] = {
        "self_hosted": 1,
        "hosting_usd_per_hour": 3.6,
        "utilisation": 0.5,
        "requests_per_second.rag": 2,
    }
    costs = forecast_costs(Assumptions().given(own, source="you"))
    report = replace(priced((None, 0.5), (None, 0.8), (None, 0.5), (None, 0.5)), costs=costs)
    assert next(offer.dollars for offer in offers_of(report) if offer.system == "rag") == 1.0
    assert "<svg" in offers_svg(report)
