from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from groundtune.records import Document
from groundtune.testing.answering import FakeAnswerer

DOCUMENTS = (
    Document(
        id="guide/limits.md",
        title="Limits",
        text="# Limits\n\nA bucket holds at most nine objects. Larger buckets are refused.\n",
        source="docs/guide/limits.md",
    ),
    Document(
        id="staff.md",
        title="Staff only",
        text="The secret codeword is heron.",
        source="docs/staff.md",
        groups=("staff",),
    ),
)


@pytest.fixture
def answerer() -> FakeAnswerer:
    return FakeAnswerer(DOCUMENTS, error="the weights are gone")


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free loopback port and yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
