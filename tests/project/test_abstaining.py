"""A chat model that always says something, and a project that learns on dev when not to believe it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from groundtune.project import Decision, Project
from groundtune.systems.clarifying import clarifying_question
from groundtune.systems.system import NOT_SURE
from groundtune.testing.endpoint import ScriptedEndpoint, Turns
from groundtune.testing.serving import running

pytestmark = pytest.mark.slow

VALVES = {f"valve {n}": f"{11 + n} mm" for n in range(30)}
ANIMALS = ("walrus", "heron", "otter", "badger", "lynx")
SETTINGS = """\
[project]
name = "valves"
[model]
provider = "openai"
name = "base"
base_url = "{url}/v1"
key = ""
[knowledge]
passages = 2
passage_tokens = 32
context_tokens = 0
[experiment]
examples_in_prompt = 0
[constraints]
max_wrong_rate = 0.05
"""


def say(turns: Turns) -> str:
    """Reads out the width of the valve that is asked for, else of the first thing in sight, and never gives up."""
    asked = str(turns[-1]["content"])
    wanted = re.search(r"valve \d+", asked.rsplit("\n\n", 1)[-1])
    found = re.search(rf"{wanted[0] if wanted else 'valve [0-9]+'} is (\d+ mm) wide", asked)
    return found[1] if found else "12 mm"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Decision]]:
    folder = tmp_path_factory.mktemp("valves")
    (folder / "docs").mkdir()
    sections = [f"## The {name}\n\nThe {name} is {width} wide.\n" for name, width in VALVES.items()]
    (folder / "docs" / "valves.md").write_text("# Valves\n\n" + "\n".join(sections), "utf-8")
    rows: list[dict[str, object]] = [
        {"id": name, "question": f"How wide is {name}?", "answers": [width], "split": "test" if n < 5 else "dev"}
        for n, (name, width) in enumerate(VALVES.items())
    ]
    rows += [
        {
            "id": f"{animal} {n}",
            "question": f"How heavy do grown {animal} families become within {n} winters?",
            "answerable": False,
            "split": "test" if n < 1 else "dev",
        }
        for n in range(6)
        for animal in ANIMALS
    ]
    rows = [row | {"cluster": row["id"]} for row in rows]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    taught = {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "We."}]}
    (folder / "examples.jsonl").write_text(json.dumps(taught), "utf-8")
    with running(ScriptedEndpoint(say, models=("base",), in_threads=True).app()) as url:
        (folder / "groundtune.toml").write_text(SETTINGS.format(url=url), "utf-8")
        project = Project.open(folder)
        yield project, project.experiment()


def test_dev_teaches_when_not_to_believe_the_model(measured: tuple[Project, Decision]) -> None:
    found = measured[1].to_json()["abstention"]["rag"]
    assert found["confidence"] == "sufficiency"
    assert found["model_auroc"] is None
    assert found["auroc"] > 0.9
    assert found["wrong_rate_held"] is True
    risks = {point["coverage"]: point["risk"] for point in found["risk_coverage"]["points"]}
    assert risks[1.0] == 0.5
    assert min(risks.values()) < 0.1


def test_the_threshold_holds_on_test(measured: tuple[Project, Decision]) -> None:
    rag = measured[1].result.systems["rag"]
    assert rag.wrong_rate is not None
    assert rag.wrong_rate <= 0.2
    assert rag.abstain_rate is not None
    assert 0.3 <= rag.abstain_rate <= 0.8


def test_asking_abides_by_it_and_asks_back(measured: tuple[Project, Decision]) -> None:
    known = measured[0].ask("How wide is valve 17?", system="rag")
    assert (known.text, known.abstained) == ("28 mm", False)
    assert known.confidence is not None
    unknown = measured[0].ask("How heavy do grown walrus families become within 9 winters?", system="rag")
    assert unknown.reason == NOT_SURE
    assert unknown.confidence is not None
    assert unknown.confidence < known.confidence
    assert "valves" in (clarifying_question(unknown) or "").casefold()
