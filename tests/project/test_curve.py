"""`tune --curve`: nested shares, scored on dev, kept one by one, and an answer as a range."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from groundtune.cli import run
from groundtune.errors import GateClosed
from groundtune.project import curve
from groundtune.project.recipes import Bench, Made
from groundtune.project.workspace import Workspace
from groundtune.records import Prompt, Reply
from groundtune.training.learning_curve import Measurement

LABELS = ("card", "transfer")


@dataclass
class Learned:
    """Knows the label of as many dev questions as it had examples, of a hundred."""

    examples: int
    name: str = "learned"

    def reply(self, prompt: Prompt) -> Reply:
        number = int(prompt.question.rsplit(" ", 1)[-1])
        right, wrong = (LABELS[number % 2], LABELS[1 - number % 2])
        text = right if (number * 37) % 100 < 50 + self.examples / 4 else wrong
        return Reply(text=text, reason=None, quotes=(), confidence=None, usage=None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    examples = [
        {
            "messages": [
                {"role": "user", "content": f"case {word} of {n}"},
                {"role": "assistant", "content": LABELS[n % 2]},
            ]
        }
        for n, word in enumerate(str(number) * 3 for number in range(120))
    ]
    queries = [
        {
            "id": str(n),
            "question": f"what about number {n}",
            "answers": [LABELS[n % 2]],
            "split": "dev" if n < 80 else "test",
        }
        for n in range(100)
    ]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, examples)), "utf-8")
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)), "utf-8")
    settings = '[project]\nname = "bank"\ntask = "classify"\n[knowledge]\nsources = []\n'
    (tmp_path / "groundtune.toml").write_text(settings, "utf-8")
    monkeypatch.setattr(curve, "RECIPES", {"chooser": train})
    monkeypatch.setattr(curve, "tuned_at", lambda _, folder: Learned(int((folder / "count").read_text("utf-8"))))
    return tmp_path


trained: list[int] = []


def train(bench: Bench) -> Made:
    if len(bench.cases) < 20:
        raise GateClosed("too few")
    trained.append(len(bench.cases))
    (bench.made / "count").write_text(str(len(bench.cases)), "utf-8")
    metrics: Mapping[str, float | None] = {}
    return Made(metrics=metrics, base="b")


def test_the_curve_is_measured_kept_and_told(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.clear()
    keep = curve._Curve.keep

    def killed(self: curve._Curve, measurement: Measurement) -> None:
        keep(self, measurement)
        if len(trained) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(curve._Curve, "keep", killed)
    assert run(["tune", "--curve", "--project", str(project)]) == 130
    monkeypatch.setattr(curve._Curve, "keep", keep)
    capsys.readouterr()
    assert run(["tune", "--curve", "--target", "0.95", "--project", str(project), "--json"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    assert trained == sorted(trained)
    assert len(trained) == 6  # of eight, two were too small, and none was made twice
    sizes = {point["examples"] for point in drawn["measurements"]}
    assert sizes == {15, 30, 60, 120}
    assert [point["note"] for point in drawn["measurements"] if point["score"] is None] == ["too few"] * 2
    scores = [point["score"] for point in drawn["measurements"] if point["score"] is not None]
    assert scores == sorted(scores)
    assert drawn["needed"] is not None
    assert drawn["says"]
    models = Workspace(project).home / "models"
    assert not [path for path in models.iterdir() if path.name.startswith(".making")]


def test_a_paid_provider_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = (project / "groundtune.toml").read_text("utf-8")
    (project / "groundtune.toml").write_text(f'{settings}[model]\nprovider = "openai"\nname = "m"\n', "utf-8")
    assert run(["tune", "--curve", "--project", str(project)]) == 3
    assert "paid job" in capsys.readouterr().err
