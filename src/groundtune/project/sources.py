"""The sources of a project as its settings describe them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from groundtune.errors import ProjectError
from groundtune.settings import KnowledgeSettings
from groundtune.sources import Database, Limits, Reader, Rules, Web, discover

if TYPE_CHECKING:
    from groundtune.project.workspace import Workspace

__all__ = ["count_files", "source_rules"]


def source_rules(settings: KnowledgeSettings) -> Rules:
    """How the sources are read; secrets come from the environment variables that the settings name.

    Raises:
        ProjectError: when variables are not set (all of them are named).
    """
    databases = settings.sql.values()
    _check_set([*settings.passwords, *(database.url for database in databases)])
    return Rules(
        reader=Reader(
            passwords=tuple(os.environ[name] for name in settings.passwords), ocr_language=settings.ocr_language
        ),
        limits=Limits(seconds=settings.convert_seconds, megabytes=settings.convert_megabytes),
        web=Web(private=settings.private_addresses, most_pages=settings.web_pages),
        sql={
            name: Database(
                url=os.environ[given.url],
                query=given.query,
                id=given.id,
                text=given.text,
                title=given.title,
                source=given.source,
            )
            for name, given in settings.sql.items()
        },
    )


def _check_set(names: Iterable[str]) -> None:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ProjectError(
            f"No value for the environment variables {', '.join(missing)}, which [knowledge] in groundtune.toml names. "
            "Set them, or remove them from passwords and from the url of [knowledge.sql] sections."
        )


def count_files(workspace: Workspace) -> int:
    """How many files the sources hold; of what lies elsewhere, those of the last sync."""
    knowledge = workspace.settings.knowledge
    cache = workspace.knowledge.folder / "sources"
    rules = source_rules(knowledge)
    return len(discover(knowledge.sources, workspace.folder, cache, rules=rules, refresh=False).files)
