"""The checkpoints of a trainer of transformers, as a kill may have left them."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["last_whole_checkpoint"]


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None where there is none.

    The trainer's own state is the last file of a checkpoint to be written: where it can be read, the rest is there.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[-1]))
    return next((path for path in reversed(found) if _is_json(path / "trainer_state.json")), None)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True
