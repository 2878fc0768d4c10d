from __future__ import annotations

import pytest

from groundtune.errors import ModelError
from groundtune.training.after.parity import ParityCase, parity


def trained(question: str) -> str:
    return f"{question}!"


def exported(question: str) -> str:
    if question == "fails":
        raise ModelError("out of memory")
    return "wrong" if question.startswith("bad") else f" {question}! \n"


def test_the_same_replies_pass() -> None:
    found = parity(ParityCase(inputs=["a", "b"], trained=trained, exported=exported))
    assert found.passed is True
    assert found.value == 1.0
    assert found.note == "2 of 2 replies are the same"


@pytest.mark.parametrize(("tolerance", "passed"), [(0.0, False), (0.25, True), (0.2, False)])
def test_other_replies_pass_as_far_as_is_tolerated(tolerance: float, passed: bool) -> None:
    case = ParityCase(inputs=["a", "b", "c", "bad"], trained=trained, exported=exported, tolerance=tolerance)
    found = parity(case)
    assert found.passed is passed
    assert found.value == 0.75
    assert "'bad!' became 'wrong'" in found.note


def test_a_failed_reply_is_another_reply() -> None:
    found = parity(ParityCase(inputs=["fails"], trained=trained, exported=exported))
    assert found.passed is False
    assert "'fails!' became a failed reply" in found.note
    assert parity(ParityCase(inputs=["fails"], trained=exported, exported=exported)).passed is False


def test_without_inputs_nothing_is_shown() -> None:
    assert parity(ParityCase(inputs=[], trained=trained, exported=exported)).passed is None
