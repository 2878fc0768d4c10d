"""What is found small reaches a writing model with its section, and what it quotes is cited exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtune.project import Project
from groundtune.testing.endpoint import ScriptedEndpoint, Turns
from groundtune.testing.serving import running

FILLER = "The vestibule is swept each morning before the doors are opened to the public of the town. " * 3
GATE = f"## Gate\n\nThe gate closes at eight.\n\n{FILLER}\n\nThe key hangs in the lodge."
MANUAL = f"# House\n\n{FILLER}\n\n{GATE}\n\n# Dogs\n\n{FILLER * 3}\n"
SETTINGS = """\
[project]
name = "house"
[model]
provider = "openai"
name = "base"
base_url = "{url}"
key = ""
[knowledge]
passage_tokens = 32
passages = 1
{context}
"""


def say(turns: Turns) -> str:
    asked = str(turns[-1]["content"])
    key = "The key hangs in the lodge."
    return f'In the lodge.\n[S1] "{key}"' if key in asked else "NOT IN THE SOURCES"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, ScriptedEndpoint]]:
    endpoint = ScriptedEndpoint(say, models=("base",))
    with running(endpoint.app()) as address:
        yield f"{address}/v1", endpoint


def opened(folder: Path, url: str, context: str = "") -> Project:
    (folder / "docs").mkdir()
    (folder / "docs" / "house.md").write_text(MANUAL, "utf-8")
    (folder / "groundtune.toml").write_text(SETTINGS.format(url=url, context=context), "utf-8")
    project = Project.open(folder)
    project.sync()
    return project


def test_a_writing_model_is_given_the_section_around_a_passage(
    tmp_path: Path, server: tuple[str, ScriptedEndpoint]
) -> None:
    url, endpoint = server
    answer = opened(tmp_path, url).ask("When does the gate close at eight?")
    (hit,) = answer.hits
    assert hit.passage.text == MANUAL.strip()
    (citation,) = answer.citations
    assert MANUAL[citation.start : citation.end] == citation.quote == "The key hangs in the lodge."
    assert "The key hangs in the lodge." in str(endpoint.asked[-1]["messages"][-1]["content"])


@pytest.mark.parametrize(("tokens", "gives"), [(0, "The gate closes at eight."), (130, "The key hangs in the lodge.")])
def test_the_budget_can_be_set(tmp_path: Path, server: tuple[str, ScriptedEndpoint], tokens: int, gives: str) -> None:
    answer = opened(tmp_path, server[0], f"context_tokens = {tokens}").ask("When does the gate close at eight?")
    (hit,) = answer.hits
    assert gives in hit.passage.text
    assert ("The key hangs in the lodge." in hit.passage.text) is (tokens > 0)
    assert "# Dogs" not in hit.passage.text
    assert answer.abstained is (tokens == 0)
