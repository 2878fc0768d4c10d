"""docs/guide.md: every example runs and comes out as the page says; the figures are those of the demo's page."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from groundtune.advice import advise, parse_answers
from groundtune.advice.rules import load_rules
from groundtune.cli import run

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "guide.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, str] = dict(re.findall(r"^```toml (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SAID: list[tuple[str, str]] = re.findall(
    r"^```toml (\S+)\n[^`]*^```\n\n(?:`groundtune advise` )?forecasts \*\*(\w+)\*\*", PAGE, re.MULTILINE
)
"""Examples with the forecast that the text after them gives."""


def test_the_page_has_an_example_of_every_outcome() -> None:
    assert {outcome for _, outcome in SAID} == {"prompt", "rag", "tuned", "tuned_rag", "none"}
    demos = {"product-docs", "bank-intents", "pep-facts", "help-desk"}
    assert {name for name, _ in SAID} | demos == EXAMPLES.keys()


@pytest.mark.parametrize(("name", "outcome"), SAID)
def test_each_example_comes_out_as_the_page_says(name: str, outcome: str) -> None:
    assert (advise(parse_answers(EXAMPLES[name])).recommendation or "none") == outcome


def test_what_the_page_says_about_single_examples_holds() -> None:
    impossible = advise(parse_answers(EXAMPLES["impossible"]))
    ways = [way.does for conflict, _ in impossible.conflicts for way in conflict.ways_out]
    assert any("Stream: show the retrieved context first" in way for way in ways)
    few = {conflict.id for conflict, _ in advise(parse_answers(EXAMPLES["too-few"])).conflicts}
    assert "behaviour-without-labels" in few
    assert advise(parse_answers(EXAMPLES["half"])).firmness != "firm"


def test_every_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    lines = re.findall(r"^groundtune (.+)$", PAGE, re.MULTILINE)
    assert len(lines) >= 2
    for line in lines:
        assert run(shlex.split(line)) == 0, line
        if "--json" in line:
            assert json.loads(capsys.readouterr().out)["recommendation"] == "rag"
    assert (tmp_path / "forecast.html").exists()
    assert run(["advise", "--answers", "impossible.toml"]) == 3


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(example, "guide.md", "exec"), {})  # noqa: S102 - the page's own example
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("rag ")
    assert len(lines) > 1, "what would change it"


def test_the_sources_are_those_of_the_rules() -> None:
    shown = dict(re.findall(r"^\| (S\d) \| (.*?) \|$", PAGE, re.MULTILINE))
    known = {label: what.removeprefix("reference article: ") for label, what in load_rules().sources.items()}
    known.pop("S")
    assert shown == known
    assert set(re.findall(r"S\d", PAGE)) <= known.keys()


def test_published_results_name_where_they_are_from() -> None:
    assert len(re.findall(r"\]\(https://(?:arxiv\.org|github\.com|www\.databricks\.com)", PAGE)) >= 8
