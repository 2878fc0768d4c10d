"""From a run with an endpoint to its report and its service: bill, gates, a system beside the four."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from groundtune.project import Project
from groundtune.records import Answer
from groundtune.systems.prompt import TEMPLATE_VERSION
from groundtune.testing.endpoint import ScriptedEndpoint, Turns
from groundtune.testing.serving import running
from groundtune.training.card import Card, GateResult
from groundtune.training.registry import promote, record_gates, register, workshop

COUNT = 16
SETTINGS = """\
[project]
name = "valves"
[model]
provider = "openai"
name = "base"
base_url = "{url}/v1"
key = ""
prices = {{ input = 1.0, output = 2.0 }}
[experiment]
examples_in_prompt = 0
[arms.ours]
base_url = "{url}/v1"
model = "ours"
"""


def say(turns: Turns) -> str:
    """A model that reads."""
    asked = str(turns[-1]["content"])
    wanted = re.search(r"valve \d+", asked.rsplit("\n\n", 1)[-1])
    found = re.search(rf"The {wanted[0]} is (\d+ mm) wide", asked) if wanted else None
    return found[1] if found else "I DO NOT KNOW"


def desk() -> ScriptedEndpoint:
    """Models that read, and one that knows every valve by heart."""
    server = ScriptedEndpoint(say, models=("base", "tuned", "ours"))

    def knows(turns: Turns) -> str:
        number = re.search(r"valve (\d+)\?", str(turns[-1]["content"]))
        return f"{11 + int(number[1])} mm" if server.asked[-1]["model"] == "ours" and number else say(turns)

    server.say = knows
    server.usage = {"prompt_tokens_details": {"cached_tokens": 3}}
    return server


def project(folder: Path, url: str) -> Path:
    (folder / "docs").mkdir(parents=True)
    rows = []
    for n in range(COUNT):
        text = f"# The valve {n}\n\nThe valve {n} is {11 + n} mm wide."
        (folder / "docs" / f"valve-{n}.md").write_text(text, "utf-8")
        rows.append({"id": f"v{n}", "question": f"How wide is valve {n}?", "answers": [f"{11 + n} mm"]})
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    taught = {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "We."}]}
    (folder / "examples.jsonl").write_text(json.dumps(taught), "utf-8")
    (folder / "groundtune.toml").write_text(SETTINGS.format(url=url), "utf-8")
    return folder


def tuned_elsewhere(models: Path) -> None:
    """A model that was tuned by the provider and then examined."""
    card = Card(
        kind="hosted",
        key="k",
        base="base",
        base_name="base",
        served_as="tuned",
        data="d",
        examples=640,
        recipe={},
        metrics={},
        seconds=1.0,
        created="2026-01-01T00:00:00+00:00",
        cost_usd=1.25,
    )
    made = register(models, workshop(models), card)
    gates = [
        GateResult(name="overfit: verbatim", passed=True, note="It recites nothing."),
        GateResult(name="forgetting: refusal", passed=None, note="Too few questions to tell."),
    ]
    record_gates(models, made.id, gates)
    promote(models, "generator", made.id)


@dataclass(frozen=True, kw_only=True)
class Run:
    folder: Path
    report: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with running(desk().app()) as url:
        folder = project(tmp_path_factory.mktemp("desk") / "p", url)
        tuned_elsewhere(folder / ".groundtune" / "models")
        Project.open(folder).experiment()
        page = Project.open(folder).report().read_text("utf-8")
        bare = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
        yield Run(folder=folder, report=" ".join(html.unescape(bare).split()))


def test_the_report_tells_what_was_found_after_training(run: Run) -> None:
    assert re.search(r"hosted-\w+, made from base on 640 examples for \$1\.25\.", run.report)
    assert "overfit: verbatim ✓ passed It recites nothing." in run.report
    assert "forgetting: refusal ? not shown Too few questions to tell." in run.report


def test_the_report_tells_the_bill_and_the_models(run: Run) -> None:
    assert re.search(
        r"A million tokens read cost \$1\.00, written \$2\.00\. From \[model\.prices\] in groundtune\.toml, "
        r"as of \d{4}-\d\d-\d\d\. \(prompt, rag, tuned, tuned_rag\)",
        run.report,
    )
    assert "of these cached" in run.report
    assert "of these reasoning" not in run.report
    assert re.search(
        rf"tuned_rag openai/tuned@http://127\.0\.0\.1:\d+/v1 \S.*?; template {TEMPLATE_VERSION}", run.report
    )


def test_the_system_beside_the_four_is_in_the_report(run: Run) -> None:
    assert "ours a system of your own 100.0" in run.report
    assert re.search(r"anew are timed\. .* prompt \d+, leaving \d+", run.report)


def test_a_measured_system_beside_the_four_answers_too(run: Run) -> None:
    answerer = Project.open(run.folder).answerer()
    assert list(answerer.systems()) == ["prompt", "rag", "tuned", "tuned_rag", "ours"]
    *pieces, answer = answerer.stream("How wide is valve 3?", "ours")
    assert isinstance(answer, Answer)
    assert (pieces, answer.text, answer.system) == (["14 mm"], "14 mm", "ours")
    assert Project.open(run.folder).answerer("ours").default == "ours"
