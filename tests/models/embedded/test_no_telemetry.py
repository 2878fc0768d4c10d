"""Loading the runtime starts no process and sends nothing."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
def forbidden(*_):
    raise SystemExit("a process was started")
os.fork = forbidden
import groundtune.models.embedded.runtime
import openvino
print(sys.modules.get("openvino_telemetry"))
"""


def test_the_runtime_reports_to_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("None\n", "")
