"""Nobody is ever given a passage that is not for them, and deny is the default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.knowledge import Filter, KnowledgeBase, Mode
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords

GROUPS = ("hr", "legal", "it's", "ops")
ALLOWED = {"open": (), "hr": ("hr",), "both": ("hr", "legal"), "odd": ("it's",), "ops": ("ops",), "free": ()}


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    base = KnowledgeBase(tmp_path_factory.mktemp("access"), HashedWords())
    base.sync_documents(
        Document(id=id_, title=id_, text=f"The {id_} safe holds the list. " * 40, source=id_, groups=groups)
        for id_, groups in ALLOWED.items()
    )
    return base


@settings(max_examples=40)
@given(
    caller=st.frozensets(st.sampled_from([*GROUPS, "strangers", "HR", ""])),
    mode=st.sampled_from(["dense", "lexical", "hybrid"]),
    asked=st.sampled_from(list(ALLOWED)),
    only=st.none() | st.lists(st.sampled_from(list(ALLOWED)), max_size=3),
)
def test_a_caller_finds_all_that_is_for_them_and_nothing_else(
    knowledge: KnowledgeBase, caller: frozenset[str], mode: Mode, asked: str, only: list[str] | None
) -> None:
    hits = knowledge.search(f"{asked} safe list", 99, mode, within=Filter(groups=caller), documents=only)
    mine = {id_ for id_, groups in ALLOWED.items() if not groups or caller & set(groups)}
    assert {hit.passage.document for hit in hits} == (mine if only is None else mine & set(only))


def test_who_does_not_say_who_they_are_sees_what_everyone_may(knowledge: KnowledgeBase) -> None:
    assert {hit.passage.document for hit in knowledge.search("safe", 99)} == {"open", "free"}


def test_groups_of_a_row_reach_the_index_and_can_change(tmp_path: Path) -> None:
    def write(groups: list[str]) -> None:
        row = {"id": "salaries", "text": "The salary list is in the blue safe.", "groups": groups}
        (tmp_path / "documents.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")

    embedding = HashedWords()
    knowledge = KnowledgeBase(tmp_path / "index", embedding)
    write(["hr"])
    assert knowledge.sync(["documents.jsonl"], tmp_path).added == 1
    assert knowledge.search("salary list") == []
    assert len(knowledge.search("salary list", within=Filter(groups=frozenset({"hr"})))) == 1
    embedded = embedding.embedded
    write(["board"])
    assert knowledge.sync(["documents.jsonl"], tmp_path).changed == 1
    assert embedding.embedded == embedded, "a change of groups embeds nothing"
    assert knowledge.search("salary list", within=Filter(groups=frozenset({"hr"}))) == []
    assert len(knowledge.search("salary list", within=Filter(groups=frozenset({"board"})))) == 1


def test_an_older_version_does_not_tell_what_was_restricted_since(tmp_path: Path) -> None:
    def documents(*groups: str) -> list[Document]:
        return [
            Document(id="salaries", title="", text="The salary list is in the blue safe.", source="a", groups=groups),
            Document(id="gates", title="", text="The gate list is in the red safe.", source="b"),
            Document(id="bells", title="", text="The bell list is in the green safe.", source="c"),
        ]

    knowledge = KnowledgeBase(tmp_path, HashedWords())
    knowledge.sync_documents(documents())
    older = knowledge.version
    knowledge.sync_documents(documents("hr")[:2])

    def found(*groups: str) -> set[str]:
        hits = knowledge.search("safe list", 9, within=Filter(groups=frozenset(groups)), at=older)
        return {hit.passage.document for hit in hits}

    assert found() == {"gates", "bells"}, "what is gone since is found, what is restricted since is not"
    assert found("hr") == {"salaries", "gates", "bells"}


def test_metadata_narrows_a_search(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    knowledge.sync_documents(
        Document(id=id_, title="", text="The gate closes at eight.", source=id_, metadata=metadata)
        for id_, metadata in {"a": {"year": "2024", "kind": "o'clock"}, "b": {"year": "2025"}, "c": {}}.items()
    )

    def found(**metadata: str) -> list[str]:
        return sorted(hit.passage.document for hit in knowledge.search("gate", within=Filter(metadata=metadata)))

    assert found() == ["a", "b", "c"]
    assert found(year="2025") == ["b"]
    assert found(year="2024", kind="o'clock") == ["a"]
    assert found(year="2025", kind="o'clock") == []
