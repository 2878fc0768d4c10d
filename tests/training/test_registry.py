from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.errors import ProjectError, StorageError
from groundtune.training.registry import (
    Card,
    Checkpoint,
    checkpoints,
    promote,
    promoted,
    register,
    trained_before,
    workshop,
)


def card(key: str = "k", created: str = "2026-01-01T00:00:00+00:00") -> Card:
    return Card(
        kind="reader", key=key, base="b", data="d", examples=60, recipe={"seed": 1}, metrics={"f1": 0.5},
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


def test_an_unfinished_checkpoint_is_not_listed(tmp_path: Path) -> None:
    (workshop(tmp_path) / "card.json").write_text("half")
    assert checkpoints(tmp_path) == []


def test_the_newest_comes_first(tmp_path: Path) -> None:
    old, new = make(tmp_path, "a", card()), make(tmp_path, "b", card(created="2026-02-01T00:00:00+00:00"))
    assert checkpoints(tmp_path) == [new, old]


def test_a_role_uses_what_was_promoted_last(tmp_path: Path) -> None:
    one, other = make(tmp_path, "a", card()), make(tmp_path, "b", card())
    assert promoted(tmp_path, "generator") is None
    promote(tmp_path, "generator", one.id)
    promote(tmp_path, "embedding", one.id)
    promote(tmp_path, "generator", other.id)
    assert promoted(tmp_path, "generator") == other
    assert promoted(tmp_path, "embedding") == one


def test_a_deleted_model_in_use_is_named(tmp_path: Path) -> None:
    promote(tmp_path, "generator", "reader-gone")
    with pytest.raises(ProjectError, match="reader-gone is gone"):
        promoted(tmp_path, "generator")


def test_a_damaged_card_is_named(tmp_path: Path) -> None:
    made = make(tmp_path, "a", card())
    (made.folder / "card.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        checkpoints(tmp_path)
