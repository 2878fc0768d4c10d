"""What a person and a program see of retrieval measured by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune.cli import run
from groundtune.experiment.retrieval.metrics import MEASURES
from groundtune.experiment.retrieval.results import Figure, Gain, Measured, RetrievalResult, Slice, SweepResult
from groundtune.experiment.statistics import Interval
from groundtune.project import Project

SURE = Figure(value=0.5, interval=Interval(0.4, 0.6), n=30)
UNKNOWN = Figure(value=None, interval=None, n=0)
GAIN = Gain(
    measure="ndcg@10", over="hybrid", value=0.1, interval=Interval(0.05, 0.15), p=0.0001, n=30, clusters=30, note=None
)
SEARCHES = {"hybrid": dict.fromkeys(MEASURES, SURE), "dense": dict.fromkeys(MEASURES, UNKNOWN)}
RESULT = RetrievalResult(
    kind="synthetic",
    queries=30,
    gone=2,
    documents=Measured(queries=30, searches=SEARCHES, gains={"dense": GAIN}),
    passages=None,
    slices=(Slice(name="type", value="what", queries=30, searches=SEARCHES),),
    milliseconds={"hybrid": (1.25, 3.5), "dense": None},
    notes=("These queries are synthetic.",),
)
SWEPT = SweepResult(
    arms=18,
    rounds=((18, 15), (6, 29)),
    changed={"knowledge.search": "lexical", "knowledge.mmr": 0.7, "model.reranker.depth": 10},
    recall_on_dev={3: 0.9, 5: 1.0},
    present=SURE,
    chosen=SURE,
    gain=GAIN,
    unit="passages",
)


@pytest.fixture(autouse=True)
def _measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "groundtune.toml").write_text('[project]\nname = "p"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Project, "measure_retrieval", lambda _: RESULT)
    monkeypatch.setattr(Project, "sweep_retrieval", lambda _: SWEPT)


def test_tables_say_what_is_synthetic_gone_unknown_and_sure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["experiment", "--retrieval-only"]) == 0
    shown = capsys.readouterr().out
    assert "30 synthetic queries" in shown
    assert "2 of them have evidence that is not in the knowledge base" in shown
    assert "50.0 (40–60)" in shown
    assert "dense against hybrid, ndcg@10: +10.0 points (+5.0 to +15.0), p < 0.001" in shown
    assert "Note: These queries are synthetic." in shown
    row = next(line for line in shown.splitlines() if line.startswith("dense "))
    assert set(row.split()[1:]) == {"–"}


def test_json_holds_every_figure_and_missing_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["experiment", "--retrieval-only", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["documents"]["searches"]["hybrid"]["map"] == {"value": 0.5, "interval": [0.4, 0.6], "n": 30}
    assert found["documents"]["searches"]["dense"]["map"]["value"] is None
    assert found["milliseconds"] == {"hybrid": {"p50": 1.25, "p95": 3.5}, "dense": None}
    assert found["passages"] is None


def test_a_sweep_prints_lines_that_a_settings_file_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["experiment", "--sweep"]) == 0
    shown = capsys.readouterr().out
    assert "18 on 15 dev queries, then 6 on 29 dev queries" in shown
    assert "your file was not changed" in shown
    assert SWEPT.lines == (
        "[knowledge]",
        'search = "lexical"',
        "mmr = 0.7",
        "[model.reranker]",
        "depth = 10",
    )
    assert all(f"  {line}" in shown for line in SWEPT.lines)
    assert run(["experiment", "--sweep", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == list(SWEPT.lines)
