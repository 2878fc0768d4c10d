"""A tiny model that was taught its lessons, and conversations of the same form."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.testing.tiny import lessons, make_tiny_model, teach
from groundtune.training.generator import Conversation


@pytest.fixture(scope="session")
def told() -> list[Conversation]:
    return [
        Conversation(id=f"{turn}-{place}", form="plain", messages=tuple(messages))
        for turn in range(4)
        for place, messages in enumerate(lessons())
    ]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Taught a little: an adapter can teach it the rest."""
    for library in ("torch", "transformers", "trl", "peft", "datasets"):
        pytest.importorskip(library)
    texts = [message.content for conversation in lessons() for message in conversation]
    folder = make_tiny_model(tmp_path_factory.mktemp("generator") / "tiny", texts, seed=3)
    teach(folder, lessons(), steps=15, seed=3)
    return folder
