"""Which reranker a project has: what the settings name, what was tuned from it, and with which share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.weights import BaseWeights
from groundtune.models.openai.reranking import EndpointReranker
from groundtune.project.providers import is_local
from groundtune.project.rerankers import READER_WEIGHT, rerank_weight, reranker_of
from groundtune.project.workspace import Workspace
from groundtune.testing.weights import tiny_weights
from groundtune.training.card import Card
from groundtune.training.registry import promote, register, workshop


@pytest.fixture
def base(tmp_path: Path) -> BaseWeights:
    return tiny_weights(tmp_path)


def project(folder: Path, base: BaseWeights, settings: str = "") -> Workspace:
    (folder / "groundtune.toml").write_text(f'[project]\nname = "p"\n[model.reranker]\n{settings}', "utf-8")
    workspace = Workspace(folder)
    workspace.__dict__["weights"] = base
    return workspace


def tuned(workspace: Workspace, base: BaseWeights, *, base_name: str | None = None) -> None:
    """A tuned embedded reranker in use."""
    models = workspace.home / "models"
    made, width = workshop(models), base.config.hidden_size
    tensors = {"reranker.weight": np.ones((1, width), np.float32), "reranker.bias": np.zeros(1, np.float32)}
    write_checkpoint(made, CheckpointCard(kind="reranker", base=base.sha256), tensors, base)
    card = Card(
        kind="reranker", key="k", base="b", data="d", examples=9, recipe={}, metrics={"weight": 0.7}, seconds=1.0,
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    promote(models, "reranker", register(models, made, replace(card, base_name=base_name)).id)


def test_by_default_nothing_reads_again_until_something_was_tuned(tmp_path: Path, base: BaseWeights) -> None:
    workspace = project(tmp_path, base)
    assert reranker_of(workspace) is None
    tuned(workspace, base)
    found = reranker_of(workspace)
    assert found is not None
    assert found.name.startswith("embedded/reranker@")
    assert rerank_weight(workspace) == 0.7


def test_off_is_off_and_a_share_of_the_settings_wins(tmp_path: Path, base: BaseWeights) -> None:
    workspace = project(tmp_path, base, 'provider = "off"\n')
    tuned(workspace, base)
    assert reranker_of(workspace) is None
    assert rerank_weight(project(tmp_path, base, "weight = 0.4\n")) == 0.4


def test_a_reranker_tuned_from_another_one_is_not_mixed_in(tmp_path: Path, base: BaseWeights) -> None:
    workspace = project(tmp_path, base, 'provider = "transformers"\nname = "weights/mine"\n')
    tuned(workspace, base, base_name="weights/other")
    assert rerank_weight(workspace) == 1.0
    tuned_from_mine = project(tmp_path, base, 'provider = "transformers"\nname = "weights/other"\n')
    assert rerank_weight(tuned_from_mine) == 0.7
    assert reranker_of(tuned_from_mine) is not None


def test_an_endpoint_is_asked_for_nothing_before_it_is_needed(tmp_path: Path, base: BaseWeights) -> None:
    settings = 'provider = "http"\nname = "small"\nbase_url = "http://127.0.0.1:9/v1/rerank"\n'
    workspace = project(tmp_path, base, settings)
    found = reranker_of(workspace)
    assert isinstance(found, EndpointReranker)
    assert found.name == "http/small@http://127.0.0.1:9/v1/rerank"
    assert rerank_weight(workspace) == 1.0
    assert is_local(workspace)
    away = settings.replace("http://127.0.0.1:9", "https://ranks.example")
    assert not is_local(project(tmp_path, base, away))


def test_the_untuned_reader_has_a_small_share(tmp_path: Path, base: BaseWeights) -> None:
    assert rerank_weight(project(tmp_path, base, 'provider = "embedded"\n')) == READER_WEIGHT
