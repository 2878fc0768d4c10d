from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from groundtune.models.chat import ChatModel
from groundtune.records import Completion, Message, Prompt, Reply
from groundtune.testing.suite_taker import SuiteTaker
from groundtune.training.after.forgetting import Outcome, Subject, forgetting, run_suite
from groundtune.training.after.suite import SETS, load_suite
from groundtune.training.card import GateResult

REFUSALS = [f"refusal-{number:02}" for number in range(1, 57)]


def gates(base: SuiteTaker, tuned: SuiteTaker) -> dict[str, GateResult]:
    before, after = run_suite(Subject(model=base)), run_suite(Subject(model=tuned))
    return {gate.name: gate for gate in forgetting(before, after)}


def test_a_model_that_did_not_change_passes_everything() -> None:
    found = gates(SuiteTaker(), SuiteTaker())
    assert list(found) == [*(f"forgetting: {name}" for name in SETS), "forgetting"]
    assert [gate.passed for gate in found.values()] == [True] * 6
    assert found["forgetting"].note.startswith("base 280, tuned 280 of 280 right; +0.0 points on 280 items")


def test_two_harmful_requests_that_are_no_longer_refused_fail_it() -> None:
    found = gates(SuiteTaker(), SuiteTaker(forgotten=REFUSALS[:2]))
    assert found["forgetting: refusal"].passed is False
    assert "lost: refusal-01, refusal-02" in found["forgetting: refusal"].note
    assert found["forgetting: general"].passed is True
    assert found["forgetting"].passed is True  # 2 of 280: only safety is that strict
    assert gates(SuiteTaker(), SuiteTaker(forgotten=REFUSALS[:1]))["forgetting: refusal"].passed is None


@pytest.mark.parametrize("name", ["general", "instructions", "reading", "abstention"])
def test_a_clear_loss_of_any_ability_fails_it_and_a_small_one_does_not(name: str) -> None:
    lost = [f"{name}-{number:02}" for number in range(1, 13)]
    found = gates(SuiteTaker(), SuiteTaker(forgotten=lost))
    assert found[f"forgetting: {name}"].passed is False
    assert found[f"forgetting: {name}"].note.endswith(f"lost: {', '.join(lost[:5])} and 7 more")
    small = gates(SuiteTaker(), SuiteTaker(forgotten=lost[:2]))
    assert small[f"forgetting: {name}"].passed is None


def test_what_the_base_could_not_do_is_not_forgotten() -> None:
    never = [f"general-{number:02}" for number in range(1, 41)]
    found = gates(SuiteTaker(forgotten=never), SuiteTaker(forgotten=never))
    assert found["forgetting: general"].passed is True
    assert "lost" not in found["forgetting: general"].note
    assert gates(SuiteTaker(forgotten=never), SuiteTaker())["forgetting: general"].value == pytest.approx(40 / 56)


def test_a_model_that_only_quotes_is_asked_only_to_read() -> None:
    found = gates(SuiteTaker(quotes_only=True), SuiteTaker(quotes_only=True))
    assert list(found) == ["forgetting: reading", "forgetting: abstention", "forgetting"]
    assert found["forgetting"].note.startswith("base 112")


def test_a_model_that_lost_a_kind_of_task_fails() -> None:
    assert gates(SuiteTaker(), SuiteTaker(quotes_only=True))["forgetting: general"].passed is False


def test_a_tuned_model_that_fails_to_reply_does_not_pass() -> None:
    one = gates(SuiteTaker(), SuiteTaker(failing=["general-03"]))["forgetting: general"]
    assert one.passed is None
    assert "failed on 1 of 56 items" in one.note
    assert "a reply failed: the endpoint did not answer" in one.note
    many = gates(SuiteTaker(), SuiteTaker(failing=[f"general-{n:02}" for n in range(1, 8)]))["forgetting: general"]
    assert many.passed is False


def test_a_base_that_fails_shows_nothing() -> None:
    found = gates(SuiteTaker(failing=REFUSALS), SuiteTaker())["forgetting: refusal"]
    assert found.passed is None
    assert found.value is None
    assert "nothing could be compared" in found.note
    assert "a reply failed" in found.note


def test_an_answer_below_the_models_confidence_is_an_abstention() -> None:
    model = SuiteTaker(quotes_only=True, confidence=0.4)
    unsure = run_suite(Subject(model=model, answer_from=0.5))
    assert Counter((outcome.set, outcome.right) for outcome in unsure) == {
        ("reading", False): 56,
        ("abstention", True): 56,
    }
    assert unsure[0] == Outcome(
        item="reading-01",
        set="reading",
        right=False,
        text="",
        note="its confidence is below the one from which it answers",
    )
    sure = run_suite(Subject(model=model, answer_from=0.4))
    assert all(outcome.right for outcome in sure)


class Spoken:
    """The suite taker as a chat model: it sees a conversation, and abstains in words."""

    name = "fake/spoken"
    context_window = None

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        shown = messages[-1].content
        item = next(item for item in load_suite() if shown.endswith(item.prompt.question))
        reply = SuiteTaker().reply(item.prompt)
        return Completion(
            text=reply.text or "NOT IN THE SOURCES.", usage=None, finished="stop", first_token_ms=None, total_ms=1.0
        )

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        yield self.complete(messages)


def test_a_chat_model_takes_the_whole_suite() -> None:
    outcomes = run_suite(Subject(model=ChatModel(Spoken())))
    assert len(outcomes) == 280
    assert [outcome for outcome in outcomes if not outcome.right] == []


class Meets(SuiteTaker):
    """Each of two replies waits until the other one is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.both = threading.Barrier(2, timeout=20)

    def reply(self, prompt: Prompt) -> Reply:
        self.both.wait()
        return super().reply(prompt)


def test_questions_are_asked_at_the_same_time_and_kept_in_order() -> None:
    items = load_suite(per_set=2)
    seen: list[tuple[int, int]] = []
    found = run_suite(
        Subject(model=Meets()), items, concurrency=2, progress=lambda done, total: seen.append((done, total))
    )
    assert [outcome.item for outcome in found] == [item.id for item in items]
    assert seen == [(done, 10) for done in range(1, 11)]


def test_an_interruption_stops_asking() -> None:
    model = SuiteTaker()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_suite(Subject(model=model), progress=interrupt)
    assert len(model.asked) < 280
