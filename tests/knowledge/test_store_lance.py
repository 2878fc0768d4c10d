"""The embedded store keeps the contract, with an exact scan and with an approximate index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.lance import LanceStore, approximate
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


@pytest.mark.slow
class TestApproximate(TestExact):
    """From the first rows on everything is asked of the approximate index."""

    passages = 3000
    recall = 0.97

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _at_any_size(cls) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(approximate, "EXACT_NUMBERS", 300 * DIMENSIONS)
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, tmp_path_factory: pytest.TempPathFactory, _at_any_size: None) -> tuple[list[Document], Store]:
        store = LanceStore(tmp_path_factory.mktemp("filled"), "passages", DIMENSIONS)
        documents = documents_for(cls.passages)
        sync_store(store, documents[: cls.passages - 40])
        tuned = store._publications.current
        assert tuned is not None
        assert tuned.tuning is not None
        assert tuned.tuning.recall >= approximate.RECALL
        sync_store(store, documents)  # the last forty are in no index yet
        return documents, store


@pytest.mark.slow
def test_vectors_of_any_length_have_an_approximate_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedding = HashedWords(30)
    monkeypatch.setattr(approximate, "EXACT_NUMBERS", 300 * embedding.dimensions)
    knowledge = KnowledgeBase(tmp_path, embedding)
    documents = documents_for(1000)
    knowledge.sync_documents(documents)
    assert [hit.passage.document for hit in knowledge.search(documents[77].text, 1, "dense")] == ["d77"]
    changed = [*documents[:77], Document(id="d77", title="", text="A heron.", source="d77"), *documents[78:]]
    assert knowledge.sync_documents(changed).changed == 1
    assert [hit.passage.text for hit in knowledge.search("heron", 1)] == ["A heron."]
