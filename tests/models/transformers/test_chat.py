"""Local weights answer as a chat model does: alone, side by side, piece by piece, up to their limits."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import ModelError
from groundtune.models.chat import ContextOverflow
from groundtune.models.transformers import TransformersChat
from groundtune.models.transformers.request import Request
from groundtune.records import Completion, Message
from groundtune.testing.tiny import LESSONS, asked


@pytest.fixture(scope="module")
def chat(taught: Path) -> TransformersChat:
    return TransformersChat.load(str(taught), dtype="float32")


def test_it_says_what_it_was_taught_and_counts_tokens(chat: TransformersChat) -> None:
    for question, answer in LESSONS.items():
        completion = chat.complete(asked(question))
        assert (completion.text, completion.finished) == (answer, "stop")
        assert completion.usage is not None
        assert 1 < completion.usage.output_tokens <= len(answer.encode()) + 1
        assert completion.usage.input_tokens > 10
        assert completion.first_token_ms is not None
        assert 0 < completion.first_token_ms <= completion.total_ms


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_side_by_side_it_writes_what_it_writes_alone(untaught: Path, temperature: float) -> None:
    """Untaught, so that its choices are close; left padding or a wrong position would change them."""
    chat = TransformersChat.load(str(untaught), dtype="float32", temperature=temperature, max_output_tokens=24)
    conversations = [asked("again " * n) for n in range(16)]
    alone = [chat.complete(conversation) for conversation in conversations]
    together = answered_together(chat, conversations)
    assert [c.text for c in together] == [c.text for c in alone]
    assert [c.usage for c in together] == [c.usage for c in alone]
    assert len({c.text for c in alone}) > 1


def answered_together(chat: TransformersChat, conversations: list[list[Message]]) -> list[Completion]:
    """From as many threads; the model is held at its first step until all have asked."""
    asked_now = threading.Semaphore(0)
    submit = chat._batches.submit

    def submitted(request: Request) -> None:
        submit(request)
        asked_now.release()

    def hold() -> None:
        for _ in conversations:
            asked_now.acquire()

    chat._batches.submit = submitted  # type: ignore[method-assign]
    with steps_of(chat, at_first=hold) as rows, ThreadPoolExecutor(len(conversations)) as threads:
        together = list(threads.map(chat.complete, conversations))
    assert max(rows) >= len(conversations) / 2
    return together


@contextmanager
def steps_of(chat: TransformersChat, at_first: Callable[[], None] | None = None) -> Iterator[list[int]]:
    """How many rows each forward pass of a chat's model has; ``at_first`` runs before the first."""
    rows: list[int] = []

    def stepped(model: Any, given: Any, outcome: Any) -> None:
        if not rows and at_first is not None:
            at_first()
        rows.append(len(outcome.logits))

    hook = chat._weights.model.register_forward_hook(stepped)
    try:
        yield rows
    finally:
        hook.remove()


def test_many_threads_with_all_kinds_of_calls_disturb_nobody(chat: TransformersChat) -> None:
    """Every answer is its own: streamed, constrained, given up or plain, whoever is in the same batch."""
    questions = list(LESSONS) * 8

    def ask(number: int) -> str:
        question = questions[number]
        match number % 4:
            case 0:
                return chat.complete(asked(question)).text
            case 1:
                return "".join(piece for piece in chat.stream(asked(question)) if isinstance(piece, str))
            case 2:
                next(iter(chat.stream(asked(question))))
                return LESSONS[question]
            case _:
                return chat.complete(asked(question), choices=[LESSONS[question], "none of these"]).text

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(len(questions)))) == [LESSONS[question] for question in questions]


def test_a_stream_joins_to_its_completion(chat: TransformersChat) -> None:
    for question, answer in LESSONS.items():
        *pieces, last = chat.stream(asked(question))
        assert isinstance(last, Completion)
        assert "".join(str(piece) for piece in pieces) == last.text == answer
        assert len(pieces) > 1 or answer == "{}"
        assert "\ufffd" not in last.text


