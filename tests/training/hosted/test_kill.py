"""A real process, killed by the server in the middle of a request, and another one that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from groundtune.models.openai.endpoint import Endpoint
from groundtune.testing.fine_tuning_api import FineTuningApi, Operation
from groundtune.training.hosted import HostedTuning

from .conftest import RECIPE, TRAINING, VALIDATION

RUN = """
import sys
from pathlib import Path
from groundtune.models.openai.endpoint import Endpoint
from groundtune.training.hosted import HostedTuning

HostedTuning(Path(sys.argv[1]), Endpoint(base_url=sys.argv[2], key="DESK_KEY"), pause=lambda seconds: None).run()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "nth"),
    [("files.create", 1), ("files.create", 2), ("jobs.create", 1), ("jobs.retrieve", 1), ("jobs.events", 3)],
)
def test_kill_9_at_every_request(
    tuning: Callable[[], HostedTuning],
    api: FineTuningApi,
    endpoint: Endpoint,
    tmp_path: Path,
    operation: Operation,
    nth: int,
) -> None:
    tuning().prepare(RECIPE, TRAINING, VALIDATION)
    process: list[subprocess.Popen[bytes]] = []
    left = [nth]

    def kill(done: Operation) -> None:
        left[0] -= done == operation
        if left[0] == 0 and process[0].poll() is None:
            os.kill(process[0].pid, signal.SIGKILL)
            process[0].wait()

    api.done = kill
    process.append(subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "hosted"), endpoint.base_url]))
    assert process[0].wait(60) == -signal.SIGKILL
    api.done = lambda done: None
    tuned = tuning().run()
    assert list(api.jobs) == [tuned.job]
    assert len(api.files) == 3
