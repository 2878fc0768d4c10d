"""The store in PostgreSQL that a project's settings name."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from groundtune.errors import ProjectError
from groundtune.settings import Settings

if TYPE_CHECKING:
    from groundtune.knowledge import OpenStore

__all__ = ["postgres_opener"]


def postgres_opener(settings: Settings) -> OpenStore:
    """How the store is opened; its tables are the project's own, told apart by the project's name.

    Raises:
        ProjectError: when the environment does not hold the address.
        MissingExtra: when the driver is not installed.
    """
    from groundtune.knowledge.postgres import PostgresStore
    from groundtune.knowledge.postgres.database import Database

    variable = settings.knowledge.postgres
    url = os.environ.get(variable, "")
    if not url:
        raise ProjectError(
            f'[knowledge] store = "postgres" needs the address of the database in the environment variable {variable}: '
            f"export {variable}=postgresql://user:password@host/name"
        )
    project = hashlib.sha256(settings.project.name.encode()).hexdigest()[:8]
    return lambda name, dimensions: PostgresStore(Database.at(url, f"gt_{project}_{name}", dimensions))
