"""The weight of the hybrid search is learned from dev queries alone, once for the same labels and knowledge."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.project.searching import ENOUGH_LABELS, learn_fusion
from groundtune.project.workspace import Workspace
from groundtune.testing.embedding import HashedWords

Labelled = Sequence[tuple[str, Set[str]]]


def project(folder: Path, queries: int) -> Workspace:
    (folder / "docs").mkdir()
    for n in range(queries):
        (folder / "docs" / f"{n}.md").write_text(f"# Part {n}\n\nThe valve number {n} opens at code{n}.", "utf-8")
    rows = [
        {
            "id": str(n),
            "question": f"When does code{n} open?",
            "answers": [f"code{n}"],
            "evidence": [{"doc": f"{n}.md"}],
            "split": "dev" if n % 2 else "test",
        }
        for n in range(queries)
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (folder / "groundtune.toml").write_text('[project]\nname = "valves"\n', "utf-8")
    workspace = Workspace(folder)
    workspace.__dict__["embedding"] = HashedWords()
    workspace.knowledge.sync(["docs/"], folder)
    return workspace


def test_enough_dev_labels_set_the_weight_and_are_learned_from_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = project(tmp_path, 2 * ENOUGH_LABELS)
    given: list[int] = []
    learn = KnowledgeBase.learn_alpha

    def counted(knowledge: KnowledgeBase, rows: Labelled) -> float:
        given.append(len(rows))
        return learn(knowledge, rows)

    monkeypatch.setattr(KnowledgeBase, "learn_alpha", counted)
    learn_fusion(workspace)
    learn_fusion(workspace)
    assert given == [ENOUGH_LABELS]
    again = KnowledgeBase(workspace.home / "knowledge", workspace.embedding)
    assert again.alpha == workspace.knowledge.alpha


def test_too_few_labels_leave_the_default(tmp_path: Path) -> None:
    workspace = project(tmp_path, 20)
    before = workspace.knowledge.alpha
    learn_fusion(workspace)
    assert workspace.knowledge.alpha == before
    assert not (workspace.home / "knowledge" / "fusion-learned-from").exists()
