"""The store in PostgreSQL keeps the contract, on a real server with pgvector."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtune.errors import Busy, ProjectError, StorageError
from groundtune.knowledge.postgres import PostgresStore
from groundtune.knowledge.postgres import store as store_module
from groundtune.knowledge.postgres.database import Database
from groundtune.knowledge.store import Store
from groundtune.records import Document
from groundtune.testing.store_contract import DIMENSIONS, StoreContract, documents_for, sync_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = pytest.importorskip("pgserver")
    pytest.importorskip("pg8000")
    with pgserver.get_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server.get_uri()


def opened(url: str, name: str) -> PostgresStore:
    return PostgresStore(Database.at(url, name, DIMENSIONS))


class TestExact(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, url: str) -> Iterator[None]:
        self.url = url
        self.name = f"gt_{uuid.uuid4().hex[:8]}"
        self.opened: list[PostgresStore] = []
        yield
        for store in self.opened:
            store.end()
            store._database.engine.dispose()

    def open(self) -> Store:
        self.opened.append(opened(self.url, self.name))
        return self.opened[-1]

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, url: str) -> Iterator[tuple[list[Document], Store]]:
        store = opened(url, f"gt_{uuid.uuid4().hex[:8]}")
        documents = documents_for(cls.passages)
        sync_store(store, documents)
        yield documents, store
        store._database.engine.dispose()

    def test_two_writers_exclude_each_other(self) -> None:
        first, second = self.open(), self.open()
        first.begin()
        with pytest.raises(Busy, match="Wait"):
            second.begin()
        first.end()
        second.begin()


class TestApproximate(TestExact):
    """With an HNSW index from the first rows on."""

    passages = 1500
    recall = 0.97

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _at_any_size(cls) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store_module, "EXACT_ROWS", 100)
            yield


def test_a_server_that_is_not_there_says_so_without_the_password() -> None:
    store = opened("postgresql://me:secret@127.0.0.1:1/nothing", "gt")
    with pytest.raises(StorageError, match=r"127\.0\.0\.1.*again") as failed:
        store.snapshot()
    assert "secret" not in str(failed.value)
    with pytest.raises(ProjectError, match="postgresql://user@host/name") as refused:
        opened("not an address with secret", "gt")
    assert "secret" not in str(refused.value)


def test_a_project_keeps_its_knowledge_in_postgres(url: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gate.md").write_text("# Gate\n\nThe gate closes at eight.\n", encoding="utf-8")
    settings = '[project]\nname = "desk"\ninstruction = "Answer from the documents."\n[knowledge]\nstore = "postgres"\n'
    (tmp_path / "groundtune.toml").write_text(settings, encoding="utf-8")

    def said(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "groundtune", *arguments, "--project", str(tmp_path)]
        environment = {**os.environ, "DATABASE_URL": database}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    refused = said("", "sync")
    assert refused.returncode == 2
    assert "export DATABASE_URL=" in refused.stderr
    assert said(url, "sync").returncode == 0
    assert "closes at eight" in said(url, "search", "When does the gate close?").stdout
    assert not list(tmp_path.rglob("*.lance"))
