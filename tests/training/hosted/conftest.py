from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.records import Message
from groundtune.testing.fine_tuning_api import BASE, FineTuningApi
from groundtune.testing.serving import running
from groundtune.training.hosted import HostedTuning, Recipe

SECRET = "sk-very-secret-0123456789"

RECIPE = Recipe(model=BASE, epochs=2, suffix="desk")


def conversation(number: int) -> list[Message]:
    return [
        Message(role="system", content="Be brief."),
        Message(role="user", content=f"What is {number} plus one?"),
        Message(role="assistant", content=f"It is {number + 1}."),
    ]


TRAINING = [conversation(number) for number in range(12)]
VALIDATION = [conversation(number) for number in range(100, 103)]


@pytest.fixture
def api() -> FineTuningApi:
    return FineTuningApi(key=SECRET)


@pytest.fixture
def endpoint(api: FineTuningApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("DESK_KEY", SECRET)
    with running(api.app()) as url:
        yield Endpoint(base_url=f"{url}/v1", key="DESK_KEY")


@pytest.fixture
def tuning(endpoint: Endpoint, tmp_path: Path) -> Callable[[], HostedTuning]:
    """A tuning as each new process makes it, all in one folder."""

    def made() -> HostedTuning:
        patience = Patience(total_seconds=20, first_wait=0.001)
        return HostedTuning(tmp_path / "hosted", endpoint, patience=patience, pause=lambda seconds: None)

    return made
