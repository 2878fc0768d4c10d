"""The examples of docs/economics.md run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from groundtune.settings import parse_settings

PAGE = Path(__file__).parents[2] / "docs" / "economics.md"


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_the_settings_are_settings() -> None:
    settings = parse_settings('[project]\nname = "desk"\n' + block("toml"))
    assert settings.economics.peak_factor == 8
    assert settings.constraints.queries_per_month == 200_000


@pytest.mark.slow
def test_the_program_prints_break_evens_and_a_chance() -> None:
    ran = subprocess.run([sys.executable, "-c", block("python")], capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert len(lines) == 13
    assert any("is cheaper than" in line for line in lines[:12])
    assert 0 <= float(lines[12]) <= 1
