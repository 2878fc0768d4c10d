"""Starting the server: addresses, settings for the workers, and several processes behind one port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from groundtune.errors import ProjectError
from groundtune.service.server import ServeConfig, free_port, is_loopback

PROGRAM = """
from pathlib import Path
import sys
from groundtune.service import serve
if __name__ == "__main__":
    serve(Path(sys.argv[1]), port=int(sys.argv[2]), workers=int(sys.argv[3]), system="rag", factory="site_of_test:make")
"""
FACTORY = """
import os
from fastapi import APIRouter
from groundtune.service import ServeConfig, create_app
from groundtune.testing.answering import FakeAnswerer

router = APIRouter()

@router.get("/process")
def process() -> dict[str, object]:
    config = ServeConfig.from_environment()
    return {"pid": os.getpid(), "project": config.project, "system": config.system}

def make():
    return create_app(FakeAnswerer([]), hosts=ServeConfig.from_environment().hosts, routers=[router])
"""
QUESTION = {"model": "prompt", "stream": True, "messages": [{"role": "user", "content": "one two three"}]}


def test_the_settings_reach_the_workers_unchanged() -> None:
    for hosts in (None, ("desk.example",)):
        config = ServeConfig(project="/srv/desk", system="rag", hosts=hosts)
        assert ServeConfig.from_environment(config.to_environment()) == config


def test_a_worker_without_settings_says_how_to_start() -> None:
    with pytest.raises(ProjectError, match="groundtune serve --project DIR"):
        ServeConfig.from_environment({})


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ProjectError, match=rf"port {port}: .*Choose another with --port"):
            free_port("127.0.0.1", port)


def test_port_zero_picks_a_free_one() -> None:
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.8.8", True), ("0.0.0.0", False), ("desk", False)],
)
def test_loopback_addresses(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.slow
def test_several_workers_answer_for_one_project(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "site_of_test.py").write_text(FACTORY)
    port = free_port("127.0.0.1", 0)
    command = [sys.executable, "program.py", str(tmp_path), str(port), "2"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    fresh = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(limits=fresh) as client, subprocess.Popen(command, cwd=tmp_path, env=environment) as server:
        try:
            seen: dict[int, dict[str, str]] = {}
            deadline = time.monotonic() + 60
            while len(seen) < 2 and time.monotonic() < deadline and server.poll() is None:
                try:
                    reply = client.get(f"http://127.0.0.1:{port}/process")
                except httpx.ConnectError:
                    time.sleep(0.05)
                    continue
                answer = json.loads(reply.text)
                seen[answer.pop("pid")] = answer
            streams = [client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=QUESTION) for _ in range(4)]
        finally:
            server.send_signal(signal.SIGINT)
    assert len(seen) == 2
    assert [stream.text.count('"content": "') for stream in streams] == [4] * 4
    assert all(stream.text.endswith("data: [DONE]\n\n") for stream in streams)
    assert list(seen.values()) == [{"project": str(tmp_path), "system": "rag"}] * 2
