"""The Python API of Groundtune: `Project`, whose verbs call the layers in order."""

from __future__ import annotations

from groundtune.project.project import Project
from groundtune.project.results import CheckReport, Decision, Found, TuneReport, answer_json, sync_json

__all__ = ["CheckReport", "Decision", "Found", "Project", "TuneReport", "answer_json", "sync_json"]
