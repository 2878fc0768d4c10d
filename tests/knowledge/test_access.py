from __future__ import annotations

import json
from pathlib import Path

from groundtune.knowledge import KnowledgeBase
from groundtune.testing.embedding import HashedWords


def test_what_not_everyone_may_read_is_not_indexed_and_is_reported(tmp_path: Path) -> None:
    rows = [
        {"id": "open", "text": "Lunch is at noon."},
        {"id": "secret", "text": "The salary list is in the blue safe.", "groups": ["hr"]},
    ]
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    knowledge = KnowledgeBase(tmp_path / "index", HashedWords())
    for _ in range(2):
        report = knowledge.sync(["documents.jsonl"], tmp_path)
        assert ["hr" in failure.reason for failure in report.failed] == [True]
        assert knowledge.documents() == ["open"]
        assert knowledge.document("secret") is None
        assert [hit.passage.document for hit in knowledge.search("The salary list is in the blue safe.")] == ["open"]
