"""A whole project whose model is tuned at a provider: quote, job, examination, and the four systems measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune import Project
from groundtune.cli import run
from groundtune.models.openai.endpoint import Endpoint
from groundtune.testing.fine_tuning_api import BASE, FineTuningApi
from groundtune.training.hosted import tuning as module

from .conftest import SECRET

LABELS = ("red", "green", "blue")


def knows_colours_once_tuned(model: str, turns: object) -> str:
    question = str(turns[-1]["content"])  # type: ignore[index]
    named = [label for label in LABELS if f"thing {label}" in question]
    return named[-1] if model != BASE and named else "red"


def rows(path: Path, made: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, endpoint: Endpoint) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "groundtune.toml").write_text(
        f'[project]\nname = "desk"\ntask = "classify"\nlabels = {json.dumps(LABELS)}\n'
        f'[model]\nprovider = "openai"\nname = "{BASE}"\nbase_url = "{endpoint.base_url}"\nkey = "DESK_KEY"\n'
        "[training]\nprice_usd_per_million = 3.0\n[knowledge]\nsources = []\n"
    )
    asked = [f"What colour is thing {LABELS[i % 3]} number {i} at stall {i * 7 % 31}?" for i in range(60)]
    turns = [[("user", text), ("assistant", LABELS[i % 3])] for i, text in enumerate(asked)]
    rows(
        folder / "examples.jsonl",
        [{"messages": [{"role": role, "content": content} for role, content in pair]} for pair in turns],
    )
    queries = [f"Tell me the colour of thing {LABELS[i % 3]} seen on day {i + 100}." for i in range(30)]
    rows(
        folder / "queries.jsonl",
        [{"id": f"q{i}", "question": text, "answers": [LABELS[i % 3]]} for i, text in enumerate(queries)],
    )
    return folder


@pytest.mark.slow
def test_a_job_is_cancelled_from_the_command_line(
    project: Path, api: FineTuningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.HostedTuning, "_followed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Project.open(project, confirm=lambda question: True).tune()
    assert api.jobs["ftjob-0001"].answer["status"] not in ("cancelled", "succeeded")
    assert run(["tune", "--cancel", "--json", "--project", str(project)]) == 0
    assert json.loads(capsys.readouterr().out) == {"cancelled": ["ftjob-0001"]}
    assert api.jobs["ftjob-0001"].answer["status"] == "cancelled"


@pytest.mark.slow
def test_the_four_systems_with_a_model_tuned_at_a_provider(
    project: Path, api: FineTuningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY_SECONDS", 0.0)
    api.say = knows_colours_once_tuned
    asked: list[str] = []

    def yes(question: str) -> bool:
        assert not api.files, "asked before anything is sent"
        asked.append(question)
        return True

    opened = Project.open(project, confirm=yes)
    (report,) = opened.tune()
    assert report.checkpoint.startswith("hosted-")
    assert "$3.0 for a million tokens" in asked[0]
    assert report.cost_usd == pytest.approx(3e-6 * api.jobs["ftjob-0001"].answer["trained_tokens"])
    systems = opened.experiment().result.systems
    assert systems["tuned"].score == 1.0
    assert systems["prompt"].score is not None
    assert systems["prompt"].score < 0.6
    opened.tune()
    assert len(api.jobs) == 1
    written = [path.read_bytes() for path in project.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not any(SECRET.encode() in content for content in written)
