"""From the settings of a project to documents that can be searched, whatever lies among the sources."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from groundtune.errors import ProjectError
from groundtune.knowledge import KnowledgeBase
from groundtune.project.sources import source_rules
from groundtune.settings import KnowledgeSettings, parse_settings
from groundtune.testing.embedding import HashedWords

AWKWARD = Path(__file__).parent.parent / "data" / "awkward" / "files"


def knowledge_settings(text: str) -> KnowledgeSettings:
    return parse_settings(f'[project]\nname = "a"\n[knowledge]\n{text}').knowledge


TICKETS = '[knowledge.sql.tickets]\nurl = "TICKETS_URL"\nquery = "SELECT id, text FROM tickets"\n'


def test_secrets_come_from_the_environment_and_all_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = knowledge_settings(f'passwords = ["ONE", "TWO"]\nconvert_seconds = 7\nweb_pages = 3\n{TICKETS}')
    monkeypatch.setenv("ONE", "s3cret")
    with pytest.raises(ProjectError, match=r"environment variables TWO, TICKETS_URL, which \[knowledge\]"):
        source_rules(settings)
    monkeypatch.setenv("TWO", "")
    monkeypatch.setenv("TICKETS_URL", "sqlite:///t.db")
    rules = source_rules(settings)
    assert rules.reader.passwords == ("s3cret", "")
    assert (rules.limits.seconds, rules.web.most_pages, rules.web.private) == (7, 3, False)
    assert rules.sql["tickets"].url == "sqlite:///t.db"
    assert "s3cret" not in repr(rules)
    assert "t.db" not in repr(rules)


def test_files_archives_and_rows_are_found_by_one_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(AWKWARD / "bookmark_sample.pdf", docs)
    (docs / "hostile.docx").write_bytes(b"PK\x03\x04" + os.urandom(500))
    shutil.make_archive(str(docs / "manual"), "zip", AWKWARD, "docx-tables.docx")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("CREATE TABLE tickets (id INTEGER, text TEXT)")
        connection.execute("INSERT INTO tickets VALUES (7, 'The printer jams when it is cold.')")
    connection.close()
    monkeypatch.setenv("TICKETS_URL", f"sqlite:///{tmp_path}/t.db")
    settings = knowledge_settings(f'sources = ["docs/", "sql:tickets"]\n{TICKETS}')
    base = KnowledgeBase(tmp_path / "knowledge", HashedWords())
    report = base.sync(settings.sources, tmp_path, rules=source_rules(settings))
    assert [failure.source for failure in report.failed] == ["docs/hostile.docx"]
    found = {
        question: base.search(question, 1)[0].passage
        for question in ("printer jams", "PART III MISCELLANEOUS", "Simple uniform table")
    }
    assert [passage.source for passage in found.values()] == [
        "sql:tickets#7",
        "docs/bookmark_sample.pdf",
        "docs/manual.zip!docx-tables.docx",
    ]
    assert found["PART III MISCELLANEOUS"].page == 3
    again = base.sync(settings.sources, tmp_path, rules=source_rules(settings))
    assert (again.unchanged, again.added, again.changed, again.removed) == (3, 0, 0, 0)
