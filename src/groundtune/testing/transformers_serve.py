"""`transformers serve`, a chat endpoint that others wrote, for as long as a ``with`` block lasts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

__all__ = ["transformers_serve"]

_START_SECONDS = 120


@contextmanager
def transformers_serve(folder: Path) -> Iterator[str]:
    """Serve local weights in a process of its own, and yield the address, ``http://127.0.0.1:PORT/v1``.

    A model is named by the path of its folder: weights with their tokenizer.

    Args:
        folder: Where its log goes, and its hub cache: one that does not exist breaks its list of models.

    Raises:
        RuntimeError: when it does not start; the message ends with its log.
    """
    cache = folder / "hub"
    cache.mkdir(parents=True)
    log = folder / "serve.log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", *options]
    surroundings = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=surroundings) as process:
        try:
            _wait_until_healthy(process, port, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)  # it is still loading torch
        finally:
            connection.close()
    raise RuntimeError(f"transformers serve did not start: {log.read_text(errors='replace')[-2000:]}")
