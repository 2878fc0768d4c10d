"""Real files that are hard to read: each ends as its manifest says, and what must be found is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.sources import Reader, Rules
from groundtune.testing.awkward import Outcome, outcomes_of
from groundtune.testing.embedding import HashedWords

AWKWARD = Path(__file__).parent.parent / "data" / "awkward"


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    """Filled by the first test that asks for `outcomes`."""
    return KnowledgeBase(tmp_path_factory.mktemp("knowledge"), HashedWords())


@pytest.fixture(scope="module", autouse=True)
def outcomes(knowledge: KnowledgeBase) -> list[Outcome]:
    """What became of all files of the collection, without passwords and without tesseract."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        return list(outcomes_of(AWKWARD, knowledge))


def text_of(knowledge: KnowledgeBase, name: str) -> str:
    document = knowledge.document(name)
    assert document is not None
    return document.text


def test_every_file_ends_as_its_manifest_says(outcomes: list[Outcome]) -> None:
    assert len(outcomes) == 71
    assert [outcome for outcome in outcomes if not outcome.right] == []


def test_a_password_opens_what_it_fits(tmp_path: Path) -> None:
    reports = {}
    for passwords in ((), ("wrong",), ("wrong", "password")):
        base = KnowledgeBase(tmp_path / str(len(passwords)), HashedWords())
        rules = Rules(reader=Reader(passwords=passwords))
        reports[passwords] = base.sync(["files/password*"], AWKWARD, rules=rules).failed
        assert (base.document("password.pdf") is not None) == ("password" in passwords)
    assert [len(failed) for failed in reports.values()] == [2, 2, 1]
    assert {failure.kind for failed in reports.values() for failure in failed} == {"encrypted"}
    assert "none of the 1 passwords given opens it" in reports["wrong",][0].reason
    assert "[knowledge]" in reports[()][0].hint


def test_tables_stay_tables(knowledge: KnowledgeBase) -> None:
    assert "| Red | Green | Blue |" in text_of(knowledge, "fake-power-point-table.pptx")
    assert "| Time | 1pm | 2pm | 3pm |" in text_of(knowledge, "fake.odt")
    assert "| Year | Freshwater Ducks |\n| --- | --- |\n| 2019 | 120 |" in text_of(knowledge, "legacy_sample.xls")
    assert "| 佐藤太郎 | 30 | 東京 |" in text_of(knowledge, "test_mskanji.csv")
    assert "| Breakfast options" in text_of(knowledge, "docx_checkboxes.docx")


def test_headings_and_lists_survive(knowledge: KnowledgeBase) -> None:
    assert "# PART I - DEFINITIONS\n" in text_of(knowledge, "bookmark_sample.pdf")
    assert "## 3.1 Payment Schedule\n" in text_of(knowledge, "bookmark_sample.pdf")
    assert "- Export a parsed document" in text_of(knowledge, "powerpoint_comments.pptx")
    odt = text_of(knowledge, "text_document_01.odt")
    assert "## Heading level 2: A\n" in odt
    assert "\n  - bullet list 2.1\n    - bullet list 2.2.1" in odt.replace("  - bullet list 2.2\n", "")
    assert "Lorem Ipsum is simply dummy text" in odt


def test_equations_become_their_linear_text(knowledge: KnowledgeBase) -> None:
    assert "inline equation: A=πr^{2}" in text_of(knowledge, "equations.docx")


def test_each_page_slide_and_sheet_is_known_by_its_offset(knowledge: KnowledgeBase) -> None:
    for name, first_words in {
        "bookmark_sample.pdf": ["Sample Agreement — page 1", "Sample Agreement — page 2", "Sample Agreement — page 3"],
        "powerpoint_comments.pptx": ["## Test Slide With Comments", "## Start", "## Features"],
        "xlsx_06_edge_cases_.xlsx": ["## missing_header_head", "## Attached_left", "## Diagonal"],
    }.items():
        document = knowledge.document(name)
        assert document is not None
        assert [
            document.text[start:].startswith(words) for start, words in zip(document.pages, first_words, strict=True)
        ] == [True] * 3


def test_metadata_is_kept(knowledge: KnowledgeBase) -> None:
    message = knowledge.document("mime-word-encoded-subject.eml")
    assert message is not None
    assert message.title == message.metadata["subject"]
    checkboxes = knowledge.document("docx_checkboxes.docx")
    assert checkboxes is not None
    assert (checkboxes.metadata["author"], checkboxes.metadata["created"]) == (
        "Cesar Berrospi Ramis",
        "2026-04-22T09:18:00Z",
    )


def test_a_linked_picture_is_not_fetched(knowledge: KnowledgeBase) -> None:
    assert "http" not in text_of(knowledge, "rlink.docx")


def test_a_file_that_failed_is_read_again_once_there_are_means(tmp_path: Path) -> None:
    base = KnowledgeBase(tmp_path, HashedWords())
    assert base.sync(["files/password.pdf"], AWKWARD).failed[0].kind == "encrypted"
    assert base.sync(["files/password.pdf"], AWKWARD).failed[0].kind == "encrypted"
    report = base.sync(["files/password.pdf"], AWKWARD, rules=Rules(reader=Reader(passwords=("password",))))
    assert (report.added, report.failed) == (1, ())
    assert base.sync(["files/password.pdf"], AWKWARD).unchanged == 1


def test_a_page_that_is_only_a_picture_is_read_where_tesseract_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "bin" / "tesseract"
    script.parent.mkdir()
    # It says what it was given: a grey picture of a page at 300 dots an inch, and the language.
    script.write_text('#!/bin/sh\nhead -c 15 | head -n 1\necho "Read as $4."\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    rules = Rules(reader=Reader(ocr_language="deu"))
    base = KnowledgeBase(tmp_path / "knowledge", HashedWords())
    assert base.sync(["files/table-multi-row-column-cells.pdf"], AWKWARD, rules=rules).failed == ()
    text = text_of(base, "table-multi-row-column-cells.pdf")
    assert text.startswith("P5 ")
    assert "Read as deu." in text
