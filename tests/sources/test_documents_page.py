"""The page on documents says what the program does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from groundtune.settings import parse_settings
from groundtune.sources import FORMATS
from groundtune.sources.data import LANGUAGES
from groundtune.sources.failure import Kind

PAGE = (Path(__file__).parents[2] / "docs" / "documents.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> str:
    """The first column of the first table below a heading."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE))


def test_every_format_is_listed_and_no_other() -> None:
    listed = set(re.findall(r"`(\.[\w.]+)`", first_cells("Formats")))
    assert listed - set(LANGUAGES) == set(FORMATS) - set(LANGUAGES)
    assert listed <= set(FORMATS)


def test_every_kind_of_failure_is_listed() -> None:
    assert set(re.findall(r"`(\w+)`", first_cells("What cannot be read"))) == set(get_args(Kind))


def test_the_examples_are_settings() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        parse_settings(f'[project]\nname = "a"\n{example}')
