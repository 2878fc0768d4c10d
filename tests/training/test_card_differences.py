from __future__ import annotations

from dataclasses import replace

import pytest

from groundtune.training.card import Card, GateResult
from groundtune.training.card_differences import MetricChange, compare, newer_base

CARD = Card(
    kind="hosted", key="k", base="small-2024-07-18", base_name="small", data="d", examples=60,
    recipe={"epochs": 3, "rank": 16}, metrics={"dev": 0.5}, seconds=3.0, created="2026-01-01T00:00:00+00:00",
)  # fmt: skip


def test_equal_models_differ_in_nothing() -> None:
    found = compare(CARD, CARD)
    assert found.same_base
    assert found.same_data
    assert (found.made, found.recipe, found.gates) == ({}, {}, {})
    assert found.metrics == {"dev": MetricChange(first=0.5, second=0.5)}


def test_what_sets_two_models_apart_is_named() -> None:
    gate = GateResult(name="parity", passed=True, note="equal")
    other = replace(
        CARD, data="e", examples=90, recipe={"epochs": 5, "rank": 16, "method": "lora"},
        metrics={"dev": 0.75, "loss": 0.1}, gates=(gate,),
    )  # fmt: skip
    found = compare(CARD, other)
    assert not found.same_data
    assert found.made == {"data": ("d", "e"), "examples": (60, 90)}
    assert found.recipe == {"epochs": (3, 5), "method": (None, "lora")}
    assert found.gates == {"parity": (None, gate)}
    assert {name: metric.change for name, metric in found.metrics.items()} == {"dev": 0.25, "loss": None}


@pytest.mark.parametrize(
    ("base", "current", "newer"),
    [
        ("small-2024-07-18", "small-2024-07-18", False),
        ("small-2024-07-18", "small", False),  # the name itself: nothing is known about what it points to
        ("small-2024-07-18", "small-2025-01-02", True),
        ("small-2024-07-18", "small-2023-01-02", False),
        ("small-20240718", "small-20250102", True),
        ("a" * 64, "b" * 64, True),
        ("a" * 64, "a" * 64, False),
    ],
)
def test_a_newer_base_is_told_apart(base: str, current: str, newer: bool) -> None:
    assert (newer_base(replace(CARD, base=base), current) is not None) == newer


def test_a_newer_base_is_named_with_the_one_before() -> None:
    said = newer_base(CARD, "small-2025-01-02")
    assert said is not None
    assert said.startswith("small now points to small-2025-01-02; this model was tuned from small-2024-07-18.")
    assert f"now points to {'b' * 12};" in (newer_base(replace(CARD, base="a" * 64), "b" * 64) or "")
