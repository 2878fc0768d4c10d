"""`groundtune models`: two tuned models side by side, one put to use, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune.cli import run
from groundtune.training.registry import Card, GateResult, now, register, workshop


def card(key: str, **changes: object) -> Card:
    values: dict[str, object] = {
        "kind": "reader",
        "key": key,
        "base": "b" * 64,
        "data": "d" * 64,
        "examples": 60,
        "recipe": {"epochs": 3},
        "metrics": {"dev": 0.5},
        "seconds": 1.0,
        "created": now(),
        **changes,
    }
    return Card(**values)  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, list[str]]:
    (tmp_path / "groundtune.toml").write_text('[project]\nname = "desk"\n', "utf-8")
    models, names = tmp_path / ".groundtune" / "models", []
    cards = (
        card("first"),
        card("second", recipe={"epochs": 4}, metrics={"dev": 0.75}),
        card("third").judged([GateResult(name="forgetting: refusal", passed=False, note="It refuses less.")]),
    )
    for made_of in cards:
        made = workshop(models)
        (made / "weights").write_text(made_of.key, "utf-8")
        names.append(register(models, made, made_of).id)
    return tmp_path, names


def call(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, str, str]:
    code = run(["models", *arguments, "--project", str(folder)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_promote_then_roll_back(project: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    folder, (first, second, _) = project
    assert call(capsys, folder, first, "--promote")[:2] == (0, f"The generator is now {first}.\n")
    assert call(capsys, folder, second, "--promote")[0] == 0
    assert f"{second}  " in call(capsys, folder)[1]
    assert json.loads(call(capsys, folder, "--rollback", "generator", "--json")[1])["model"] == first
    assert "base model" in call(capsys, folder, "--rollback", "generator")[1]
    assert call(capsys, folder, "--rollback", "generator")[0] == 2


def test_a_failed_model_is_not_promoted_but_by_force(
    project: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, (_, _, failed) = project
    code, _, said = call(capsys, folder, failed, "--promote")
    assert (code, "It refuses less." in said) == (3, True)
    assert "FAILED: forgetting: refusal" in call(capsys, folder)[1]
    assert call(capsys, folder, failed, "--promote", "--force")[0] == 0


def test_two_models_are_compared(project: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    folder, (first, second, _) = project
    assert "epochs: 3 → 4" in call(capsys, folder, first, "--compare", second)[1]
    found = json.loads(call(capsys, folder, first, "--compare", second, "--json")[1])
    assert found["same_data"] is True
    assert found["metrics"]["dev"] == {"first": 0.5, "second": 0.75}


@pytest.mark.parametrize("arguments", [("--promote",), ("x", "--promote", "--compare", "y"), ("x", "--compare", "y")])
def test_wrong_use_says_what_to_give(
    project: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, _, said = call(capsys, project[0], *arguments)
    assert code == 2
    assert "Traceback" not in said
    assert "models" in said
