"""What works with the light install: everything but training, and no torch is ever imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from groundtune.cli import run

WITHOUT_TORCH = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "sentence_transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
from groundtune.cli import run
code = run(sys.argv[1:])
sys.exit(code)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light") / "mine"
    assert run(["init", str(folder)]) == 0
    return folder


def light(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_sync_search_and_ask_need_no_torch(project: Path) -> None:
    synced = light("sync", "--project", str(project))
    assert synced.returncode == 0, synced.stderr
    assert "2 added" in synced.stdout
    found = light("search", "what without a receipt", "--project", str(project))
    assert "returns.md" in found.stdout.splitlines()[0]
    asked = light("ask", "How long do I have to return an article?", "--system", "rag", "--project", str(project))
    assert asked.returncode == 0, asked.stderr
    assert "30 days" in asked.stdout


def test_tuning_without_the_extra_says_which_to_install(project: Path) -> None:
    refused = light("tune", "--force", "--project", str(project))
    assert refused.returncode == 1
    assert "pip install 'groundtune[train]'" in refused.stderr
    assert "Traceback" not in refused.stderr
