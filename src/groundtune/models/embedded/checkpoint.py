"""Tuned weights in a folder: ``checkpoint.json`` says what they are, ``weights.safetensors`` how they differ.

The difference is stored in 8 bits (see `difference`); ``recall.safetensors``, where present, holds the questions that
were learned.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundtune.errors import WeightsError
from groundtune.models.embedded.difference import add_difference, difference
from groundtune.models.embedded.weights import BaseWeights, read_metadata, read_safetensors, write_safetensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Checkpoint", "CheckpointCard", "ChooserCard", "Kind", "RecallCard", "read_checkpoint", "write_checkpoint"]

Kind = Literal["reader", "chooser", "embedding", "reranker"]

_CARD = "checkpoint.json"
_WEIGHTS = "weights.safetensors"
_RECALL = "recall.safetensors"


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChooserCard(_Card):
    """What a tuned chooser needs beside its tensors.

    Attributes:
        labels: The closed set, in the order of the rows of ``chooser.label.weight``.
        label_weight: How many solved cases a learned label counts as, see `choose.Chooser`.
    """

    labels: tuple[str, ...] = Field(min_length=1)
    label_weight: float = Field(gt=0)


class RecallCard(_Card):
    """The answers that were learned, in the order of their vectors, and how far a similarity is to be trusted.

    Attributes:
        answers: Answer of each learned question.
        slope: With ``intercept``, the probability that a recalled answer is right: sigmoid(slope * cosine + intercept).
    """

    answers: tuple[str, ...] = Field(min_length=1)
    slope: float
    intercept: float


class CheckpointCard(_Card):
    """What a checkpoint is."""

    version: Literal[1] = 1
    kind: Kind
    base: str = Field(description="SHA-256 of the base weights that it was tuned from.")
    chooser: ChooserCard | None = None
    recall: RecallCard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Tuned weights, in memory.

    Attributes:
        card: What they are.
        id: Names their content.
        path: The weights file.
        tensors: Every tensor of the tuned encoder and its heads, float32.
        recall: Vectors of the learned questions, shape (answers, dimensions); None where nothing was learned by heart.
    """

    card: CheckpointCard
    id: str
    path: Path
    tensors: Mapping[str, NDArray[Any]]
    recall: NDArray[Any] | None


def write_checkpoint(
    folder: Path,
    card: CheckpointCard,
    tensors: Mapping[str, NDArray[Any]],
    base: BaseWeights,
    *,
    recall: NDArray[Any] | None = None,
    header: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint folder.

    Args:
        folder: Made if it is missing.
        card: What the weights are.
        tensors: The tuned tensors: encoder under published names, heads; those of ``base`` itself are not stored.
        base: What the difference is taken to.
        recall: Vectors of the learned questions, where the card has answers.
        header: Strings for the header of the weights file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = {name: tensor for name, tensor in tensors.items() if tensor is not base.tensors.get(name)}
    write_safetensors(folder / _WEIGHTS, difference(base.tensors, changed), {"base": base.sha256, **(header or {})})
    if recall is not None:
        write_safetensors(folder / _RECALL, {"vectors": recall.astype("float16")})
    part = folder / f"{_CARD}.part"
    part.write_text(card.model_dump_json(indent=1), encoding="utf-8")
    os.replace(part, folder / _CARD)


def read_checkpoint(folder: Path, base: BaseWeights) -> Checkpoint:
    """Read a checkpoint folder.

    Raises:
        WeightsError: when it is incomplete, damaged, or was tuned from other base weights.
    """
    card, text = _read_card(folder / _CARD)
    path = folder / _WEIGHTS
    stored = read_metadata(path).get("base")
    if not card.base == stored == base.sha256:
        raise WeightsError(
            f"{folder} was tuned from base weights with SHA-256 {card.base}, but those at hand have {base.sha256}. "
            "Tune again: groundtune tune"
        )
    digest = hashlib.sha256(text + path.read_bytes())
    recall = read_safetensors(folder / _RECALL).get("vectors") if card.recall else None
    if card.recall and (recall is None or recall.shape != (len(card.recall.answers), base.config.hidden_size)):
        raise WeightsError(f"{folder / _RECALL} does not fit {_CARD} beside it. Tune again: groundtune tune")
    return Checkpoint(
        card=card,
        id=digest.hexdigest()[:12],
        path=path,
        tensors=add_difference(base.tensors, read_safetensors(path)),
        recall=None if recall is None else recall.astype("float32"),
    )


def _read_card(path: Path) -> tuple[CheckpointCard, bytes]:
    try:
        text = path.read_bytes()
        return CheckpointCard.model_validate_json(text), text
    except OSError as error:
        raise WeightsError(f"{path.parent} is not a checkpoint: {_CARD} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise WeightsError(f"{path} is not the card of a checkpoint: {error}") from error
