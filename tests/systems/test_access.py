"""What a model wrote for one caller is never given to another who may not see what it was written from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.models.cached import CachedChat
from groundtune.models.chat import ChatModel
from groundtune.records import Completion, Document, Evidence, Message, Query
from groundtune.storage.completions import CompletionStore
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import GoldEvidence, KnowledgeRetriever
from groundtune.systems.system import System
from groundtune.testing.embedding import HashedWords

SECRET = "The codeword of the safe is heron."


@dataclass
class Repeats:
    """Writes the whole conversation out: whatever reaches a model reaches its answer."""

    name: str = "repeats"
    context_window: int | None = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        text = "\n".join(message.content for message in messages)
        return Completion(text=text, usage=None, finished="stop", first_token_ms=None, total_ms=1.0)

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    knowledge = KnowledgeBase(tmp_path / "knowledge", HashedWords())
    knowledge.sync_documents(
        [
            Document(id="secret", title="Safe", text=SECRET, source="secret.md", groups=("staff",)),
            Document(id="open", title="Safe", text="The safe stands in the hall.", source="open.md"),
        ]
    )
    return knowledge


def test_no_cache_crosses_groups(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    template = PromptTemplate(task="answer", instruction="Answer.")
    with CompletionStore.open(tmp_path / "completions.sqlite") as store:
        model = ChatModel(CachedChat(Repeats(), store))
        system = System(id="rag", model=model, template=template, retriever=KnowledgeRetriever(knowledge, 5))
        asked = [
            system.answer(Query(id="q", question="What is the codeword of the safe?", groups=groups))
            for groups in (("staff",), (), ("sales",), ("sales", "staff"))
        ]
    assert ["heron" in answer.text for answer in asked] == [True, False, False, True]
    assert [answer.from_cache for answer in asked] == [False, False, True, True]
    assert {answer.knowledge for answer in asked} == {knowledge.version}


def test_labels_do_not_open_a_document(knowledge: KnowledgeBase) -> None:
    evidence = (Evidence(doc="secret", quote="heron"),)
    gold = GoldEvidence(knowledge, 5)
    assert gold.retrieve(Query(id="q", question="codeword", evidence=evidence)) == []
    assert len(gold.retrieve(Query(id="q", question="codeword", evidence=evidence, groups=("staff",)))) == 1
