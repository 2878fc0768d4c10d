"""The application: routes, guards and error shapes around one answerer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fastapi import APIRouter, FastAPI

from groundtune import __version__
from groundtune.service import asking, chat
from groundtune.service.answerer import Answerer
from groundtune.service.guards import LOOPBACK_HOSTS, BodyLimit, HostGuard, SecurityHeaders
from groundtune.service.problems import handle_problems


def create_app(
    answerer: Answerer,
    *,
    hosts: Collection[str] | None = LOOPBACK_HOSTS,
    routers: Sequence[APIRouter] = (),
    groups_header: str | None = None,
) -> FastAPI:
    """Build the HTTP application.

    Args:
        answerer: What answers; see `Answerer` for what it must allow.
        hosts: The names under which the server may be addressed; None for any (only behind a proxy that checks).
        routers: Further routes, such as the web pages; they take the answerer as `groundtune.service.caller.Backend`.
        groups_header: Header in which a proxy that checks who is asking names the caller's access groups, separated by
            commas; None when there is no such proxy, and every caller sees what everyone may see.

    Returns:
        An ASGI application, for uvicorn or any other server.
    """
    app = FastAPI(title="Groundtune", version=__version__, docs_url=None, redoc_url=None)
    app.state.answerer = answerer
    app.state.groups_header = groups_header
    for router in (asking.router, chat.router, *routers):
        app.include_router(router)
    handle_problems(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(HostGuard, hosts=hosts)
    app.add_middleware(SecurityHeaders)
    return app
