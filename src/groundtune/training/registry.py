"""The registry of checkpoints: one folder each, named by its content, with a card that says how it was made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self

from groundtune.errors import ProjectError, StorageError

__all__ = ["Card", "Checkpoint", "checkpoints", "promote", "promoted", "register", "trained_before"]

_CARD = "card.json"
_PROMOTED = "promoted.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How a checkpoint was made.

    Attributes:
        kind: ``reader``, ``chooser`` or ``embedding``.
        key: Names data, recipe, base weights and seed: the same key need not be trained again.
        base: SHA-256 of the base weights.
        data: SHA-256 of the examples file.
        recipe: Every setting of the training.
        metrics: On dev, before and after.
        seconds: What the training took.
        created: UTC, ISO 8601.
    """

    kind: str
    key: str
    base: str
    data: str
    examples: int
    recipe: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    seconds: float
    created: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card.

        Raises:
            StorageError: when it cannot be read.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(f"{path} is damaged: {error}. Delete its folder and tune again.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Tuned weights in their folder."""

    id: str
    folder: Path
    card: Card

    @property
    def seconds(self) -> float:
        """What the training took."""
        return self.card.seconds


def now() -> str:
    """The time of a card."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def register(models: Path, made: Path, card: Card) -> Checkpoint:
    """Move a finished checkpoint folder under its content's name, in one step: it is there whole or not at all.

    Args:
        models: The registry.
        made: A folder with the checkpoint's files, on the same disk; it is taken.
        card: How it was made.
    """
    identity = f"{card.kind}-{_content(made)}"
    (made / _CARD).write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False), encoding="utf-8")
    target = models / identity
    if target.exists():
        shutil.rmtree(made)
    else:
        made.rename(target)
    return Checkpoint(id=identity, folder=target, card=Card.read(target / _CARD))


def workshop(models: Path) -> Path:
    """A new folder to make a checkpoint in, on the registry's disk."""
    models.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix=".making-", dir=models))


def checkpoints(models: Path) -> list[Checkpoint]:
    """All checkpoints, newest first."""
    cards = [path for path in models.glob(f"*/{_CARD}") if not path.parent.name.startswith(".")]
    found = [Checkpoint(id=path.parent.name, folder=path.parent, card=Card.read(path)) for path in cards]
    return sorted(found, key=lambda checkpoint: checkpoint.card.created, reverse=True)


def trained_before(models: Path, key: str) -> Checkpoint | None:
    """The checkpoint of this key, if there is one."""
    return next((checkpoint for checkpoint in checkpoints(models) if checkpoint.card.key == key), None)


def promote(models: Path, role: str, checkpoint: str) -> None:
    """Make a checkpoint the one that a role uses.

    Args:
        models: The registry.
        role: ``generator`` or ``embedding``.
        checkpoint: Its id.
    """
    roles = _roles(models) | {role: checkpoint}
    partial = models / f".{_PROMOTED}.{os.getpid()}"
    partial.write_text(json.dumps(roles), encoding="utf-8")
    partial.replace(models / _PROMOTED)


def promoted(models: Path, role: str) -> Checkpoint | None:
    """The checkpoint that a role uses, None before the first.

    Raises:
        ProjectError: when it has been deleted.
    """
    identity = _roles(models).get(role)
    if identity is None:
        return None
    folder = models / identity
    if not (folder / _CARD).is_file():
        raise ProjectError(f"The tuned model {identity} is gone from {models}. Make it anew: groundtune tune")
    return Checkpoint(id=identity, folder=folder, card=Card.read(folder / _CARD))


def _roles(models: Path) -> dict[str, str]:
    path = models / _PROMOTED
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.name != _CARD):
        digest.update(path.name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
