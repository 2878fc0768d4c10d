from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.training.after.comparison import DevRow
from groundtune.training.after.overfit import Look, dev_falls, loss_gap, verbatim

losses = st.floats(0, 10)


def looks(train: list[float], dev: list[float]) -> list[Look]:
    return [
        Look(step=10 * place, train_loss=t, dev_loss=d)
        for place, (t, d) in enumerate(zip(train, dev, strict=True), start=1)
    ]


def passed(train: list[float], dev: list[float], kept: int | None = None) -> bool | None:
    found = loss_gap(looks(train, dev), kept)
    assert found is not None
    return found.passed


def test_a_gap_that_widens_while_dev_gets_worse_is_overfitting() -> None:
    assert passed([1.0, 0.6, 0.3, 0.1], [1.1, 1.0, 1.2, 1.5]) is False
    # Weights of the best step are kept: what came later does not count.
    assert passed([1.0, 0.6, 0.3, 0.1], [1.1, 1.0, 1.2, 1.5], kept=30) is False
    assert passed([1.2, 1.0, 0.9, 0.1], [1.3, 1.1, 1.0, 1.5], kept=30) is True


def test_a_gap_that_widens_while_dev_gets_better_is_a_warning() -> None:
    assert passed([1.0, 0.6, 0.3], [1.1, 0.9, 0.8]) is None


def test_one_evaluation_of_a_wider_gap_is_nothing_yet() -> None:
    assert passed([1.0, 0.9, 0.3], [1.1, 1.0, 1.1]) is True


def test_two_evaluations_are_too_few_and_none_is_no_gate() -> None:
    assert passed([1.0, 0.5], [1.1, 1.4]) is None
    assert loss_gap([]) is None
    assert loss_gap([Look(step=1, train_loss=1.0, dev_score=0.5)]) is None


@given(rows=st.lists(st.tuples(losses, losses), min_size=3, max_size=6), shift=st.floats(0, 5))
def test_the_same_gap_throughout_always_passes(rows: list[tuple[float, float]], shift: float) -> None:
    train = [row[0] for row in rows]
    assert passed(train, [loss + shift for loss in train]) is True


def test_dev_that_falls_while_training_improves_is_overfitting() -> None:
    course = [
        Look(step=1, train_score=0.6, dev_score=0.7),
        Look(step=2, train_score=0.8, dev_score=0.75),
        Look(step=3, train_score=0.95, dev_score=0.66),
    ]
    found = dev_falls(course)
    assert found is not None
    assert found.passed is False
    assert found.value == pytest.approx(-0.09)
    assert "0.660 at the kept weights, 0.750 at best (step 2)" in found.note
    kept = dev_falls(course, kept=2)
    assert kept is not None
    assert kept.passed is True


def test_dev_that_falls_with_training_is_no_overfitting() -> None:
    found = dev_falls([Look(step=1, train_loss=0.5, dev_score=0.7), Look(step=2, train_loss=0.9, dev_score=0.6)])
    assert found is not None
    assert found.passed is True
    assert dev_falls([Look(step=1, train_loss=0.5)]) is None


# -- verbatim

WORDS = [f"word{number}" for number in range(400)]
GENERATOR = random.Random(5)


def fresh() -> str:
    return " ".join(GENERATOR.choices(WORDS, k=20))


TRAINING = [fresh() for _ in range(60)]


def row(tuned: str, base: str, *accepted: str) -> DevRow:
    return DevRow(base_text=base, tuned_text=tuned, base_score=None, tuned_score=None, accepted=accepted)


def test_a_model_that_recites_its_training_answers_fails() -> None:
    found = verbatim([row(TRAINING[n], fresh(), fresh()) for n in range(20)], TRAINING)
    assert found is not None
    assert found.passed is False
    assert found.value == 1.0
    assert "it recites" in found.note


def test_a_model_that_writes_its_own_words_passes() -> None:
    found = verbatim([row(fresh(), fresh()) for _ in range(20)], TRAINING)
    assert found is not None
    assert found.passed is True
    assert found.value == 0.0


def test_the_wording_of_right_answers_is_no_recital() -> None:
    house = " ".join(WORDS[:12])
    found = verbatim([row(f"{house} {fresh()}", fresh(), f"{house} {fresh()}") for _ in range(20)], [house])
    assert found is not None
    assert found.passed is True


def test_what_the_base_says_too_is_no_recital() -> None:
    found = verbatim([row(text, text) for text in TRAINING[:20]], TRAINING)
    assert found is not None
    assert found.passed is True


def test_one_recited_answer_among_many_is_only_a_warning() -> None:
    found = verbatim([row(TRAINING[0], fresh()), *(row(fresh(), fresh()) for _ in range(19))], TRAINING)
    assert found is not None
    assert found.passed is None


def test_short_answers_have_nothing_to_recite() -> None:
    assert verbatim([row("card lost", "card")] * 30, ["card lost"]) is None
    assert verbatim([], TRAINING) is None
    assert verbatim([row(fresh(), fresh())], []) is None
