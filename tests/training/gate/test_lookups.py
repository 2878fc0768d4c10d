"""Gates that look at one thing each: the reply in the prompt, lengths, balance, coverage, label errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from groundtune.training.gate import Against, Room
from groundtune.training.gate.answer_in_prompt import answer_in_prompt
from groundtune.training.gate.balance import balance
from groundtune.training.gate.coverage import coverage
from groundtune.training.gate.label_errors import label_errors
from groundtune.training.gate.lengths import lengths

from .conftest import by_first_letter, found, material, named


def test_a_prompt_that_gives_the_reply_away_is_named() -> None:
    given = material(
        ("What is said about: the shop opens at nine?", "The shop opens at nine."),
        ("Is it open, yes or no?", "yes"),
        (f"{'passage ' * 200} the shop opens at nine", "The shop opens at nine."),
        ("The shop opens", "the shop opens at nine"),
    )
    (finding,) = found(answer_in_prompt, given)
    assert named(finding) == ["e0"]
    rows = (("Find: the shop opens at nine", "the shop opens at nine"),)
    assert found(answer_in_prompt, material(*rows, task="extract")) == []


def words_of(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_rows_that_the_model_cannot_read_whole_are_named_with_their_length() -> None:
    rows = (("a b c", "d e"), ("a b c d", "e f"))
    whole = Against(room=Room(tokens=5, count=words_of))
    (finding,) = found(lengths, material(*rows, against=whole))
    assert (named(finding), finding.fix, finding.rows[0].detail) == (["e1"], "leave_out", "about 6 tokens")
    question = Against(room=Room(tokens=3, count=words_of, whole=False))
    assert named(*found(lengths, material(*rows, against=question))) == ["e1"]
    assert found(lengths, material(*rows, against=Against(room=Room(tokens=6, count=words_of)))) == []


def test_a_row_far_longer_than_the_others_is_noted() -> None:
    usual = [("word " * (8 + n % 5), "yes") for n in range(40)]
    (finding,) = found(lengths, material(*usual, ("word " * 400, "yes")))
    assert (finding.severity, named(finding)) == ("note", ["e40"])
    assert found(lengths, material(*usual, ("word " * 20, "yes"))) == []


def test_uneven_labels_are_named_with_the_rare_ones() -> None:
    rows = [(f"q{n}", "often") for n in range(50)] + [(f"r{n}", "rare") for n in range(5)]
    (finding,) = found(balance, material(*rows, task="classify"))
    assert "'rare' 5" in finding.message
    assert found(balance, material(*rows[5:], task="classify"))[0].message != finding.message
    assert found(balance, material(*rows[10:], ("x", "often"), *rows[50:], task="classify"))


def test_one_reply_for_half_of_the_rows_is_a_warning() -> None:
    rows = [(f"q{n}", "{}") for n in range(10)] + [(f"r{n}", f'{{"a": {n}}}') for n in range(10)]
    assert "50%" in found(balance, material(*rows, task="extract"))[0].message
    assert found(balance, material(*rows[1:], ("x", '{"b": 1}'), task="extract")) == []


def test_coverage_is_the_share_of_queries_with_an_example_nearby() -> None:
    queries = ["apple", "avocado", "berry", "cherry", "cactus"]
    (finding,) = found(coverage, material("any", "bee", against=Against(queries=queries, embed=by_first_letter)))
    assert (finding.severity, finding.message[:3]) == ("note", "60%")
    (finding,) = found(coverage, material("zoo", against=Against(queries=queries, embed=by_first_letter)))
    assert (finding.severity, finding.message[:2]) == ("warn", "0%")
    assert found(coverage, material("zoo", against=Against(queries=queries))) == []


@pytest.fixture
def clusters() -> tuple[list[tuple[str, str]], Against]:
    """Three groups of 40 rows around three directions, and three rows of the first that have the second's label."""
    rng = np.random.default_rng(3)
    vectors: dict[str, NDArray[np.float32]] = {}
    rows = []
    for number in range(120):
        group = number % 3
        point = np.eye(8)[group] + 0.12 * rng.normal(size=8)
        vectors[f"text {number}"] = (point / np.linalg.norm(point)).astype(np.float32)
        rows.append((f"text {number}", "bbb" if number in (30, 60, 90) else "abc"[group] * 3))
    return rows, Against(embed=lambda texts: np.stack([vectors[text] for text in texts]))


def test_planted_label_errors_come_first_with_the_likelier_label(
    clusters: tuple[list[tuple[str, str]], Against],
) -> None:
    rows, against = clusters
    (finding,) = found(label_errors, material(*rows, task="classify", against=against))
    assert sorted(named(finding)[:3]) == ["e30", "e60", "e90"]
    assert finding.rows[0].detail == "labelled 'bbb', reads like 'aaa'"
    assert (finding.severity, finding.fix) == ("warn", None)
    assert len(finding.rows) <= 5


def test_labels_are_not_judged_without_vectors_or_with_few_rows(
    clusters: tuple[list[tuple[str, str]], Against],
) -> None:
    rows, against = clusters
    assert found(label_errors, material(*rows, task="classify")) == []
    assert found(label_errors, material(*rows[:8], task="classify", against=against)) == []
    assert found(label_errors, material(*rows, task="answer", against=against)) == []
