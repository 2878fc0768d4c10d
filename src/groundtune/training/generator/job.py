"""A training run as files: what to train, where to, how far it is, and what came out.

Every process of a run reads the same job, whether it is this one or one of several that accelerate started.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from groundtune.errors import ProjectError, StorageError
from groundtune.training.after.overfit import Look
from groundtune.training.generator.checkpoints import last_whole_checkpoint
from groundtune.training.generator.conversations import Conversation
from groundtune.training.generator.encoding import LeftOut
from groundtune.training.generator.recipe import Recipe

__all__ = ["Job", "Step", "Tuned"]

_FORMAT = 1
"""Raised whenever a run trains differently, so that an older state is not resumed."""

_MADE = ("adapter", "merged", "training.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a training run is.

    Attributes:
        done: Optimiser steps so far.
        total: Steps of the whole run, if it is not stopped early.
        train_loss: Of the last step, in nats a token; None before the first.
        dev_loss: At the last evaluation; None before the first, or without dev conversations.
        seconds: Of training, those before a kill included.
    """

    done: int
    total: int
    train_loss: float | None
    dev_loss: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A tuned generator.

    Attributes:
        adapter: Folder of the adapter; None where all weights were trained.
        merged: Folder of the whole model, to be served as any other.
        looks: Losses at each evaluation in nats a token, the one before training (step 0) included.
        kept: Step whose weights these are.
        steps: Steps that were run.
        planned: Steps of the whole schedule; more than ``steps`` where dev stopped the run early.
        tokens: Tokens that were read in training.
        seconds: Of training, those before a kill included; loading and merging are not counted.
        conversations: How many were trained on.
        left_out: Those that were not, training and dev.
    """

    adapter: Path | None
    merged: Path
    looks: tuple[Look, ...]
    kept: int
    steps: int
    planned: int
    tokens: int
    seconds: float
    conversations: int
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run needs.

    Attributes:
        base: Folder of the base weights.
        state: Where it keeps the conversations and its checkpoints.
        out: Where it puts the result.
        fingerprint: Names base, recipe, conversations and libraries: a state of another one is not resumed.
    """

    base: Path
    recipe: Recipe
    state: Path
    out: Path
    fingerprint: str

    @property
    def file(self) -> Path:
        """The job itself, as JSON."""
        return self.state / "job.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints to resume from."""
        return self.state / "checkpoints"

    @classmethod
    def prepare(
        cls,
        conversations: Sequence[Conversation],
        dev: Sequence[Conversation],
        *,
        base: Path,
        recipe: Recipe,
        state: Path,
        out: Path,
        processes: int = 1,
    ) -> Job:
        """Write a job; a state of other data, weights or settings in the same folder is thrown away.

        Raises:
            ProjectError: when ``out`` holds files of others.
            StorageError: when the disk refuses.
        """
        from groundtune.models.transformers import weights_sha256

        texts = {"train": _lines(conversations), "dev": _lines(dev)}
        determinants = [_FORMAT, weights_sha256(base), asdict(recipe), texts, _libraries(), processes]
        digest = hashlib.sha256(json.dumps(determinants, sort_keys=True).encode()).hexdigest()
        job = cls(base=base.resolve(), recipe=recipe, state=state.resolve(), out=out.resolve(), fingerprint=digest)
        try:
            job._clear()
            for name, text in texts.items():
                (job.state / f"{name}.jsonl").write_text(text, encoding="utf-8")
            _replace(job.file, _job.dump_json(job, indent=2))
        except OSError as error:
            raise StorageError(f"The training cannot be prepared in {state}: {error}.") from error
        return job

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read a job.

        Raises:
            ProjectError: when there is none, or it is damaged.
        """
        try:
            return _job.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ProjectError(
                f"{path} is no training job: {error}. `groundtune tune` writes one; give the path of its job.json."
            ) from error

    def conversations(self) -> list[Conversation]:
        """What to train on."""
        return _read(self.state / "train.jsonl")

    def dev(self) -> list[Conversation]:
        """What to stop by."""
        return _read(self.state / "dev.jsonl")

    def checkpoint(self) -> Path | None:
        """Where to go on from; None at the beginning."""
        return last_whole_checkpoint(self.checkpoints)

    def finish(self, tuned: Tuned) -> None:
        """Write down what came out: the last thing that a run does.

        Raises:
            StorageError: when the disk refuses.
        """
        try:
            _replace(self.out / "training.json", _tuned.dump_json(tuned, indent=2))
        except OSError as error:
            raise StorageError(f"{self.out / 'training.json'} cannot be written: {error}.") from error

    def result(self) -> Tuned:
        """What came out.

        Raises:
            StorageError: when the run did not come to its end.
        """
        try:
            return _tuned.validate_json((self.out / "training.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise StorageError(
                f"The training left no result in {self.out}: {error}. Run it again: it goes on where it stopped."
            ) from error

    def _clear(self) -> None:
        """Remove what an earlier try left, as far as it cannot be used."""
        others = sorted({path.name for path in self.out.glob("*")} - {*_MADE}) if self.out.exists() else []
        if others:
            raise ProjectError(f"{self.out} holds other files ({', '.join(others[:3])}): name an empty folder.")
        same = self.file.is_file() and _fingerprint(self.file) == self.fingerprint
        if not same and self.checkpoints.exists():
            shutil.rmtree(self.checkpoints)
        for name in _MADE:
            made = self.out / name
            shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)


_job = TypeAdapter(Job)
_tuned = TypeAdapter(Tuned)
_conversation = TypeAdapter(Conversation)


def _lines(conversations: Sequence[Conversation]) -> str:
    return "".join(f"{_conversation.dump_json(one).decode()}\n" for one in conversations)


def _read(path: Path) -> list[Conversation]:
    try:
        with path.open(encoding="utf-8") as lines:
            return [_conversation.validate_json(line) for line in lines]
    except (OSError, ValidationError) as error:
        raise StorageError(f"{path} is damaged: {error}. Delete its folder and tune again.") from error


def _libraries() -> dict[str, str]:
    """A checkpoint of other versions is not trusted to continue in the same way."""
    return {name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")}


def _fingerprint(path: Path) -> str | None:
    try:
        return Job.load(path).fingerprint
    except ProjectError:
        return None


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(data)
    os.replace(fresh, path)
