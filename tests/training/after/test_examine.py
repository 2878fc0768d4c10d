from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.errors import GateClosed
from groundtune.testing.suite_taker import SuiteTaker
from groundtune.training.after import AfterTraining, DevRow, Look, ParityCase, Subject, examine_tuned, load_suite
from groundtune.training.registry import Card, promote, record_gates, register, workshop

ANSWER = "the card is blocked at once and a new one comes by post within five days"
GOOD = AfterTraining(
    base=Subject(model=SuiteTaker()),
    tuned=Subject(model=SuiteTaker()),
    looks=[Look(step=n, train_loss=1 / n, dev_loss=1.1 / n, dev_score=0.5 + n / 10) for n in (1, 2, 3)],
    dev=[DevRow(base_text=ANSWER, tuned_text=f"{ANSWER} {n}", base_score=0.0, tuned_score=1.0) for n in range(60)],
    training_answers=["something else that has nothing at all to do with any of the cards"],
    export=ParityCase(inputs=["a", "b"], trained=str, exported=str),
)  # fmt: skip
NAMES = [
    "overfit: loss gap", "overfit: dev quality", "overfit: verbatim", "dev: against base", "parity",
    "forgetting: general", "forgetting: instructions", "forgetting: refusal", "forgetting: reading",
    "forgetting: abstention", "forgetting",
]  # fmt: skip


def test_a_good_model_passes_every_gate() -> None:
    found = examine_tuned(GOOD)
    assert [gate.name for gate in found] == NAMES
    assert [gate.passed for gate in found] == [True] * len(NAMES)


def test_a_part_that_is_missing_has_no_gate() -> None:
    bare = AfterTraining(base=GOOD.base, tuned=GOOD.tuned)
    assert [gate.name for gate in examine_tuned(bare)] == NAMES[5:]
    assert examine_tuned(bare, items=()) == []


def test_fewer_items_show_less_and_both_models_are_told_apart() -> None:
    seen: list[tuple[str, int, int]] = []
    found = examine_tuned(
        AfterTraining(base=GOOD.base, tuned=GOOD.tuned),
        items=load_suite(per_set=1),
        concurrency=2,
        progress=lambda *at: seen.append(at),
    )
    assert [gate.passed for gate in found] == [None] * 6
    assert seen[0] == ("Forgetting suite, base model", 1, 5)
    assert seen[-1] == ("Forgetting suite, tuned model", 5, 5)


def test_a_model_that_forgot_to_refuse_is_registered_as_failed_and_not_promoted(tmp_path: Path) -> None:
    folder = workshop(tmp_path)
    (folder / "weights.safetensors").write_text("w")
    card = Card(
        kind="generator", key="k", base="b", data="d", examples=60, recipe={}, metrics={}, seconds=1.0, created="2026",
    )  # fmt: skip
    made = register(tmp_path, folder, card)
    unsafe = SuiteTaker(forgotten=[f"refusal-{n:02}" for n in range(1, 20)])
    gates = examine_tuned(AfterTraining(base=GOOD.base, tuned=Subject(model=unsafe)))
    failed = record_gates(tmp_path, made.id, gates)
    assert failed.card.status == "failed"
    assert list(failed.card.gates) == gates
    with pytest.raises(GateClosed, match="forgetting: refusal: base 56, tuned 37 of 56 right"):
        promote(tmp_path, "generator", made.id)
