"""The registry of tuned models: a folder each, named by its content, with a card; and which of them is in use.

Writers hold a lock, and every file is replaced whole: a killed process leaves the state before or the state after,
and two processes at once do not lose each other's work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from filelock import FileLock, Timeout

from groundtune.errors import Busy, GateClosed, ProjectError, StorageError
from groundtune.training.card import ROLE_OF_KIND, Card, GateResult

__all__ = [
    "Card",
    "Checkpoint",
    "GateResult",
    "Promotion",
    "checkpoint",
    "checkpoints",
    "history",
    "now",
    "promote",
    "promoted",
    "record_gates",
    "register",
    "rollback",
    "stamp",
    "trained_before",
    "workshop",
]

_CARD = "card.json"
_PROMOTED = "promoted.json"
_LOCK = ".registry.lock"
_PATIENCE = 60.0
"""Seconds to wait for another process: each holds the lock for a few file operations only."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One time that a role was given a tuned model.

    Attributes:
        checkpoint: Its id.
        at: UTC, ISO 8601; None where an older version did not note it.
        forced: It had failed its gates, and somebody wanted it all the same.
        withdrawn: When it was rolled back; None while it counts.
    """

    checkpoint: str
    at: str | None
    forced: bool = False
    withdrawn: str | None = None


def now() -> str:
    """The time of a card."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# -- the models


def workshop(models: Path) -> Path:
    """A new folder to make a checkpoint in, on the registry's disk."""
    models.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix=".making-", dir=models))


def register(models: Path, made: Path, card: Card) -> Checkpoint:
    """Move a finished checkpoint folder under its content's name, in one step: it is there whole or not at all.

    Weights that are here already keep their card: what was found about them holds.

    Args:
        models: The registry.
        made: A folder with the checkpoint's files, on the same disk; it is taken. It may be empty where the weights
            stay with a provider (``card.served_as``).
        card: How it was made.

    Raises:
        StorageError: when the disk refuses, or there is nothing to register.
        Busy: when another process does not let go of the registry.
    """
    identity = f"{card.kind}-{_content(made, card)}"
    target = models / identity
    with _writing(models):
        if (target / _CARD).is_file():
            shutil.rmtree(made)
        else:
            _replace(made / _CARD, card.to_json())
            made.rename(target)
    return checkpoint(models, identity)


def record_gates(models: Path, identity: str, gates: Iterable[GateResult]) -> Checkpoint:
    """Put what was found after training on a model's card; a gate that did not pass makes it ``failed``.

    Raises:
        ProjectError: when there is no such model.
        StorageError: when the disk refuses.
        Busy: when another process does not let go of the registry.
    """
    with _writing(models):
        found = checkpoint(models, identity)
        _replace(found.folder / _CARD, found.card.judged(gates).to_json())
    return checkpoint(models, identity)


def checkpoint(models: Path, identity: str) -> Checkpoint:
    """One tuned model.

    Raises:
        ProjectError: when there is none of this id; names those that there are.
        StorageError: when its card is damaged.
    """
    folder = models / identity
    known = {path.parent.name for path in _cards(models)}
    if identity not in known:
        raise ProjectError(f"No tuned model {identity!r} in {models}; there are: {', '.join(sorted(known)) or 'none'}.")
    return Checkpoint(id=identity, folder=folder, card=Card.read(folder / _CARD))


def checkpoints(models: Path) -> list[Checkpoint]:
    """All checkpoints, newest first.

    Raises:
        StorageError: when a card is damaged.
    """
    found = [Checkpoint(id=path.parent.name, folder=path.parent, card=Card.read(path)) for path in _cards(models)]
    return sorted(found, key=lambda checkpoint: checkpoint.card.created, reverse=True)


def trained_before(models: Path, key: str) -> Checkpoint | None:
    """The newest checkpoint of this key, if there is one; it may have failed its gates."""
    return next((checkpoint for checkpoint in checkpoints(models) if checkpoint.card.key == key), None)


# -- which of them is in use


def promote(models: Path, role: str, identity: str, *, force: bool = False) -> None:
    """Make a tuned model the one that a role uses; the one before stays in the history.

    Args:
        models: The registry.
        role: ``generator``, ``embedding`` or ``reranker``.
        identity: The id of the model.
        force: Take it although it failed its gates.

    Raises:
        GateClosed: when it failed its gates; gives the reasons.
        ProjectError: when there is no such model, or it is of another role.
        Busy: when another process does not let go of the registry.
    """
    with _writing(models):
        card = checkpoint(models, identity).card
        _require_role(card, role, identity)
        if card.status == "failed" and not force:
            reasons = "\n".join(f"  {reason}" for reason in card.reasons)
            raise GateClosed(
                f"{identity} failed after training, so it is not put to use:\n{reasons}\n"
                "Change the examples or the recipe and tune again, or promote it all the same with --force."
            )
        roles = _roles(models)
        current = _current(roles.get(role, []))
        if current is None or current.checkpoint != identity:
            made = Promotion(checkpoint=identity, at=now(), forced=card.status == "failed")
            roles[role] = [*roles.get(role, []), made]
            _write_roles(models, roles)


