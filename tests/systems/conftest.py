"""A small knowledge base over the documents of the retriever contract, without weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords
from groundtune.testing.retriever_contract import DOCUMENTS


def knowledge_of(folder: Path, documents: Sequence[Document]) -> KnowledgeBase:
    knowledge = KnowledgeBase(folder, HashedWords(64))
    knowledge.sync_documents(documents)
    return knowledge


@pytest.fixture(scope="session")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    return knowledge_of(tmp_path_factory.mktemp("knowledge"), DOCUMENTS)
