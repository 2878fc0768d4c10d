"""Running the application: one or several worker processes behind one socket, on the loopback address by default."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from groundtune.errors import GroundtuneError, ProjectError
from groundtune.service.guards import LOOPBACK_HOSTS

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8421

SITE = "groundtune.web.site:from_environment"
"""The application factory. Named, not imported: the pages stand above the service, and each worker makes its own."""

_VARIABLE = "GROUNDTUNE_SERVE"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """What a worker has to know to build its application.

    Attributes:
        project: The project folder.
        system: The system that answers by default; None for the verdict's.
        hosts: Names under which the server may be addressed; None for any.
    """

    project: str
    system: str | None = None
    hosts: tuple[str, ...] | None = tuple(sorted(LOOPBACK_HOSTS))

    def to_environment(self) -> dict[str, str]:
        """The environment variable that carries this to the workers."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServeConfig:
        """Read what the parent process wrote.

        Raises:
            ProjectError: when the application was not started through `serve`.
        """
        if _VARIABLE not in environment:
            raise ProjectError("No project is named for this server. Start it with: groundtune serve --project DIR")
        values = json.loads(environment[_VARIABLE])
        hosts = values["hosts"]
        return cls(project=values["project"], system=values["system"], hosts=None if hosts is None else tuple(hosts))


def serve(
    project: Path,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    workers: int = 1,
    system: str | None = None,
    factory: str = SITE,
) -> None:
    """Answer over HTTP until interrupted.

    Every worker opens the project itself; they share its index, and documents synced meanwhile are seen by all.

    Args:
        project: The project folder.
        host: Address to listen on. Anything but a loopback address lets others in, and nobody has to sign in.
        port: Port to listen on; 0 picks a free one.
        workers: Number of processes, at least 1.
        system: The system that answers by default; None for the verdict's.
        factory: ``module:function`` that builds the application from `ServeConfig.from_environment`.

    Raises:
        ProjectError: when the address cannot be used.
        GroundtuneError: when the application could not be built.
    """
    import uvicorn

    port = free_port(host, port)
    loopback = is_loopback(host)
    if not loopback:
        _log.warning("Everyone who can reach %s may ask questions and read the public documents.", host)
    hosts = tuple(sorted(LOOPBACK_HOSTS | {host})) if loopback else None
    os.environ.update(ServeConfig(project=str(project.resolve()), system=system, hosts=hosts).to_environment())
    try:
        uvicorn.run(
            factory, factory=True, host=host, port=port, workers=workers, log_level="warning", server_header=False
        )
    except SystemExit as stop:
        # Uvicorn leaves with its own codes, which would read as "no system qualifies" on our command line.
        if stop.code:
            raise GroundtuneError("The server could not start; the lines above say why.") from stop


def free_port(host: str, port: int) -> int:
    """Make sure that an address can be used, before anything is loaded.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.

    Returns:
        The port, or the one that was picked.

    Raises:
        ProjectError: when the address is unknown or in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another with --port."
            raise ProjectError(message) from error
        return int(probe.getsockname()[1])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