def rollback(models: Path, role: str) -> Checkpoint | None:
    """Return a role to the model that it used before; again, to the one before that.

    Returns:
        The model now in use; None when that is the base model.

    Raises:
        ProjectError: when nothing is promoted, or the model before has been deleted.
        Busy: when another process does not let go of the registry.
    """
    with _writing(models):
        roles = _roles(models)
        current = _current(roles.get(role, []))
        if current is None:
            raise ProjectError(
                f"There is nothing to roll back: the {role} is the base model. Promote a tuned one first."
            )
        roles[role] = [replace(p, withdrawn=now()) if p is current else p for p in roles[role]]
        before = _current(roles[role])
        found = _in_use(models, before.checkpoint) if before else None
        _write_roles(models, roles)
    return found


def promoted(models: Path, role: str) -> Checkpoint | None:
    """The tuned model that a role uses; None when that is the base model.

    Raises:
        ProjectError: when it has been deleted.
    """
    current = _current(_roles(models).get(role, []))
    return _in_use(models, current.checkpoint) if current else None


def history(models: Path, role: str) -> list[Promotion]:
    """Every promotion of a role, oldest first, those that were rolled back too."""
    return _roles(models).get(role, [])


def stamp(models: Path) -> tuple[int, int] | None:
    """Changes whenever a model is promoted or rolled back; None before the first time. Cheap enough for every query."""
    try:
        found = (models / _PROMOTED).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _require_role(card: Card, role: str, identity: str) -> None:
    meant = ROLE_OF_KIND.get(card.kind)
    if role != meant:
        raise ProjectError(f"{identity} is a {card.kind}: it can be used as {meant}, not as {role}.")


def _current(promotions: Iterable[Promotion]) -> Promotion | None:
    standing = [promotion for promotion in promotions if promotion.withdrawn is None]
    return standing[-1] if standing else None


def _in_use(models: Path, identity: str) -> Checkpoint:
    folder = models / identity
    if not (folder / _CARD).is_file():
        raise ProjectError(
            f"The tuned model {identity} is gone from {models}. Make it anew: groundtune tune "
            "(or promote another: groundtune models)"
        )
    return Checkpoint(id=identity, folder=folder, card=Card.read(folder / _CARD))


def _roles(models: Path) -> dict[str, list[Promotion]]:
    path = models / _PROMOTED
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {role: _promotions(given) for role, given in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{path}, which says what tuned models are in use, is damaged: {error}. Delete it and promote anew."
        ) from error


def _promotions(given: Any) -> list[Promotion]:
    """A role's promotions; older versions stored the id of the last one alone."""
    if isinstance(given, str):
        return [Promotion(checkpoint=given, at=None)]
    return [Promotion(**promotion) for promotion in given]


def _write_roles(models: Path, roles: dict[str, list[Promotion]]) -> None:
    stored = {role: [asdict(promotion) for promotion in promotions] for role, promotions in roles.items()}
    _replace(models / _PROMOTED, json.dumps(stored, indent=1))


# -- files


def _cards(models: Path) -> list[Path]:
    return [path for path in models.glob(f"*/{_CARD}") if not path.parent.name.startswith(".")]


@contextmanager
def _writing(models: Path) -> Iterator[None]:
    models.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(str(models / _LOCK), timeout=_PATIENCE):
            yield
    except Timeout:
        raise Busy(f"Another process has held {models} for {_PATIENCE:.0f} seconds. Stop it and try again.") from None
    except OSError as error:
        raise StorageError(
            f"{models} cannot be written: {error.strerror or error}. Make room or give write access, then run the same "
            "command again; what was there before is kept."
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write a file whole: it is never seen half written, also after a kill. Only for who holds the lock."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _content(folder: Path, card: Card) -> str:
    """Names the files of a folder, and the weights that stay with a provider."""
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / _CARD)
    if not files and card.served_as is None:
        raise StorageError(f"{folder} is empty: there are no weights to register. Tune again: groundtune tune")
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    if card.served_as is not None:
        digest.update(b"\0" + card.served_as.encode())
    return digest.hexdigest()[:12]
