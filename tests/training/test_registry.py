from __future__ import annotations

import json
import multiprocessing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from filelock import FileLock

from groundtune.errors import Busy, GateClosed, ProjectError, StorageError
from groundtune.training import registry
from groundtune.training.registry import (
    Card,
    Checkpoint,
    GateResult,
    Promotion,
    checkpoint,
    checkpoints,
    history,
    promote,
    promoted,
    record_gates,
    register,
    rollback,
    trained_before,
    workshop,
)

PASSED = GateResult(name="parity", passed=True, value=1.0, margin=0.0, interval=(0.9, 1.0), note="equal")
UNSHOWN = GateResult(name="forgetting: reading", passed=None, note="too few items")
FORGOT = GateResult(name="forgetting: refusal", passed=False, value=-0.2, note="it obeys harmful requests")


def card(key: str = "k", created: str = "2026-01-01T00:00:00+00:00", kind: str = "reader") -> Card:
    return Card(
        kind=kind, key=key, base="b", data="d", examples=60, recipe={"seed": 1}, metrics={"f1": 0.5},
        seconds=3.0, created=created,
    )  # fmt: skip


def make(models: Path, content: str, made: Card) -> Checkpoint:
    folder = workshop(models)
    (folder / "weights.safetensors").write_text(content)
    return register(models, folder, made)


def test_a_checkpoint_is_named_by_its_content(tmp_path: Path) -> None:
    one, same, other = make(tmp_path, "a", card()), make(tmp_path, "a", card("k2")), make(tmp_path, "b", card("k3"))
    assert one.id == same.id != other.id
    assert {c.id for c in checkpoints(tmp_path)} == {one.id, other.id}
    assert trained_before(tmp_path, "k3") == other
    assert trained_before(tmp_path, "unknown") is None


def test_files_in_folders_are_part_of_the_content(tmp_path: Path) -> None:
    ids = []
    for content in ("a", "b", "a"):
        folder = workshop(tmp_path)
        (folder / "merged").mkdir()
        (folder / "merged" / "model.safetensors").write_text(content)
        ids.append(register(tmp_path, folder, card(kind="generator")).id)
    assert ids[0] == ids[2] != ids[1]


def test_weights_that_stay_with_a_provider_are_named_by_its_name(tmp_path: Path) -> None:
    one, other = (
        register(tmp_path, workshop(tmp_path), replace(card(kind="hosted"), served_as=name))
        for name in ("ft:small:acme::1", "ft:small:acme::2")
    )
    assert one.id != other.id
    assert checkpoint(tmp_path, one.id).card.served_as == "ft:small:acme::1"
    with pytest.raises(StorageError, match="no weights to register"):
        register(tmp_path, workshop(tmp_path), card())


def test_an_unfinished_checkpoint_is_not_listed(tmp_path: Path) -> None:
    (workshop(tmp_path) / "card.json").write_text("half")
    assert checkpoints(tmp_path) == []


def test_the_newest_comes_first(tmp_path: Path) -> None:
    old, new = make(tmp_path, "a", card()), make(tmp_path, "b", card(created="2026-02-01T00:00:00+00:00"))
    assert checkpoints(tmp_path) == [new, old]


def test_a_card_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    full = replace(
        card(kind="generator"), base_name="small", served_as="ft:small", seeds=(13, 14), cost_usd=1.5, parent="g-1",
        gates=(PASSED, UNSHOWN),
    )  # fmt: skip
    assert make(tmp_path, "a", full).card == full


