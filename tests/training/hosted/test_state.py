from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from groundtune.errors import StorageError
from groundtune.training.hosted.state import STATE, Recipe, State, read_state, write_state

FULL = State(
    key="k",
    content="c",
    endpoint="https://api.openai.com/v1",
    recipe=Recipe(model="m", batch_size=4, learning_rate_multiplier=0.5, suffix="s", price=Decimal("3.10")),
    step="following",
    training_file="file-1",
    validation_file="file-2",
    job="ftjob-1",
    status="running",
    last_event="e",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    write_state(tmp_path / "new", FULL)
    assert read_state(tmp_path / "new") == FULL


def test_a_write_that_breaks_off_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(tmp_path, FULL)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_state(tmp_path, State(key="other", content="c", endpoint="e", recipe=Recipe(model="m")))
    assert read_state(tmp_path) == FULL


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": 1}', b"\xff"])
def test_a_damaged_state_is_never_taken_for_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        read_state(tmp_path)
