"""The embedded store keeps the contract, with an exact scan and with an approximate index."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import lancedb
import numpy as np
import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.lance import LanceStore, compact, narrowing, sampling, stored, upkeep
from groundtune.knowledge.lance.published import Published
from groundtune.knowledge.schema import schema
from groundtune.knowledge.store import Store
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords
from groundtune.testing.store_contract import DIMENSIONS, StoreContract, documents_for, sync_store


class TestExact(StoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self) -> Store:
        return LanceStore(self.folder, "passages", DIMENSIONS)

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Document], Store]:
        store = LanceStore(tmp_path_factory.mktemp("filled"), "passages", DIMENSIONS)
        documents = documents_for(cls.passages)
        sync_store(store, documents)
        return documents, store


class TestCompact(TestExact):
    """From the first rows on the vectors are compressed, and a share of them is compared."""

    passages = 1500
    recall = 0.97
    in_memory = 10**9

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _at_any_size(cls) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(upkeep, "EXACT_NUMBERS", 300 * DIMENSIONS)
            patch.setattr(upkeep, "COMPACT_NUMBERS", cls.in_memory)
            patch.setattr(narrowing, "_FEWEST", 1)
            patch.setattr(compact, "_READ", 256)
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, tmp_path_factory: pytest.TempPathFactory, _at_any_size: None) -> tuple[list[Document], Store]:
        store = LanceStore(tmp_path_factory.mktemp("filled"), "passages", DIMENSIONS)
        documents = documents_for(cls.passages)
        sync_store(store, documents[: cls.passages - 40])
        tuned = _published(store).tuning
        assert tuned is not None
        assert (tuned.probes > 0) == (cls.in_memory == 0)
        assert tuned.candidates < cls.passages
        assert tuned.recall >= sampling.RECALL
        sync_store(store, documents)  # the last forty are in no index yet
        return documents, store


@pytest.mark.slow
class TestIndexed(TestCompact):
    """From the first rows on everything is asked of the approximate index."""

    passages = 3000
    in_memory = 0


def test_a_new_version_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "EXACT_NUMBERS", 300 * DIMENSIONS)
    store = LanceStore(tmp_path, "passages", DIMENSIONS)
    documents = documents_for(400)
    sync_store(store, documents)
    everyone, bell = (
        Filter(groups=frozenset({"hr", "legal", "it's"})),
        HashedWords(DIMENSIONS).embed(["A new bell."])[0],
    )
    older = store.snapshot()
    assert older is not None
    gone = older.documents_of(list(older.dense(bell, 1, everyone)))[0]
    lineage = _published(store).lineage
    read = store._shared.of(lineage)
    assert read is not None
    changed = [*(d for d in documents if d.id != gone), Document(id="new", title="", text="A new bell.", source="new")]
    sync_store(store, changed)
    newer = store.snapshot()
    assert newer is not None
    found = newer.documents_of(list(newer.dense(bell, 400, everyone)))
    assert (found[0], len(found)) == ("new", 400)
    assert gone not in found
    assert newer.documents_of(list(newer.lexical("A new bell.", 400, everyone)))[0] == "new"
    assert store._shared.of(lineage) is read
    assert gone in older.documents_of(list(older.dense(bell, 400, everyone))), "a snapshot does not change"


def test_vectors_are_read_some_at_a_time_and_none_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "_READ", 64)
    store, documents = LanceStore(tmp_path, "passages", DIMENSIONS), documents_for(700)
    for chosen in (documents[:300], documents[100:], [*documents[50:350], *documents[500:]]):
        sync_store(store, chosen)  # files of several sizes, rows of them deleted
    table = store._table()
    assert table is not None
    batches = list(compact.vectors_of(table))
    assert np.array_equal(np.sort(np.concatenate([numbers for numbers, _ in batches])), compact.numbers_of(table))
    assert sum(len(vectors) for _, vectors in batches) == 500
    assert len(batches) == 8


def test_what_was_found_again_is_not_forgotten_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_REMEMBERED", 3)
    rows = stored.Stored(lancedb.connect(tmp_path).create_table("t", schema=schema(DIMENSIONS)))
    rows._remember_numbers(["a", "b", "c"], [1, 2, 3])
    rows._remember_numbers(["a", "d"], [1, 4])
    assert list(rows._found) == ["c", "a", "d"]


def test_a_table_that_was_made_anew_shares_nothing_with_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "EXACT_NUMBERS", 300 * DIMENSIONS)
    reader, texts = LanceStore(tmp_path, "passages", DIMENSIONS), ["The old gate.", "The new bell."]
    filler = documents_for(400)
    for text in texts:
        sync_store(
            LanceStore(tmp_path, "passages", DIMENSIONS), [Document(id="d", title="", text=text, source="d"), *filler]
        )
        snapshot = reader.snapshot()
        assert snapshot is not None
        nearest = snapshot.dense(HashedWords(DIMENSIONS).embed([text])[0], 1, EVERYONE)
        assert [(passage.text, round(nearest[passage.id], 3)) for passage in snapshot.passages(list(nearest))] == [
            (text, 1.0)
        ]
        if text is texts[0]:
            shutil.rmtree(tmp_path)


def test_only_a_table_too_large_for_memory_has_an_index_of_its_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LanceStore(tmp_path, "passages", DIMENSIONS)
    monkeypatch.setattr(upkeep, "EXACT_NUMBERS", 300 * DIMENSIONS)
    for most, indexed in ((0, True), (10**9, False)):
        monkeypatch.setattr(upkeep, "COMPACT_NUMBERS", most)
        sync_store(store, documents_for(350))
        snapshot = store.snapshot()
        assert snapshot is not None
        assert any(index.columns == ["vector"] for index in snapshot._table.list_indices()) is indexed
        assert len(snapshot.dense(HashedWords(DIMENSIONS).embed(["gate"])[0], 9, EVERYONE)) == 9


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 10**9])
def test_vectors_of_any_length_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    embedding = HashedWords(30)
    monkeypatch.setattr(upkeep, "EXACT_NUMBERS", 300 * embedding.dimensions)
    monkeypatch.setattr(upkeep, "COMPACT_NUMBERS", most)
    knowledge = KnowledgeBase(tmp_path, embedding)
    documents = documents_for(1000)
    knowledge.sync_documents(documents)
    assert [hit.passage.document for hit in knowledge.search(documents[77].text, 1, "dense")] == ["d77"]
    changed = [*documents[:77], Document(id="d77", title="", text="A heron.", source="d77"), *documents[78:]]
    assert knowledge.sync_documents(changed).changed == 1
    assert [hit.passage.text for hit in knowledge.search("heron", 1)] == ["A heron."]


def _published(store: LanceStore) -> Published:
    current = store._publications.current
    assert current is not None
    return current
