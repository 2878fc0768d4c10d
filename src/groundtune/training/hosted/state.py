"""What this machine knows of a hosted training, so that a killed process is picked up and nothing is paid twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from groundtune.errors import Busy, StorageError

__all__ = ["Recipe", "State", "Step", "held", "read_state", "write_state", "write_whole"]

STATE = "job.json"
_LOCK = ".job.lock"

Step = Literal["prepared", "uploading", "creating", "following", "ended"]
"""How far it is. ``uploading`` and ``creating`` are written before the request: it may have reached the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a provider is asked to train.

    Attributes:
        model: The base model as the provider names it.
        epochs: Passes over the examples.
        batch_size: Conversations in one step; None leaves it to the provider.
        learning_rate_multiplier: Scales the provider's learning rate; None leaves it to the provider.
        seed: Of the provider's random choices.
        suffix: Becomes part of the tuned model's name: at most 64 letters, digits and hyphens.
        price: US dollars for a million trained tokens, as the user knows it.
    """

    model: str
    epochs: int = 3
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    seed: int = 13
    suffix: str = ""
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One attempt to train.

    Attributes:
        key: Names the attempt on the server: in the names of its files and the metadata of its job.
        content: SHA-256 of files, recipe and endpoint: the same content need not be trained again.
        endpoint: Address of the provider, without any secret.
        recipe: How is trained.
        step: How far it is.
        training_file: Its id on the server.
        validation_file: Its id on the server; None where there is none, or not yet.
        job: Its id on the server.
        status: The job's last known one.
        last_event: Id of the last event that was shown.
    """

    key: str
    content: str
    endpoint: str
    recipe: Recipe
    step: Step = "prepared"
    training_file: str | None = None
    validation_file: str | None = None
    job: str | None = None
    status: str | None = None
    last_event: str | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the server may be at work on it, or has been without our knowing the end."""
        return self.step in ("creating", "following")


def read_state(folder: Path) -> State | None:
    """The attempt of a folder, if there is one.

    Raises:
        StorageError: when its file is damaged or cannot be read.
    """
    path = folder / STATE
    try:
        return _adapter().validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise StorageError(
            f"{path}, which holds the id of a hosted training job, is damaged: {str(error)[:200]}. Look for the job at "
            "the provider before you delete this file."
        ) from None


def write_state(folder: Path, state: State) -> None:
    """Replace the attempt's file whole.

    Raises:
        StorageError: when the disk refuses.
    """
    write_whole(folder / STATE, _adapter().dump_json(state, indent=1))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is never seen half written, also after a kill or a loss of power.

    Raises:
        StorageError: when the disk refuses.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _settle(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}. Make room or give write access, then run the same "
            "command again; it goes on where it was."
        ) from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes.

    Raises:
        Busy: when another one is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(str(folder / _LOCK), timeout=0):
            yield
    except Timeout:
        raise Busy(f"Another process follows the hosted training in {folder}. Let it finish, or stop it.") from None


def _settle(folder: Path) -> None:
    """Make the renaming itself last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)
