"""docs/models.md: whatever a reader copies from it is accepted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from groundtune.cli import cli
from groundtune.models.openai.endpoint import OPENAI, Endpoint
from groundtune.settings import Settings, parse_settings

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def settings_of(snippet: str) -> Settings:
    return parse_settings(f'[project]\nname = "desk"\n\n{snippet}')


@pytest.mark.parametrize("snippet", blocks("toml"))
def test_every_snippet_is_a_valid_project(snippet: str) -> None:
    settings = settings_of(snippet)
    for place in (settings.model, settings.model.embedding):
        if place.provider == "openai":
            endpoint = Endpoint(base_url=place.base_url, key=place.key)
            assert endpoint.is_local or endpoint.url.startswith("https://"), "a key is never sent in the clear"
            assert bool(place.key) != endpoint.is_local, "a server of your own gets no key, a service one"
            assert re.fullmatch(r"[A-Z_]*", place.key), "the name of a variable, not a key"
            assert endpoint.url == OPENAI or re.search(r"/(v1|openai)$", endpoint.url)


SECTIONS = """
OpenAI, Azure, Anthropic, Google, Gateways, vLLM, Ollama, llama.cpp, LM Studio, TGI, transformers serve, Local weights,
Embeddings, Prices, Tuning at a provider, Tuning on this machine, A model that is tuned already, A system of your own
"""


@pytest.mark.parametrize("section", re.split(r",\s+", SECTIONS.strip()))
def test_each_way_has_a_section_with_a_snippet(section: str) -> None:
    found = re.search(rf"^##+ {re.escape(section)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    assert "```toml" in found[1]


def test_every_command_is_one_of_the_program() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("groundtune ")]
    assert len(lines) >= 3
    for line in lines:
        name, *arguments = shlex.split(line)[1:]
        with click.Context(cli) as outer:  # its ways to ask for help are the commands' too
            outer.help_option_names = ["-h", "--help"]
            assert cli.commands[name].make_context(name, arguments, parent=outer).args == []


def test_every_setting_and_message_that_the_text_names_exists() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("src/**/*.py"))
    shown = re.findall(r"^\| ([a-z][\w ()]+?) \| [A-Z`]", PAGE.split("## When something is refused")[1], re.MULTILINE)
    assert len(shown) == 6
    for message in shown:
        assert message in source, message