def test_a_card_of_an_older_version_is_read(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    new = ("base_name", "served_as", "seeds", "gates", "cost_usd", "parent", "status", "reasons")
    old = {name: value for name, value in asdict(card()).items() if name not in new}
    (made.folder / "card.json").write_text(json.dumps(old))
    assert checkpoints(tmp_path) == [made]


def test_an_unknown_model_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    with pytest.raises(ProjectError, match=rf"No tuned model 'reader-x' .* there are: {made.id}"):
        checkpoint(tmp_path, "reader-x")
    with pytest.raises(ProjectError, match=made.id):
        promote(tmp_path, "generator", f"../{tmp_path.name}/{made.id}")


def test_a_damaged_card_is_named(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    (made.folder / "card.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        checkpoints(tmp_path)


# -- gates


def test_a_gate_that_did_not_pass_makes_the_model_failed(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    failed = record_gates(tmp_path, made.id, [PASSED, FORGOT, UNSHOWN])
    assert failed.card.status == "failed"
    assert failed.card.reasons == ("forgetting: refusal: it obeys harmful requests",)
    assert checkpoint(tmp_path, made.id) == failed
    assert record_gates(tmp_path, made.id, [PASSED, UNSHOWN]).card.status == "registered"


def test_what_was_found_about_weights_holds_when_they_are_made_again(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    record_gates(tmp_path, made.id, [FORGOT])
    assert make(tmp_path, "a", card("other")).card.status == "failed"


def test_a_failed_model_is_not_promoted_unless_it_is_forced(tmp_path: Path) -> None:
    good, bad = make(tmp_path, "a", card()), make(tmp_path, "b", card())
    record_gates(tmp_path, bad.id, [FORGOT])
    promote(tmp_path, "generator", good.id)
    with pytest.raises(GateClosed, match="it obeys harmful requests"):
        promote(tmp_path, "generator", bad.id)
    assert promoted(tmp_path, "generator") == good
    promote(tmp_path, "generator", bad.id, force=True)
    assert [(p.checkpoint, p.forced) for p in history(tmp_path, "generator")] == [(good.id, False), (bad.id, True)]


# -- which of them is in use


def test_a_role_uses_what_was_promoted_last(tmp_path: Path) -> None:
    one, other = make(tmp_path, "a", card()), make(tmp_path, "b", card())
    vectors = make(tmp_path, "c", card(kind="embedding"))
    assert promoted(tmp_path, "generator") is None
    promote(tmp_path, "generator", one.id)
    promote(tmp_path, "embedding", vectors.id)
    promote(tmp_path, "generator", other.id)
    assert promoted(tmp_path, "generator") == other
    assert promoted(tmp_path, "embedding") == vectors


def test_a_model_is_used_only_as_what_it_is(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card(kind="embedding"))
    with pytest.raises(ProjectError, match="used as embedding, not as generator"):
        promote(tmp_path, "generator", made.id)


def test_rolling_back_goes_one_further_each_time_and_forgets_nothing(tmp_path: Path) -> None:
    one, two, three = (make(tmp_path, content, card()) for content in "abc")
    for made in (one, two, two):
        promote(tmp_path, "generator", made.id)
    assert rollback(tmp_path, "generator") == one
    promote(tmp_path, "generator", three.id)
    assert rollback(tmp_path, "generator") == one == promoted(tmp_path, "generator")
    assert rollback(tmp_path, "generator") is None
    assert promoted(tmp_path, "generator") is None
    with pytest.raises(ProjectError, match="nothing to roll back"):
        rollback(tmp_path, "generator")
    assert [p.checkpoint for p in history(tmp_path, "generator")] == [one.id, two.id, three.id]
    assert all(p.withdrawn for p in history(tmp_path, "generator"))


def test_rolling_back_to_a_deleted_model_changes_nothing(tmp_path: Path) -> None:
    one, other = make(tmp_path, "a", card()), make(tmp_path, "b", card())
    for made in (one, other):
        promote(tmp_path, "generator", made.id)
    (one.folder / "card.json").unlink()
    with pytest.raises(ProjectError, match=f"{one.id} is gone"):
        rollback(tmp_path, "generator")
    assert promoted(tmp_path, "generator") == other


def test_a_deleted_model_in_use_is_named(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    promote(tmp_path, "generator", made.id)
    (made.folder / "card.json").unlink()
    with pytest.raises(ProjectError, match=f"{made.id} is gone"):
        promoted(tmp_path, "generator")


def test_a_promotion_of_an_older_version_is_read(tmp_path: Path) -> None:
    one, other = make(tmp_path, "a", card()), make(tmp_path, "b", card())
    (tmp_path / "promoted.json").write_text(json.dumps({"generator": one.id}))
    assert promoted(tmp_path, "generator") == one
    promote(tmp_path, "generator", other.id)
    assert history(tmp_path, "generator")[0] == Promotion(checkpoint=one.id, at=None)
    assert rollback(tmp_path, "generator") == one


@pytest.mark.parametrize("text", ["{", '["a"]', '{"generator": [{"id": 1}]}', '{"generator": 5}'])
def test_a_damaged_list_of_promotions_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "promoted.json").write_text(text)
    with pytest.raises(StorageError, match=r"promoted\.json.*damaged"):
        promoted(tmp_path, "generator")


# -- kills and company


def test_a_kill_before_the_last_step_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make(tmp_path, "a", card()), make(tmp_path, "b", card())
    promote(tmp_path, "generator", one.id)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            promote(tmp_path, "generator", other.id)
        with pytest.raises(KeyboardInterrupt):
            record_gates(tmp_path, one.id, [FORGOT])
    assert promoted(tmp_path, "generator") == one
    assert checkpoint(tmp_path, one.id).card.status == "registered"
    promote(tmp_path, "generator", other.id)
    assert promoted(tmp_path, "generator") == other


def test_a_full_disk_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = make(tmp_path, "a", card())
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(full))
    with pytest.raises(StorageError, match=r"No space left on device\. Make room"):
        promote(tmp_path, "generator", one.id)


def test_who_cannot_get_the_lock_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = make(tmp_path, "a", card())
    monkeypatch.setattr(registry, "_PATIENCE", 0.0)
    with FileLock(str(tmp_path / ".registry.lock")), pytest.raises(Busy, match="Another process"):
        promote(tmp_path, "generator", one.id)


def _promote_many(models: Path, role: str, ids: list[str]) -> None:
    for identity in ids * 10:
        promote(models, role, identity)


@pytest.mark.slow
def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    readers = [make(tmp_path, content, card()).id for content in "ab"]
    vectors = [make(tmp_path, content, card(kind="embedding")).id for content in "cd"]
    spawn = multiprocessing.get_context("spawn")
    jobs = [
        spawn.Process(target=_promote_many, args=(tmp_path, role, ids))
        for role, ids in (("generator", readers), ("embedding", vectors))
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0]
    assert [p.checkpoint for p in history(tmp_path, "generator")] == readers * 10
    assert [p.checkpoint for p in history(tmp_path, "embedding")] == vectors * 10
