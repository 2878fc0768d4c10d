"""The service together with its pages, and the factory that each worker process calls."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from groundtune.service import Answerer, ServeConfig, create_app
from groundtune.service.guards import LOOPBACK_HOSTS
from groundtune.web.pages import router


def create_site(
    answerer: Answerer, *, hosts: Collection[str] | None = LOOPBACK_HOSTS, groups_header: str | None = None
) -> FastAPI:
    """Build the service with the page to ask on and the document pages.

    Args:
        answerer: What answers.
        hosts: The names under which the server may be addressed; None for any.
        groups_header: As of `create_app`.
    """
    app = create_app(answerer, hosts=hosts, routers=[router], groups_header=groups_header)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    return app


def from_environment() -> FastAPI:
    """Build the site of the project that `groundtune.service.serve` was started for."""
    from groundtune.project import Project

    config = ServeConfig.from_environment()
    project = Project.open(config.project)
    answerer = project.answerer(config.system)
    answerer.prepare()
    return create_site(answerer, hosts=config.hosts, groups_header=project.groups_header)
