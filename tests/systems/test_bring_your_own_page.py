"""The examples of docs/bring-your-own.md, run as they stand."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Query
from groundtune.settings import Settings, parse_settings
from groundtune.systems import Origins, PromptTemplate, load_arms, load_retriever
from groundtune.systems.given import GivenPassage
from groundtune.systems.stores import PgVectorTable
from groundtune.testing.embedding import HashedWords

PAGE = (Path(__file__).parents[2] / "docs" / "bring-your-own.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
MODULES = {
    head[1]: text
    for kind, text in BLOCKS
    if kind == "python" and (head := re.match(r"# (\w+)\.py\n", text)) is not None
}
QUERY = Query(id="q", question="What does a transfer abroad cost?")
TEXT = "A transfer abroad costs three euros."


def embed(text: str) -> list[float]:
    return [float(number) for number in HashedWords(8).embed([text])[0]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A project folder with every module of the page."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    yield tmp_path
    for name in MODULES:
        sys.modules.pop(name, None)


def index(**names: Any) -> ModuleType:
    """The module of the reader that the page does not show."""
    module = ModuleType("our_index")
    vars(module).update(names)
    return module


def settings() -> Settings:
    text = "\n".join(text for kind, text in BLOCKS if kind == "toml")
    return parse_settings(f'[project]\nname = "page"\n{text}')


def found(folder: Path, name: str) -> list[str]:
    retriever = load_retriever(f"{name}:find", folder, passages=5, origins=Origins())
    return [hit.passage.text for hit in retriever.retrieve(QUERY)]


def test_the_page_shows_a_module_for_every_kind() -> None:
    assert list(MODULES) == ["our_bot", "our_search", "our_langchain", "our_chroma", "our_qdrant", "our_pgvector"]
    assert len([kind for kind, _ in BLOCKS if kind == "python"]) == len(MODULES)


def test_the_settings_and_the_function_give_an_arm(folder: Path, knowledge: KnowledgeBase) -> None:
    arms = settings().arms
    assert arms["our_api"].key == "SUPPORT_BOT_KEY"
    only = {"our_bot": arms["our_bot"]}
    template = PromptTemplate(task="answer")
    made = load_arms(only, folder, template=template, origins=Origins(knowledge), chat_of=lambda name, arm: None)  # type: ignore[arg-type,return-value]
    answer = made["our_bot"].answer(QUERY)
    assert (answer.text, answer.error) == ("three euros", None)
    assert [(c.document, c.quote) for c in answer.citations] == [("fees.md", "costs three euros")]


def test_the_function_gives_a_retriever(folder: Path) -> None:
    assert settings().knowledge.retriever == "our_search:find"
    assert found(folder, "our_search") == [TEXT]


def test_the_langchain_example_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = pytest.importorskip("langchain_core.vectorstores")
    fake = pytest.importorskip("langchain_core.embeddings.fake").DeterministicFakeEmbedding(size=8)
    store = stores.InMemoryVectorStore(fake)
    store.add_texts([TEXT])
    monkeypatch.setitem(sys.modules, "our_index", index(store=store))
    assert found(folder, "our_langchain") == [TEXT]


def test_the_chroma_example_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chromadb = pytest.importorskip("chromadb")
    asked: list[str] = []

    class Client:
        def __init__(self, host: str, port: int) -> None:
            asked.append(f"{host}:{port}")

        def get_collection(self, name: str) -> Any:
            collection = chromadb.Collection.__new__(chromadb.Collection)
            collection.query = lambda **_: {
                "ids": [["1"]],
                "documents": [[TEXT]],
                "metadatas": [[None]],
                "distances": [[0]],
            }
            return collection

    monkeypatch.setattr(chromadb, "HttpClient", Client)
    assert found(folder, "our_chroma") == [TEXT]
    assert asked == ["localhost:8000"]


def test_the_qdrant_example_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qdrant = pytest.importorskip("qdrant_client")
    client = qdrant.QdrantClient(":memory:")
    size = qdrant.models.VectorParams(size=8, distance=qdrant.models.Distance.COSINE)
    client.create_collection("handbook", size)
    client.upsert("handbook", [qdrant.models.PointStruct(id=1, vector=embed(TEXT), payload={"text": TEXT})])
    monkeypatch.setitem(sys.modules, "our_index", index(embed=embed))
    monkeypatch.setattr(qdrant, "QdrantClient", lambda url: client)
    assert found(folder, "our_qdrant") == [TEXT]


def test_the_pgvector_example_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    psycopg = ModuleType("psycopg")
    vars(psycopg)["connect"] = lambda where: where
    monkeypatch.setitem(sys.modules, "psycopg", psycopg)
    monkeypatch.setitem(sys.modules, "our_index", index(embed=embed))
    monkeypatch.setattr(PgVectorTable, "find", lambda self, question, k: [GivenPassage(text=f"{self.connection} {k}")])
    assert found(folder, "our_pgvector") == ["dbname=app user=reader 5"]
