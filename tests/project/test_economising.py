"""What a project's settings, prices and measurement make of its costs; and its load run, kept in the ledger."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groundtune.errors import ProjectError
from groundtune.project.economising import bills, known_costs, measured_costs
from groundtune.project.loading import measure_load, stored_load
from groundtune.project.workspace import Workspace
from groundtune.testing.scripted import Scripted, result_of, right_on

PRICED = """
[model]
provider = "openai"
name = "some-model"
base_url = "https://models.example/v1"
[model.prices]
input = 2.0
output = 8.0
"""


def project(folder: Path, more: str = "") -> Workspace:
    folder.mkdir(exist_ok=True)
    (folder / "groundtune.toml").write_text(f'[project]\nname = "desk"\ntask = "classify"\n{more}', encoding="utf-8")
    rows = [f'{{"id": "q{n}", "question": "what is thing{n}", "answers": ["answer{n}"]}}\n' for n in range(6)]
    (folder / "queries.jsonl").write_text("".join(rows), encoding="utf-8")
    return Workspace(folder)


def test_the_embedded_model_costs_time_of_a_machine_whose_price_only_the_user_knows(tmp_path: Path) -> None:
    volume = "[constraints]\nqueries_per_month = 1000\n"
    result = result_of({"prompt": lambda _: True, "rag": lambda _: True}, 6, milliseconds=100.0)
    unknown = project(tmp_path / "a", volume)
    costs = measured_costs(unknown, result, concurrency=1)
    assert bills(costs, unknown)["prompt"] is None
    assert costs.assumptions.likely("hosting_usd_per_hour") is None
    known = project(
        tmp_path / "b", volume + "[economics]\nhosting_usd_per_hour = 3.6\nspare_machines = 0\nutilisation = 1\n"
    )
    # $0.001 a second, 0.1 s each.
    assert bills(measured_costs(known, result, concurrency=1), known)["prompt"] == pytest.approx(1000 * 0.0001)
    assert bills(measured_costs(known, result, concurrency=1), known)["tuned"] is None, "it was not measured"


def test_prices_and_numbers_of_the_settings_replace_what_is_assumed(tmp_path: Path) -> None:
    assumed = known_costs(project(tmp_path, f"{PRICED}[economics]\nteam_usd_per_hour = 99\n"))
    assert assumed.likely("input_price") == pytest.approx(2.0)
    assert assumed.likely("output_price") == pytest.approx(8.0)
    assert assumed["team_usd_per_hour"].source == "groundtune.toml"
    assert list(assumed["team_usd_per_hour"].range) == [99, 99, 99]
    assert assumed.likely("self_hosted") == 0
    assert (assumed.likely("output_tokens.rag") or 0) < 20, "a label is short"


def test_without_a_volume_there_is_no_bill(tmp_path: Path) -> None:
    workspace = project(tmp_path, PRICED)
    result = result_of({"prompt": lambda _: True}, 4)
    assert bills(measured_costs(workspace, result, concurrency=1), workspace) == {}


def measuring(workspace: Workspace) -> Any:
    arms = {name: Scripted(id=name, script=right_on(6, lambda _: True)) for name in ("prompt", "rag")}
    return SimpleNamespace(run="r1", concurrency=1, arms=arms)


def test_a_load_run_is_kept_and_found_again(tmp_path: Path) -> None:
    # 26.28 million a month are ten a second, and fifty in the busiest hour.
    workspace = project(tmp_path, "[constraints]\nqueries_per_month = 26_280_000\n")
    told: list[tuple[str, int, int]] = []
    found = measure_load(workspace, measuring(workspace), 0.4, lambda *event: told.append(event))
    assert set(found) == {"prompt", "rag"}
    assert found["rag"].plan.per_second == pytest.approx(50)
    assert stored_load(workspace, "r1") == found
    assert stored_load(workspace, "r2") == {}
    assert {stage for stage, _, _ in told} == {"Load on prompt", "Load on rag"}


def test_a_load_run_needs_a_volume(tmp_path: Path) -> None:
    workspace = project(tmp_path)
    with pytest.raises(ProjectError, match="queries_per_month = "):
        measure_load(workspace, measuring(workspace), 1, lambda *event: None)
