from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.errors import ProjectError
from groundtune.project import Project

SETTINGS = """
[project]
name = "bookings"
task = "extract"
schema = "reply.schema.json"
"""


def test_a_wrong_schema_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "groundtune.toml").write_text(SETTINGS)
    (tmp_path / "reply.schema.json").write_text('{"type": "objekt"}')
    with pytest.raises(ProjectError, match=r"'objekt' is not valid.*Correct the file"):
        Project.open(tmp_path)


def test_a_missing_schema_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "groundtune.toml").write_text(SETTINGS)
    with pytest.raises(ProjectError, match=r"reply\.schema\.json.*cannot be read"):
        Project.open(tmp_path)
