"""Retrievers of others under the contract of ours, each over its own real library."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import ProjectError
from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document, Query
from groundtune.systems import KnowledgeRetriever, Retriever
from groundtune.systems.origins import Origins
from groundtune.systems.others import OthersRetriever, adapt_retriever, load_retriever
from groundtune.systems.stores import PgVectorTable, QdrantCollection
from groundtune.testing.embedding import HashedWords
from groundtune.testing.retriever_contract import DOCUMENTS, RetrieverContract

EMBEDDING = HashedWords(64)


def embed(text: str) -> list[float]:
    return [float(number) for number in EMBEDDING.embed([text])[0]]


def ranked(documents: Sequence[Document], question: str) -> list[Document]:
    words = set(question.lower().split())
    return sorted(documents, key=lambda d: -len(words & set(d.text.lower().replace(".", "").split())))


class Contract(RetrieverContract):
    """Adapts what `thing` makes over the documents."""

    knowledge: KnowledgeBase

    @pytest.fixture(autouse=True)
    def _with_knowledge(self, knowledge: KnowledgeBase) -> None:
        self.knowledge = knowledge

    def thing(self, documents: Sequence[Document], passages: int) -> object:
        raise NotImplementedError

    def make(self, documents: Sequence[Document], passages: int) -> Retriever:
        thing = self.thing(documents, passages)
        return adapt_retriever(thing, "theirs", passages=passages, origins=Origins(self.knowledge))


class TestKnowledgeBase(Contract):
    def make(self, documents: Sequence[Document], passages: int) -> Retriever:
        return KnowledgeRetriever(self.knowledge, passages)


class TestFunctionThatGivesStrings(Contract):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        return lambda question: [document.text for document in ranked(documents, question)]


class TestFunctionThatGivesMappings(Contract):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        return lambda question: (
            {"text": d.text, "source": f"/srv/app/{d.source}", "score": 0.5} for d in ranked(documents, question)
        )


class TestLangChain(Contract):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        store = pytest.importorskip("langchain_core.vectorstores").InMemoryVectorStore(langchain_embedding())
        theirs = pytest.importorskip("langchain_core.documents").Document
        store.add_documents([theirs(page_content=d.text, metadata={"source": d.source}) for d in documents])
        return store.as_retriever(search_kwargs={"k": passages + 2})


class TestLangChainStore(TestLangChain):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        retriever: Any = super().thing(documents, passages)
        return retriever.vectorstore


@pytest.mark.filterwarnings("ignore:.langchain-community. is being sunset:DeprecationWarning")
class TestLlamaIndex(Contract):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        core = pytest.importorskip("llama_index.core")
        schema = pytest.importorskip("llama_index.core.schema")
        nodes = [schema.TextNode(text=d.text, id_=d.id, metadata={"file_path": d.source}) for d in documents]
        index = core.VectorStoreIndex(nodes, embed_model=llamaindex_embedding())
        return index.as_retriever(similarity_top_k=passages + 2)


class TestChroma(Contract):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        chromadb = pytest.importorskip("chromadb")
        settings = pytest.importorskip("chromadb.config").Settings(anonymized_telemetry=False)
        client = chromadb.EphemeralClient(settings=settings)
        collection = client.create_collection(
            uuid.uuid4().hex, embedding_function=chroma_embedding(), metadata={"hnsw:space": "cosine"}
        )
        collection.add(
            ids=[d.id for d in documents],
            documents=[d.text for d in documents],
            metadatas=[{"source": d.source} for d in documents],
        )
        return collection


class TestQdrant(Contract):
    def thing(self, documents: Sequence[Document], passages: int) -> object:
        qdrant = pytest.importorskip("qdrant_client")
        models = qdrant.models
        client = qdrant.QdrantClient(":memory:")
        client.create_collection("bank", models.VectorParams(size=64, distance=models.Distance.COSINE))
        points = [
            models.PointStruct(id=n, vector=embed(d.text), payload={"text": d.text, "source": d.source})
            for n, d in enumerate(documents)
        ]
        client.upsert("bank", points)
        return QdrantCollection(client=client, collection="bank", embed=embed)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """Opens connections to a real PostgreSQL with pgvector on a socket of its own."""
    pgserver = pytest.importorskip("pgserver")
    pg8000 = pytest.importorskip("pg8000.dbapi")
    with ExitStack() as opened:
        server = opened.enter_context(pgserver.get_server(tmp_path_factory.mktemp("postgres")))
        socket = Path(server.get_uri().rpartition("host=")[2]) / ".s.PGSQL.5432"
        yield lambda: opened.enter_context(closing(pg8000.connect("postgres", unix_sock=str(socket))))


@pytest.mark.slow
class TestPgVector(Contract):
    connect: Callable[[], Any]

    @pytest.fixture(autouse=True)
    def _with_postgres(self, postgres: Callable[[], Any]) -> None:
        self.connect = postgres

    def thing(self, documents: Sequence[Document], passages: int) -> object:
        connection = self.connect()
        cursor = connection.cursor()
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute('DROP TABLE IF EXISTS "a ""b"""')
        cursor.execute('CREATE TABLE "a ""b""" (id text, text text, embedding vector(64), "From" text)')
        for d in documents:
            row = (d.id, d.text, str(embed(d.text)), d.source)
            cursor.execute('INSERT INTO "a ""b""" VALUES (%s, %s, CAST(%s AS vector), %s)', row)
        connection.commit()
        return PgVectorTable(connection=connection, table='public.a "b"', embed=embed, source="From")

    def test_no_transaction_stays_open_even_after_a_failure(self) -> None:
        table = self.thing(DOCUMENTS, 1)
        assert isinstance(table, PgVectorTable)
        wrong = PgVectorTable(connection=table.connection, table="no_such", embed=embed)
        retriever = adapt_retriever(wrong, "wrong", passages=1, origins=Origins())
        with pytest.raises(ProjectError, match="no_such"):
            retriever.retrieve(Query(id="q", question="fees"))
        assert len(table.find("stolen card", 1)) == 1
        cursor = self.connect().cursor()
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
        assert cursor.fetchone() == [0]