def test_a_stream_that_is_left_stops_the_writing_and_the_model_goes_on(untaught: Path) -> None:
    chat = TransformersChat.load(str(untaught), dtype="float32", max_output_tokens=800)
    with steps_of(chat) as rows:
        stream = chat.stream(asked("Go on for ever."))
        assert isinstance(stream, Iterator)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        choice = chat.complete(asked("And now?"), choices=["yes", "no"])
    assert choice.text in {"yes", "no"}
    assert len(rows) < 400


def test_the_limit_of_a_reply_is_kept_and_told(untaught: Path) -> None:
    completion = TransformersChat.load(str(untaught), dtype="float32", max_output_tokens=7).complete(asked("Go on."))
    assert completion.finished == "length"
    assert completion.usage is not None
    assert completion.usage.output_tokens == 7


def test_a_conversation_longer_than_the_window_is_refused_whole(taught: Path) -> None:
    chat = TransformersChat.load(str(taught), context_window=64)
    assert chat.context_window == 64
    with pytest.raises(ContextOverflow, match=r"\b64\b"):
        chat.complete(asked("long " * 64))
    with pytest.raises(ContextOverflow):
        list(chat.stream(asked("long " * 64)))


def test_a_reply_ends_where_the_window_does(untaught: Path) -> None:
    chat = TransformersChat.load(str(untaught), dtype="float32", context_window=48)
    completion = chat.complete(asked("Go on."))
    assert completion.finished == "length"
    assert completion.usage is not None
    assert completion.usage.input_tokens + completion.usage.output_tokens == 48


def test_the_window_is_what_the_model_was_made_for(chat: TransformersChat, taught: Path) -> None:
    assert chat.context_window == 1024
    assert TransformersChat.load(str(taught), context_window=10**6).context_window == 1024


def test_the_name_tells_apart_what_writes_differently(taught: Path, untaught: Path, adapter: Path) -> None:
    options: list[dict[str, object]] = [
        {}, {"temperature": 0.5}, {"temperature": 0.5, "seed": 1}, {"max_output_tokens": 9}, {"dtype": "bfloat16"},
        {"adapter": str(adapter)}, {"adapter": str(adapter), "merge": False},
    ]  # fmt: skip
    base: dict[str, object] = {"dtype": "float32"}
    names = [TransformersChat.load(str(taught), **(base | given)).name for given in options]  # type: ignore[arg-type]
    names.append(TransformersChat.load(str(untaught), dtype="float32").name)
    assert len(set(names)) == len(names)
    assert names[0] == TransformersChat.load(str(taught), dtype="float32").name
    assert str(taught.parent) not in names[0]


def test_draws_depend_on_seed_and_conversation_only(untaught: Path) -> None:
    def written(seed: int) -> list[str]:
        chat = TransformersChat.load(str(untaught), dtype="float32", temperature=1.0, seed=seed, max_output_tokens=12)
        return [chat.complete(asked(question)).text for question in ("a", "b")]

    assert written(1) == written(1) != written(2)
    assert len(set(written(1))) == 2


def test_what_the_model_raises_reaches_every_one_who_asked(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = TransformersChat.load(str(taught), dtype="float32")
    model = chat._weights.model

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the device is gone")

    with monkeypatch.context() as patch:
        patch.setattr(model, "forward", broken)
        with ThreadPoolExecutor(3) as threads:
            errors = [threads.submit(chat.complete, asked(str(n))).exception() for n in range(3)]
    assert all(isinstance(error, ModelError) and "the device is gone" in str(error) for error in errors)
    assert chat.complete(asked("Please call me back.")).text == "{}"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, groundtune.models.transformers\n"
        "print([name for name in ('torch', 'transformers', 'peft', 'llguidance', 'openvino') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
