"""Every published figure comes out of the model under written assumptions; where today differs, it says so."""

from __future__ import annotations

import pytest

from groundtune.economics.scenarios import SCENARIOS, Scenario

FIGURES = (
    "500 to 5,000 good examples",
    "$5,000 and more",
    "retrieval costs about $100",
    "$50 to $500 a month",
    "$500 to $5,000 a month",
    "about 10 million queries a month",
    "embedded vector store is free",
    "$100 to $1,000 a month",
    "10 to 30 ms to embed the query and 10 to 50 ms to search",
    "under 200 ms: fine-tune",
    "unless it streams",
    "50 labelled queries",
    "5 passages of 512 tokens",
    "3 epochs",
)
"""The figures of the reference articles on numbers, costs and latency."""


def scenario(words: str) -> Scenario:
    return next(one for one in SCENARIOS if words in one.figure)


@pytest.mark.parametrize("words", FIGURES)
def test_every_figure_is_reproduced_under_its_assumptions(words: str) -> None:
    one = scenario(words)
    assert one.holds(one.reproduced()), f"{one.figure}: {one.reproduced()}"
    assert one.source in ("S0", "S1", "S2", "S3", "S4")


def test_no_figure_is_missing() -> None:
    assert len(SCENARIOS) == len(FIGURES)


def test_what_todays_prices_contradict() -> None:
    """Bills for tokens and trainings are far below the figures, which are people's time; hosted search starts lower."""
    contradicted = {one.figure for one in SCENARIOS if not one.holds(one.now())}
    assert contradicted == {
        scenario(words).figure
        for words in (
            "$5,000 and more",
            "about $100",
            "$50 to $500 a month",
            "$500 to $5,000 a month",
            "10 million",
            "$100 to $1,000",
            "under 200 ms: fine-tune",
            "512 tokens",
        )
    }


def test_a_figure_that_is_not_known_does_not_hold() -> None:
    assert not SCENARIOS[0].holds(None)