def langchain_embedding() -> Any:
    embeddings = pytest.importorskip("langchain_core.embeddings")

    class Hashed(embeddings.Embeddings):  # type: ignore[name-defined,misc]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [embed(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return embed(text)

    return Hashed()


def llamaindex_embedding() -> Any:
    base = pytest.importorskip("llama_index.core.embeddings")

    class Hashed(base.BaseEmbedding):  # type: ignore[name-defined,misc]
        def _get_text_embedding(self, text: str) -> list[float]:
            return embed(text)

        def _get_query_embedding(self, query: str) -> list[float]:
            return embed(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return embed(query)

    return Hashed()


def chroma_embedding() -> Any:
    chromadb = pytest.importorskip("chromadb")

    class Hashed(chromadb.EmbeddingFunction):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            pass

        def __call__(self, input: list[str]) -> Any:
            return list(EMBEDDING.embed(input))

        @staticmethod
        def name() -> str:
            return "hashed"

        def get_config(self) -> dict[str, Any]:
            return {}

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Any:
            return Hashed()

    return Hashed()


def module(folder: Path, text: str) -> str:
    name = f"theirs_{uuid.uuid4().hex}"
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return name


def load(folder: Path, text: str, name: str) -> OthersRetriever:
    return load_retriever(f"{module(folder, text)}:{name}", folder, passages=2, origins=Origins())


@pytest.mark.parametrize(
    "text",
    [
        "def find(question): return ['one', 'two', 'three']",
        "def find(): return lambda question: ['one', 'two', 'three']",
        "class find:\n    def __call__(self, question): return ['one', 'two', 'three']",
        "class Find:\n    def __call__(self, question): return ['one', 'two', 'three']\nfind = Find()",
        "import functools\nfind = functools.partial(lambda k, question: ['one', 'two', 'three'][:k], 3)",
    ],
)
def test_a_name_stands_for_a_retriever_or_for_what_makes_one(tmp_path: Path, text: str) -> None:
    hits = load(tmp_path, text, "find").retrieve(Query(id="q", question="?"))
    assert [hit.passage.text for hit in hits] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("find = 3", "is a int ('3'), which is no retriever. One is a function from a question to passages"),
        ("def find(): raise OSError('no index')", "making the retriever failed with OSError: no index"),
        ("def find(): return None", "is nothing (None), which is no retriever"),
    ],
)
def test_what_is_no_retriever_is_refused_at_once(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        load(tmp_path, text, "find")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('gone')", "failed with KeyError: 'gone'"),
        ("return 'one'", "gave a str ('one') where a list of passages is needed"),
        ("return None", "gave nothing (None) where a list of passages is needed"),
        ("return [{'content': 'one'}]", "passage 1 is wrong"),
        ("return ['one', 2]", "passage 2 is a int ('2'). A passage is a string, a mapping with the key 'text'"),
        ("return [{'text': 'a', 'start': -1}]", "start: input should be greater than or equal to 0, given '-1'"),
    ],
)
def test_foreign_faults_are_told_with_what_was_got_and_what_is_allowed(tmp_path: Path, body: str, said: str) -> None:
    retriever = load(tmp_path, f"def find(question):\n    {body}", "find")
    with pytest.raises(ProjectError) as refused:
        retriever.retrieve(Query(id="q", question="?"))
    assert said in str(refused.value)


def test_none_of_the_libraries_is_imported_to_adapt_a_function() -> None:
    program = (
        "import sys\n"
        "from groundtune.systems.origins import Origins\n"
        "from groundtune.systems.others import adapt_retriever\n"
        "from groundtune.records import Query\n"
        "theirs = adapt_retriever(lambda q: ['x'], 'f', passages=1, origins=Origins())\n"
        "found = theirs.retrieve(Query(id='q', question='q'))\n"
        "assert found[0].passage.text == 'x'\n"
        "heavy = {'torch', 'chromadb', 'qdrant_client', 'langchain_core', 'llama_index', 'dspy', 'lancedb'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
