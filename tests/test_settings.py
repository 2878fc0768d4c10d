from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import ProjectError, SettingsError
from groundtune.settings import (
    ArmSettings,
    DatabaseSettings,
    PriceSettings,
    load_settings,
    parse_settings,
    settings_json,
)

WRONG = """\
[project]
name = "desk"
task = "answr"
labls = ["a"]

[model]
provider = "azure"

[experiment]
minimum_gain = 3

[constraints]
knowledge_changes = "hourly"

[bogus]
a = 1
"""


def test_all_faults_are_named_at_once_with_line_and_allowed_values() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(WRONG)
    message = str(caught.value)
    assert [fault.line for fault in caught.value.faults] == [3, 4, 7, 10, 13, 15]
    assert "6 faults" in message
    assert "'answer', 'classify', 'extract' or 'write'" in message
    assert "allowed here: name, task, instruction, labels, schema" in message
    assert "'weekly', 'daily' or 'live'" in message


def test_broken_toml_names_its_line() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings('[project]\nname = "unclosed\n')
    assert caught.value.faults[0].line == 2


def test_a_missing_project_section_says_so() -> None:
    with pytest.raises(SettingsError, match="project: missing, and required"):
        parse_settings("")


def test_a_volume_that_the_cost_model_cannot_take_is_refused_where_it_is_written() -> None:
    text = '[project]\nname = "desk"\n[constraints]\nqueries_per_month = {}\n'
    assert parse_settings(text.format(10**12)).constraints.queries_per_month == 10**12
    with pytest.raises(SettingsError, match="queries_per_month"):
        parse_settings(text.format(10**12 + 1))


def test_defaults_are_the_documented_ones() -> None:
    settings = parse_settings('[project]\nname = "desk"')
    assert settings.project.task == "answer"
    assert settings.model.provider == "embedded"
    assert settings.experiment.minimum_gain == 0.03
    assert settings.constraints.max_wrong_rate is None


def test_no_settings_file_tells_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="groundtune init"):
        load_settings(tmp_path)


def test_an_unreadable_file_is_a_project_error(tmp_path: Path) -> None:
    (tmp_path / "groundtune.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProjectError, match="UTF-8"):
        load_settings(tmp_path)


def template(*, uncommented: bool) -> str:
    text = resources.files("groundtune").joinpath("samples/new-project/groundtune.toml").read_text(encoding="utf-8")
    return re.sub(r"(?m)^# (\w+ = |\[)", r"\1", text) if uncommented else text


def keys(values: Mapping[str, Any], at: str = "") -> set[str]:
    """The dotted names of all plain values."""
    found: set[str] = set()
    for name, value in values.items():
        found |= keys(value, f"{at}{name}.") if isinstance(value, Mapping) else {f"{at}{name}"}
    return found


def test_the_commented_settings_of_a_new_project_show_every_key_with_its_default() -> None:
    shown, plain = tomllib.loads(template(uncommented=True)), parse_settings(template(uncommented=False))
    parse_settings(template(uncommented=True))
    defaults = settings_json(
        parse_settings('[project]\nname = "my-project"\ninstruction = "Answer from the documents."')
    )
    assert settings_json(plain) == defaults
    known = (keys(defaults) | keys({"arms": {"current": ArmSettings.model_fields}})) - {
        "model.prices",
        "arms.current.prices",
    }
    known |= keys({"knowledge": {"sql": {"tickets": DatabaseSettings.model_fields}}})
    known |= {f"{place}.prices.{name}" for name in PriceSettings.model_fields for place in ("model", "arms.current")}
    assert keys(shown) == known
    examples = (
        "constraints.",
        "economics.",
        "arms.",
        "knowledge.sql.",
        "model.prices.",
        "model.context_window",
        "model.reranker.weight",
        "knowledge.context_tokens",
        "training.price_usd_per_million",
    )
    for key in keys(shown):
        if not key.startswith(examples):
            assert value(shown, key) == value(defaults, key), key


def value(values: Any, key: str) -> Any:
    for name in key.split("."):
        values = values[name]
    return values
