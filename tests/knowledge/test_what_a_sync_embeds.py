"""A sync embeds the passages whose text is new, and no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords

# Each part, and what stands before the first, fills a passage of 64 tokens by itself.
PARTS = [
    f"## Part {part}\n\n{' '.join(f'Gate {part} closes on day {day}.' for day in range(8))}\n\n" for part in range(12)
]
GATES = f"# Gates\n\n{' '.join(f'Mind gate number {number}.' for number in range(11))}\n\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gates.md").write_text(GATES + "".join(PARTS), encoding="utf-8")
    return tmp_path


@pytest.fixture
def embedding() -> HashedWords:
    return HashedWords()


def test_a_changed_document_embeds_only_the_passages_whose_text_changed(project: Path, embedding: HashedWords) -> None:
    knowledge = KnowledgeBase(project / "knowledge", embedding, max_tokens=64)
    passages = knowledge.sync(["docs"], project).passages
    assert embedding.embedded == passages == 13
    changed = [*PARTS[:5], PARTS[5].replace("Gate 5", "Door 5", 1), *PARTS[6:]]
    (project / "docs" / "gates.md").write_text(GATES + "".join(changed), encoding="utf-8")
    report = knowledge.sync(["docs"], project)
    assert (report.changed, report.passages) == (1, passages)
    assert embedding.embedded == passages + 1
    assert any("Door 5" in hit.passage.text for hit in knowledge.search("Door 5"))


def test_text_that_moves_within_and_between_documents_is_not_embedded_again(
    project: Path, embedding: HashedWords
) -> None:
    knowledge = KnowledgeBase(project / "knowledge", embedding, max_tokens=64)
    knowledge.sync(["docs"], project)
    embedded = embedding.embedded
    (project / "docs" / "gates.md").write_text(GATES + "".join(PARTS[6:]), encoding="utf-8")
    (project / "docs" / "more.md").write_text(GATES + "".join(reversed(PARTS[:6])), encoding="utf-8")
    report = knowledge.sync(["docs"], project)
    assert (report.added, report.changed) == (1, 1)
    assert embedding.embedded == embedded


def test_a_renamed_document_embeds_nothing_and_is_recognised(project: Path, embedding: HashedWords) -> None:
    knowledge = KnowledgeBase(project / "knowledge", embedding)
    knowledge.sync(["docs"], project)
    embedded = embedding.embedded
    (project / "docs" / "gates.md").rename(project / "docs" / "entrances.md")
    report = knowledge.sync(["docs"], project)
    assert (report.added, report.removed, report.renamed) == (1, 1, 1)
    assert embedding.embedded == embedded
    assert {hit.passage.document for hit in knowledge.search("Gate", 20)} == {"entrances.md"}


PDF = Path(__file__).parents[1] / "data" / "awkward" / "files" / "fake-memo-with-duplicate-page.pdf"


@pytest.mark.parametrize("ending", ["txt", "md", "pdf"])
def test_a_renamed_file_that_has_no_title_but_its_name_embeds_nothing(
    tmp_path: Path, embedding: HashedWords, ending: str
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    said = PDF.read_bytes() if ending == "pdf" else b"The gate closes at eight.\n\nThe door is red."
    (docs / f"ibis_chronicle.{ending}").write_bytes(said)
    knowledge = KnowledgeBase(tmp_path / "knowledge", embedding)
    assert knowledge.sync(["docs"], tmp_path).failed == ()
    embedded = embedding.embedded
    (docs / f"ibis_chronicle.{ending}").rename(docs / f"heron-manual.{ending}")
    report = knowledge.sync(["docs"], tmp_path)
    assert (report.added, report.removed, report.renamed) == (1, 1, 1)
    assert embedding.embedded == embedded
    (hit, *_) = knowledge.search("heron manual", 1, "lexical")
    assert (hit.passage.title, hit.passage.document) == ("heron manual", f"heron-manual.{ending}")
    assert knowledge.search("ibis chronicle", 1, "lexical") == []
    document = knowledge.document(f"heron-manual.{ending}")
    assert document is not None
    assert (document.title, document.titled) == ("heron manual", False)


@pytest.mark.parametrize(("name", "other", "text"), [
    ("rows.jsonl", "more.jsonl", '{"id": "gates", "text": "The gate closes at eight."}'),
    ("gate.xyz", "door.xyz", "The gate closes at eight."),
])  # fmt: skip
def test_only_a_document_that_was_added_counts_as_renamed(
    tmp_path: Path, embedding: HashedWords, name: str, other: str, text: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    knowledge = KnowledgeBase(tmp_path / "knowledge", embedding)
    knowledge.sync([name], tmp_path)
    (tmp_path / name).rename(tmp_path / other)
    report = knowledge.sync([other], tmp_path)
    assert (report.added, report.removed, report.renamed) == (0, 0, 0)


def test_a_title_of_its_own_is_embedded(tmp_path: Path, embedding: HashedWords) -> None:
    knowledge = KnowledgeBase(tmp_path, embedding)
    for title in ("Gates", "Doors"):
        knowledge.sync_documents([Document(id="d", title=title, text="Closed at eight.", source="d")])
    assert embedding.embedded == 2


def test_a_sync_of_settled_files_writes_nothing(project: Path, embedding: HashedWords) -> None:
    os.utime(project / "docs" / "gates.md", (1, 1))
    knowledge = KnowledgeBase(project / "knowledge", embedding)
    knowledge.sync(["docs"], project)
    written = {path: path.stat().st_mtime_ns for path in (project / "knowledge").rglob("*") if path.is_file()}
    assert knowledge.sync(["docs"], project).unchanged == 1
    del written[project / "knowledge" / "sync.lock"]
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_touched_file_is_unchanged_and_not_read_into_the_index(project: Path, embedding: HashedWords) -> None:
    knowledge = KnowledgeBase(project / "knowledge", embedding)
    version = knowledge.sync(["docs"], project).version
    path = project / "docs" / "gates.md"
    path.write_bytes(path.read_bytes())
    report = knowledge.sync(["docs"], project)
    assert (report.unchanged, report.renamed, report.version) == (1, 0, version)
