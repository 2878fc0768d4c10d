"""Every version of the knowledge has a name by its content, and can be searched again while it is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import lancedb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ProjectError
from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.lance import upkeep
from groundtune.knowledge.versions import Tally
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords

CONTENTS = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=6)


@given(before=CONTENTS, after=CONTENTS, order=st.randoms())
def test_a_name_depends_on_the_content_alone(before: dict[str, str], after: dict[str, str], order: object) -> None:
    tally = Tally(before)
    for id_ in before.keys() - after.keys():
        tally.drop(id_)
    for id_ in sorted(after, key=lambda _: order.random()):  # type: ignore[attr-defined]
        tally.put(id_, after[id_])
    assert tally.name == Tally(after).name
    assert (tally.name == Tally(before).name) == (before == after)
    assert len(tally) == len(after)


def gates(hour: str, *ids: str) -> list[Document]:
    return [Document(id=id_, title=id_, text=f"The gate closes at {hour}.", source=id_) for id_ in ids]


def said(knowledge: KnowledgeBase, at: str | None = None) -> set[tuple[str, str]]:
    return {(hit.passage.document, hit.passage.text) for hit in knowledge.search("gate closes", 9, at=at)}


def test_an_older_version_answers_as_it_did(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    first = knowledge.sync_documents(gates("eight", "a", "b")).version
    hits = knowledge.search("gate closes")
    second = knowledge.sync_documents(gates("nine", "b", "c")).version
    assert said(knowledge) == {("b", "The gate closes at nine."), ("c", "The gate closes at nine.")}
    assert knowledge.search("gate closes", at=first) == hits
    assert {hit.knowledge for hit in hits} == {first}
    assert {hit.knowledge for hit in knowledge.search("gate")} == {second} == {knowledge.version}
    assert [(version.name, version.documents) for version in knowledge.versions()] == [(second, 2), (first, 2)]
    # Another process, and the content of before: its name is the name of before.
    other = KnowledgeBase(tmp_path, HashedWords())
    assert other.sync_documents(gates("eight", "b", "a")).version == first
    assert [version.name for version in other.versions()] == [first, second]
    assert said(knowledge, at=second) == {("b", "The gate closes at nine."), ("c", "The gate closes at nine.")}


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords(), keep_versions=2)
    names = [knowledge.sync_documents(gates(hour, "a")).version for hour in ("six", "seven", "eight")]
    assert [version.name for version in knowledge.versions()] == names[:0:-1]
    assert said(knowledge, at=names[1]) == {("a", "The gate closes at seven.")}
    with pytest.raises(ProjectError, match=rf"{names[0]}.*{names[2]}, {names[1]}.*keep_versions"):
        knowledge.search("gate", at=names[0])


def test_upkeep_drops_what_nobody_reads_and_nothing_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_KEEP_OLD", timedelta())
    monkeypatch.setattr(upkeep, "_MARGIN", timedelta(milliseconds=200))
    monkeypatch.setattr(upkeep, "_SPARE_VERSIONS", 0)
    knowledge = KnowledgeBase(tmp_path, HashedWords(), keep_versions=2)
    names = []
    for hour in map(str, range(12)):
        names.append(knowledge.sync_documents(gates(hour, "a", "b")).version)
        assert {text for _, text in said(knowledge)} == {f"The gate closes at {hour}."}
        assert len(said(knowledge, at=names[-2:][0])) == 2
    (table,) = (tmp_path / "index").glob("*.lance")
    versions = lancedb.connect(table.parent).open_table(table.stem).list_versions()
    assert versions[0]["version"] > 1, "old versions pile up"


def test_a_sync_that_changes_nothing_makes_no_version(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    first = knowledge.sync_documents(gates("eight", "a"))
    state = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert knowledge.sync_documents(gates("eight", "a")).version == first.version
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == state
