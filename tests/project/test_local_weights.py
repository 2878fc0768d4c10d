"""The whole job with local weights: a tiny language model is measured, tuned by TRL, examined, and measured again."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from groundtune.cli import run
from groundtune.project import Decision, Project
from groundtune.records import SYSTEM_IDS, Message
from groundtune.testing.tiny import make_tiny_model, teach

pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SETTINGS = """\
[project]
name = "bookings"
task = "extract"
instruction = "Fill the slots."
schema = "booking.schema.json"
[model]
provider = "transformers"
name = "tiny"
max_output_tokens = 24
concurrency = 8
[knowledge]
sources = []
passages = 1
[training]
method = "full"
learning_rate = 0.003
epochs = 3
batch_size = 16
[experiment]
examples_in_prompt = 0
"""
SCHEMA = {
    "type": "object",
    "properties": {"meal": {"enum": ["breakfast", "lunch", "dinner"]}},
    "required": ["meal"],
    "additionalProperties": False,
}
FORMS = ("A table {when}, please.", "We come {when}.", "Is there room {when}?", "Seats {when}?", "We are six {when}.")
MEALS = {"breakfast": "in the morning", "lunch": "at noon", "dinner": "in the evening"}


def rows(count: int, seed: int) -> list[tuple[str, str]]:
    random = Random(seed)
    meals = random.choices(list(MEALS), weights=(1, 1, 8), k=count)  # what a model this small can learn
    return [(random.choice(FORMS).format(when=MEALS[meal]), json.dumps({"meal": meal})) for meal in meals]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bookings")
    taught, asked = rows(100, 1), rows(40, 2)
    texts = [text for pair in (*taught, *asked) for text in pair]
    make_tiny_model(folder / "tiny", [*texts, json.dumps(SCHEMA), SETTINGS], seed=3)
    hello = [Message(role="user", content="Hello."), Message(role="assistant", content="Hello. How can I help you?")]
    teach(folder / "tiny", [hello], steps=20, seed=3)
    examples = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": slots}]}
        for text, slots in taught
    ]
    queries = [
        {"id": str(n), "question": f"Hello there, and many thanks to all of you. {text}", "answers": [slots]}
        for n, (text, slots) in enumerate(asked)
    ]
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, examples)), "utf-8")
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)), "utf-8")
    (folder / "booking.schema.json").write_text(json.dumps(SCHEMA), "utf-8")
    (folder / "groundtune.toml").write_text(SETTINGS, "utf-8")
    return folder


@pytest.fixture(scope="module")
def decided(project: Path) -> Decision:
    return Project.open(project).decide(force=True)


def test_all_four_are_measured_on_the_model_that_would_be_shipped(decided: Decision) -> None:
    assert tuple(decided.result.systems) == SYSTEM_IDS
    for row in decided.result.rows:
        for name, answer in row.answers.items():
            assert answer.error is None
            assert set(json.loads(answer.text)) == {"meal"}
            assert answer.model is not None
            assert ("merged" in answer.model) == ("tuned" in name)
            assert answer.usage is not None


def test_training_teaches_what_the_prompt_cannot(decided: Decision) -> None:
    scores = {name: system.score or 0.0 for name, system in decided.result.systems.items()}
    assert scores["tuned"] > scores["prompt"] + 0.2
    assert decided.result.effects is not None
    assert decided.verdict.system in ("tuned", "tuned_rag")


def test_the_registry_tells_base_gates_and_metrics(project: Path, decided: Decision) -> None:
    assert decided
    (model,) = Project.open(project).models()
    assert (model["kind"], model["base_name"], model["used_as"]) == ("generator", "tiny", "generator")
    gates = {gate["name"] for gate in model["gates"]}
    assert {"overfit: loss gap", "dev: against base", "forgetting", "forgetting: refusal"} <= gates
    assert model["newer_base"] is None
    assert model["metrics"]["dev loss"] is not None


def test_other_weights_under_the_same_name_are_noticed(project: Path, decided: Decision) -> None:
    assert decided
    weights = project / "tiny" / "model.safetensors"
    before = weights.read_bytes()
    teach(project / "tiny", [[Message(role="user", content="Hi."), Message(role="assistant", content="Hi.")]], steps=2)
    try:
        (model,) = Project.open(project).models()
    finally:
        weights.write_bytes(before)
    assert "tiny now points to" in model["newer_base"]


def test_a_second_run_trains_and_asks_nothing(project: Path, decided: Decision) -> None:
    (report,) = Project.open(project).tune(force=True)
    assert report.reused
    assert Project.open(project).experiment().result.run == decided.result.run


def test_one_question(project: Path, decided: Decision, capsys: pytest.CaptureFixture[str]) -> None:
    assert decided
    assert run(["ask", "A table at noon, please.", "--system", "tuned", "--project", str(project), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(json.loads(said["text"])) == {"meal"}
