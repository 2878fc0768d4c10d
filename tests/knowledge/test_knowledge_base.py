"""Documents in, passages out, and nothing lost, doubled or embedded twice on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lancedb
import pytest
from filelock import FileLock

from groundtune.errors import Busy, ProjectError, StorageError
from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.lance import LanceStore
from groundtune.records import Document, Example, Message
from groundtune.testing.embedding import HashedWords

REFUNDS = "# Refunds\n\nA refund takes five days.\n\n## Abroad\n\nOutside the country a refund takes nine days.\n"
PARKING = "# Parking\n\nVisitors park behind the house. The gate closes at eight.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "refunds.md").write_text(REFUNDS, encoding="utf-8")
    (tmp_path / "docs" / "parking.md").write_text(PARKING, encoding="utf-8")
    return tmp_path


@pytest.fixture
def embedding() -> HashedWords:
    return HashedWords()


def opened(project: Path, embedding: HashedWords) -> KnowledgeBase:
    return KnowledgeBase(project / ".groundtune" / "knowledge", embedding)


def test_an_empty_knowledge_base_finds_nothing(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    assert knowledge.search("refund") == []
    assert (knowledge.count(), knowledge.version, knowledge.documents()) == (0, "empty", [])
    assert knowledge.document("refunds.md") is None


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_each_mode_finds_the_passage(project: Path, embedding: HashedWords, mode: str) -> None:
    knowledge = opened(project, embedding)
    report = knowledge.sync(["docs"], project)
    assert (report.added, report.changed, report.removed, report.unchanged, report.failed) == (2, 0, 0, 0, ())
    hits, milliseconds = knowledge.search_timed("When does the gate close for visitors?", 2, mode)  # type: ignore[arg-type]
    assert hits[0].passage.document == "parking.md"
    assert hits[0].rank == 1
    assert set(milliseconds) == {"embed", "search", "total"}


def test_passages_are_exact_spans_of_their_document(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    for id_ in knowledge.documents():
        document = knowledge.document(id_)
        assert document is not None
        for passage in knowledge.passages_of(id_):
            assert document.text[passage.start : passage.end] == passage.text
            assert passage.title == document.title


def test_a_second_sync_embeds_and_writes_nothing(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    embedded, version = embedding.embedded, knowledge.version
    report = knowledge.sync(["docs"], project)
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 2)
    assert (embedding.embedded, knowledge.version) == (embedded, version)


def test_changed_and_removed_documents_are_gone_from_the_next_query(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    reader = opened(project, embedding)
    assert reader.search("gate", documents=["parking.md"])
    (project / "docs" / "parking.md").unlink()
    (project / "docs" / "refunds.md").write_text("# Refunds\n\nNothing is refunded.\n", encoding="utf-8")
    report = knowledge.sync(["docs"], project)
    assert (report.added, report.changed, report.removed, report.passages) == (0, 1, 1, 1)
    assert [hit.passage.text for hit in reader.search("gate refund days", 9)] == ["# Refunds\n\nNothing is refunded."]


def test_a_renamed_document_is_not_embedded_again(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    embedded = embedding.embedded
    (project / "docs" / "parking.md").rename(project / "docs" / "cars.md")
    report = knowledge.sync(["docs"], project)
    assert (report.added, report.removed, embedding.embedded) == (1, 1, embedded)
    assert knowledge.documents() == ["cars.md", "refunds.md"]


def test_examples_become_demonstrations(project: Path, embedding: HashedWords) -> None:
    turns = (Message(role="user", content="Where is my card?"), Message(role="assistant", content="card_arrival"))
    knowledge = opened(project, embedding)
    knowledge.sync_examples([Example(id="1", messages=turns)])
    passage = knowledge.search("card")[0].passage
    assert (passage.text, passage.answer) == ("Where is my card?", "card_arrival")


def test_a_bad_file_is_reported_and_the_rest_is_read(project: Path, embedding: HashedWords) -> None:
    (project / "docs" / "empty.md").write_text("", encoding="utf-8")
    (project / "docs" / "scan.pdf").write_bytes(b"%PDF")
    report = opened(project, embedding).sync(["docs"], project)
    assert [failure.source for failure in report.failed] == ["docs/empty.md", "docs/scan.pdf"]
    assert report.added == 2


def test_a_missing_source_names_itself(project: Path, embedding: HashedWords) -> None:
    with pytest.raises(ProjectError, match=r"manuals.*groundtune\.toml"):
        opened(project, embedding).sync(["docs", "manuals"], project)


def test_two_syncs_at_once_are_refused(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    with FileLock(str(knowledge.folder / "sync.lock")), pytest.raises(Busy, match="wait"):
        opened(project, embedding).sync(["docs"], project)


def test_a_full_disk_leaves_the_old_state(
    project: Path, embedding: HashedWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    version = knowledge.version
    (project / "docs" / "parking.md").write_text("# Parking\n\nNobody parks here.\n", encoding="utf-8")
    from lancedb.table import LanceTable

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LanceTable, "add", full)
        with pytest.raises(StorageError, match=r"No space left.*again"):
            knowledge.sync(["docs"], project)
    assert knowledge.version == version
    assert knowledge.sync(["docs"], project).changed == 1
    assert knowledge.search("parks")[0].passage.text.endswith("Nobody parks here.")


def test_the_weight_of_the_dense_score_is_learned_and_kept(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    alpha = knowledge.learn_alpha([("When does the gate close?", {"parking.md"}), ("refund abroad", {"refunds.md"})])
    assert opened(project, embedding).alpha == alpha
    assert knowledge.search("gate")[0].passage.document == "parking.md"


def test_the_index_of_another_embedding_is_another_one(project: Path) -> None:
    opened(project, HashedWords(32)).sync(["docs"], project)
    other = HashedWords(16)
    other.name = "fake/other"
    knowledge = opened(project, other)
    assert knowledge.count() == 0
    knowledge.sync(["docs"], project)
    assert knowledge.count() == opened(project, HashedWords(32)).count()


def test_what_a_killed_run_left_untidy_is_tidied_by_the_next(
    project: Path, embedding: HashedWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unindexed() -> int:
        (name,) = [path.stem for path in folder.glob("*.lance")]
        table = lancedb.connect(folder).open_table(name)
        statistics = [table.index_stats(index.name) for index in table.list_indices()]
        return sum(found.num_unindexed_rows for found in statistics if found is not None)

    folder = project / "knowledge" / "index"
    knowledge = KnowledgeBase(project / "knowledge", embedding)
    with monkeypatch.context() as patch:
        patch.setattr(LanceStore, "finish", lambda self, keep: None)
        knowledge.sync(["docs"], project)
    assert unindexed() > 0
    assert knowledge.search("gate closes", 1, "lexical")[0].passage.document == "parking.md"
    assert knowledge.sync(["docs"], project).unchanged == 2
    assert unindexed() == 0


def test_ids_of_any_kind_are_stored_and_found(tmp_path: Path, embedding: HashedWords) -> None:
    ids = ["it's", 'a "b"', "back\\slash", "new\nline", "日本/語.md", "#1-2", "%_", "'; DROP TABLE x; --"]
    documents = [Document(id=id_, title=id_, text=f"Gate {place}.", source=id_) for place, id_ in enumerate(ids)]
    knowledge = KnowledgeBase(tmp_path / "knowledge", embedding)
    knowledge.sync_documents(documents)
    for place, id_ in enumerate(ids):
        assert knowledge.document(id_) == documents[place]
        assert [hit.passage.document for hit in knowledge.search("gate", documents=[id_])] == [id_]
    changed = [Document(id=id_, title=id_, text="Door.", source=id_) for id_ in ids[:4]]
    report = knowledge.sync_documents(changed)
    assert (report.changed, report.removed, report.passages) == (4, 4, 4)


def test_words_that_mean_something_to_a_query_language_are_just_words(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    for question in ('"gate', "gate AND (", "+gate -house", "gate:*", "gate~2", "\\", "   ", "' OR 1=1"):
        knowledge.search(question)
    assert knowledge.search("+gate -house", 1, "lexical")[0].passage.document == "parking.md"


def test_many_threads_search_at_once(project: Path, embedding: HashedWords) -> None:
    knowledge = opened(project, embedding)
    knowledge.sync(["docs"], project)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: knowledge.search("When does the gate close?", 1)[0].passage.id, range(64)))
    assert len(set(found)) == 1
