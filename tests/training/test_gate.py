from __future__ import annotations

import sys

import pytest

from groundtune.errors import GateClosed, MissingExtra
from groundtune.records import Example, Message
from groundtune.training.gate import MINIMUM, MINIMUM_PER_LABEL, examine, require_libraries, require_open


def examples(*labels: str) -> list[Example]:
    return [
        Example(id=str(n), messages=(Message(role="user", content=f"q{n}"), Message(role="assistant", content=label)))
        for n, label in enumerate(labels)
    ]


def test_too_few_examples_are_refused_with_the_number_that_is_missing() -> None:
    with pytest.raises(GateClosed, match=r"20 examples.*30 are missing(.|\n)*--force") as caught:
        require_open(examine(examples(*"a" * 20), "answer"))
    assert caught.value.exit_code == 3


def test_enough_examples_open_the_gate_with_a_warning_below_the_reliable_count() -> None:
    report = examine(examples(*"a" * MINIMUM["answer"]), "answer")
    assert report.is_open
    assert "unreliable" in report.warnings[0]


def test_one_label_only_leaves_nothing_to_choose() -> None:
    assert "same label" in examine(examples(*"a" * 60), "classify").missing[0]


def test_thin_labels_are_named() -> None:
    report = examine(examples(*"a" * 60, *"b" * (MINIMUM_PER_LABEL - 1)), "classify")
    assert f"'b' has {MINIMUM_PER_LABEL - 1}" in report.missing[0]


def test_training_without_its_libraries_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"groundtune\[train\]"):
        require_libraries()
