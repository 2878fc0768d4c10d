from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "economics-numbers.md", "guide.md", "settings.md"])
def test_the_generated_pages_are_what_the_program_says(name: str) -> None:
    page = generator().PAGES[name]()
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page, "stale: run make docs"


def test_every_key_of_the_settings_has_a_meaning() -> None:
    rows = re.findall(r"^\| `\w+` \| (.*?) \|", generator().settings_page(), re.MULTILINE)
    assert len(rows) > 25
    assert all(len(meaning) > 10 for meaning in rows)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 5
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"


def text_of(name: str) -> str:
    """The text of a file; samples of other encodings are no reason to stop."""
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def test_the_repository_speaks_of_the_product_alone() -> None:
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    named = [
        name for name in listed if (ROOT / name).suffix in {".py", ".md", ".toml", ".html"} and "samples" not in name
    ]
    machine_path = re.compile(r"(?<![\w.])/" + "(?:work|farm)/")
    assert len(named) > 50
    assert [name for name in named if machine_path.search(text_of(name))] == []
