"""A server reads weights and index before the first question, and still starts when one of them is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.errors import StorageError
from groundtune.knowledge import KnowledgeBase
from groundtune.project.answering import ProjectAnswerer
from groundtune.project.workspace import Workspace
from groundtune.testing.embedding import HashedWords


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gate.md").write_text("# Gate\n\nThe gate closes at eight.\n", encoding="utf-8")
    (tmp_path / "groundtune.toml").write_text('[project]\nname = "desk"\n', encoding="utf-8")
    workspace = Workspace(tmp_path)
    workspace.__dict__["embedding"] = HashedWords()
    workspace.knowledge.sync(["docs/"], tmp_path)
    return workspace


def test_preparing_opens_the_index_and_embeds_nothing(workspace: Workspace) -> None:
    embedding = workspace.__dict__["embedding"]
    embedded = embedding.embedded
    ProjectAnswerer(workspace).prepare()
    assert embedding.embedded == embedded, "an embedding may be paid for"
    snapshot = workspace.knowledge._store.snapshot()
    assert snapshot is not None
    assert snapshot.__dict__["_opened"] is not None


def test_a_broken_index_is_told_to_who_asks_for_it_and_stops_no_server(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise StorageError("The index could not be read.")

    monkeypatch.setattr(KnowledgeBase, "search_timed", broken)
    answerer = ProjectAnswerer(workspace)
    answerer.prepare()
    with pytest.raises(StorageError, match="could not be read"):
        answerer.search("When does the gate close?", 3)
