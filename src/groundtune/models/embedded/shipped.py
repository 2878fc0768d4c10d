"""The reader that comes with Groundtune, and readers tuned from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import WeightsError
from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.difference import add_difference, difference
from groundtune.models.embedded.read import Heads, Reader
from groundtune.models.embedded.weights import BaseWeights, read_metadata, read_safetensors, write_safetensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.runtime import Precision

__all__ = ["READER_FILE", "READER_SHA256", "ReaderWeights", "load_reader", "save_reader", "shipped_reader"]

READER_FILE = Path(__file__).parent / "data" / "reader.safetensors"
"""The shipped reader: its difference to the base weights."""

READER_SHA256 = "6d208d2f8d4f120aaa0598f182b5d4fa6a12f162e796d140dc5f7890256c0007"
"""SHA-256 of `READER_FILE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderWeights:
    """Every tensor of a reader (encoder and heads) with its calibration."""

    tensors: Mapping[str, NDArray[Any]]
    calibration: Calibration

    def reader(self, base: BaseWeights, *, precision: Precision | None = None) -> Reader:
        """Compile it; ``base`` gives the sizes and the tokenizer."""
        from groundtune.models.embedded.runtime import Encoder
        from groundtune.models.embedded.tokens import Tokens

        encoder = Encoder(self.tensors, base.config, precision=precision)
        return Reader(encoder, Tokens(base.tokenizer_path), Heads(self.tensors), self.calibration)


def shipped_reader(base: BaseWeights) -> ReaderWeights:
    """The weights of the shipped reader.

    Raises:
        WeightsError: when the file is damaged or belongs to other base weights.
    """
    try:
        sha256 = hashlib.sha256(READER_FILE.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{READER_FILE} cannot be read: {error.strerror}. Install groundtune again.") from error
    if sha256 != READER_SHA256:
        raise WeightsError(f"{READER_FILE} is damaged: its SHA-256 is {sha256}. Install groundtune again.")
    return load_reader(READER_FILE, base)


def load_reader(path: Path, base: BaseWeights) -> ReaderWeights:
    """Read what `save_reader` wrote.

    Raises:
        WeightsError: when it is no reader, or was made from other base weights.
    """
    described = read_metadata(path)
    if described.get("base") != base.sha256:
        raise WeightsError(
            f"{path} was tuned from base weights with SHA-256 {described.get('base')}, "
            f"but those at hand have {base.sha256}."
        )
    tensors = add_difference(base.tensors, read_safetensors(path))
    return ReaderWeights(tensors=tensors, calibration=Calibration.from_json(described.get("calibration", "")))


def save_reader(
    path: Path, weights: ReaderWeights, base: BaseWeights, *, about: Mapping[str, str] | None = None
) -> ReaderWeights:
    """Write a reader as its 8-bit difference to the base weights.

    Args:
        path: A safetensors file, replaced whole.
        weights: The reader; tensors that are the base's own are left out.
        base: What the difference is taken to.
        about: More to say in the header, such as how it was trained.

    Returns:
        The weights as they will be loaded, rounding included: evaluate these.
    """
    changed = {name: tensor for name, tensor in weights.tensors.items() if tensor is not base.tensors.get(name)}
    described = {**(about or {}), "base": base.sha256, "calibration": weights.calibration.to_json()}
    write_safetensors(path, difference(base.tensors, changed), described)
    return load_reader(path, base)
