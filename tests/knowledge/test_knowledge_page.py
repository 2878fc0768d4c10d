"""The settings that docs/knowledge.md shows are settings, and its rules do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groundtune.knowledge import AccessRules
from groundtune.records import Document
from groundtune.settings import parse_settings

PAGE = (Path(__file__).parents[2] / "docs" / "knowledge.md").read_text(encoding="utf-8")
SHOWN = [
    parse_settings(f'[project]\nname = "p"\ninstruction = "i"\n{block}').knowledge
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
]


def test_the_shown_settings_can_be_read() -> None:
    assert [settings.store for settings in SHOWN] == ["embedded", "postgres"]


@pytest.mark.parametrize(
    ("source", "own", "expected"),
    [
        ("docs/guide.md", (), ("staff",)),
        ("docs/hr/salaries/2025.md", (), ("hr",)),
        ("docs/hr/holidays.md", (), ()),
        ("documents.jsonl", (), ()),
        ("docs/guide.md", ("board",), ("board",)),
    ],
)
def test_the_last_glob_that_matches_decides(source: str, own: tuple[str, ...], expected: tuple[str, ...]) -> None:
    document = Document(id="d", title="", text="t", source=source, groups=own)
    assert AccessRules(SHOWN[0].groups).applied(document).groups == expected
