"""Tuned retrieval is used only when it finds more beyond doubt; its index is whole before anything is switched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.weights import base_weights
from groundtune.project import Project
from groundtune.project.tuned_retrieval import GATE, examine_retrieval, held_out, stopping
from groundtune.project.workspace import Workspace
from groundtune.testing.embedding import HashedWords
from groundtune.training.card import Card, GateResult
from groundtune.training.registry import Checkpoint, promoted, register, workshop

PARTS = 45


def project(folder: Path, parts: int = PARTS) -> Path:
    (folder / "docs").mkdir()
    for n in range(parts):
        (folder / "docs" / f"{n}.md").write_text(f"# Part {n}\n\nThe valve opens at code{n}.", "utf-8")
    rows = [
        {
            "id": str(n),
            "question": f"Which part has code{n}?",
            "answers": [f"code{n}"],
            "evidence": [{"doc": f"{n}.md", "quote": f"code{n}"}],
            "split": "dev",
        }
        for n in range(parts)
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (folder / "groundtune.toml").write_text('[project]\nname = "valves"\n[knowledge]\nsearch = "dense"\n', "utf-8")
    return folder


def card(kind: str) -> Card:
    return Card(
        kind=kind, key="k", base="b", data="d", examples=9, recipe={}, metrics={}, seconds=1.0,
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


class Blind(HashedWords):
    """Sees no code: every part looks the same to it."""

    name = "fake/blind"

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        return super().embed_ids([[] for _ in ids])


def opened(folder: Path, embedding: HashedWords) -> Workspace:
    workspace = Workspace(folder)
    workspace.__dict__["embedding"] = embedding
    workspace.knowledge.sync(["docs/"], folder)
    return workspace


def examined(folder: Path, before: HashedWords, after: HashedWords, monkeypatch: pytest.MonkeyPatch) -> GateResult:
    workspace = opened(folder, before)
    monkeypatch.setattr(Workspace, "with_embedding", lambda _, __: opened(folder, after))
    (found,) = examine_retrieval(workspace, Checkpoint(id="e", folder=folder, card=card("embedding")), lambda *_: None)
    return found


def test_training_and_judging_never_share_a_query(tmp_path: Path) -> None:
    workspace = Workspace(project(tmp_path))
    stops, judges = ({query.id for query in side(workspace)} for side in (stopping, held_out))
    assert stops.isdisjoint(judges)
    assert stops | judges == {query.id for query in workspace.split.dev}
    assert len(judges) == 2 * len(stops)


def test_an_embedding_that_finds_more_passes_and_one_that_finds_less_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path)
    better = examined(folder, Blind(), HashedWords(128), monkeypatch)
    assert (better.name, better.passed) == (GATE, True)
    assert better.value is not None
    assert better.value > 0.5
    worse = examined(folder, HashedWords(128), Blind(), monkeypatch)
    assert worse.passed is False
    assert "stays in use" in worse.note


def test_the_same_embedding_shows_no_gain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examined(project(tmp_path), HashedWords(), HashedWords(), monkeypatch).passed is False


def test_too_few_queries_show_nothing_however_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(project(tmp_path, 9), Blind(), HashedWords(128), monkeypatch)
    assert found.passed is False
    assert "too few" in found.note


def tuned_embedding(folder: Path) -> Checkpoint:
    """A real checkpoint: base weights with one bias moved."""
    base, models = base_weights(), folder / ".groundtune" / "models"
    made, name = workshop(models), "encoder.layer.5.output.LayerNorm.bias"
    moved = base.tensors[name] + np.linspace(-0.2, 0.2, base.config.hidden_size, dtype=np.float32)
    write_checkpoint(made, CheckpointCard(kind="embedding", base=base.sha256), {name: moved}, base)
    return register(models, made, card("embedding"))


KILLED = """
import os, signal, sys
from pathlib import Path
import groundtune.project.listing as listing
from groundtune.project import Project
listing.promote = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
Project.open(Path(sys.argv[1])).promote(sys.argv[2])
"""


@pytest.mark.slow
def test_a_kill_before_the_switch_leaves_the_old_index_in_use_and_the_new_one_whole(tmp_path: Path) -> None:
    folder = project(tmp_path, 6)
    Project.open(folder).sync()
    untuned = Workspace(folder).knowledge.version
    checkpoint = tuned_embedding(folder)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), checkpoint.id], check=False)
    assert killed.returncode == -signal.SIGKILL
    workspace = Workspace(folder)
    assert promoted(folder / ".groundtune" / "models", "embedding") is None
    assert "embedding@" not in workspace.embedding.name
    assert workspace.knowledge.version == untuned
    assert Project.open(folder).search("code3").hits[0].passage.document == "3.md"
    tuned = workspace.with_embedding(checkpoint.id)
    assert tuned.knowledge.count() == workspace.knowledge.count() == 6
    Project.open(folder).promote(checkpoint.id)
    again = Workspace(folder)
    assert "embedding@" in again.embedding.name
    assert again.knowledge.version == tuned.knowledge.version != untuned
    (folder / "docs" / "3.md").unlink()
    Project.open(folder).sync()
    Project.open(folder).roll_back("embedding")
    back = Workspace(folder)
    assert back.embedding.name == workspace.embedding.name
    assert "3.md" not in back.knowledge.documents()


@pytest.mark.slow
def test_a_running_service_follows_the_switch_so_a_deleted_document_stays_deleted(tmp_path: Path) -> None:
    folder = project(tmp_path, 6)
    Project.open(folder).sync()
    serving = Project.open(folder).answerer()
    assert serving.search("code3", 1)[0][0].passage.document == "3.md"
    Project.open(folder).promote(tuned_embedding(folder).id)
    (folder / "docs" / "3.md").unlink()
    Project.open(folder).sync()
    assert "3.md" not in {hit.passage.document for hit in serving.search("code3", 6)[0]}
    assert serving.document("3.md") is None
