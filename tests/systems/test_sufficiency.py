"""The signals of an answer, and what a fitted model makes of them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.records import Hit, Passage, Query, Quote, Reply
from groundtune.systems import PromptTemplate, System
from groundtune.systems.sufficiency import Sufficiency, Weight, signals
from groundtune.systems.system import NOT_SURE

TEXTS = ("The gate closes at eight in the evening.", "Dogs stay outside the gate.", "Bread is baked on Monday.")


def passage(text: str, answer: str | None = None) -> Passage:
    return Passage(
        id=text[:4], document="d", source="d", title="", headings=(), start=0, end=len(text), text=text, answer=answer
    )


def hits(*scores: float) -> list[Hit]:
    pairs = zip(scores, TEXTS, strict=False)
    return [Hit(rank=n, score=score, passage=passage(text)) for n, (score, text) in enumerate(pairs, start=1)]


def test_signals_by_hand() -> None:
    found = signals("When is the gate closing on Sunday?", hits(0.9, 0.6, 0.3), "the Gate", 0.75)
    assert found == {
        "top": 0.9,
        "lead": pytest.approx(0.3),
        "coverage": pytest.approx(1 / 4),  # "gate" of when, gate, closing, Sunday; "closes" has another stem
        "agreement": pytest.approx(2 / 3),
        "model": pytest.approx(math.log(3)),
    }
    assert "model" not in signals("When?", hits(0.9), "eight", None)
    assert signals("When?", [], "eight", 0.5) == {}


def test_demonstrations_agree_by_their_answers() -> None:
    shown = [Hit(rank=n, score=1.0, passage=passage("Hello", answer)) for n, answer in enumerate(["card", "cash"], 1)]
    assert signals("Hi", shown, "cash", None)["agreement"] == 0.5


@given(
    st.text(max_size=60),
    st.lists(st.floats(-1e3, 1e3), max_size=3),
    st.text(max_size=20),
    st.none() | st.floats(0, 1),
)
def test_signals_are_finite_and_shares_are_shares(
    question: str, scores: list[float], text: str, confidence: float | None
) -> None:
    found = signals(question, hits(*scores), text, confidence)
    assert all(math.isfinite(value) for value in found.values())
    assert all(0 <= found[name] <= 1 for name in ("coverage", "agreement") if found)
    assert not found or found["lead"] >= -1e-9


MODEL = Sufficiency(
    bias=-1.0,
    weights={"top": Weight(mean=0.5, scale=0.1, weight=2.0), "coverage": Weight(mean=0.5, scale=0.5, weight=1.0)},
)


def test_the_model_is_logistic_in_its_signals_and_comes_back_from_json() -> None:
    found = {"top": 0.6, "coverage": 1.0, "lead": 7.0}
    assert MODEL.probability(found) == pytest.approx(1 / (1 + math.exp(-(-1.0 + 2.0 + 1.0))))
    assert MODEL.probability({"top": 0.6}) is None
    assert Sufficiency.from_json(json.loads(json.dumps(MODEL.to_json()))) == MODEL


class Says:
    name = "says"

    def reply(self, prompt: object) -> Reply:
        return Reply(
            text="eight", reason=None, quotes=(Quote(passage=0, start=19, end=24),), confidence=None, usage=None
        )


class Finds:
    def __init__(self, *scores: float) -> None:
        self.hits = hits(*scores)

    def retrieve(self, query: Query) -> list[Hit]:
        return self.hits


@pytest.mark.parametrize(("top", "answers"), [(0.9, True), (0.3, False)])
def test_a_model_without_confidence_abstains_by_what_was_found(top: float, answers: bool) -> None:
    system = System(
        id="rag",
        model=Says(),
        template=PromptTemplate(task="answer"),
        retriever=Finds(top, 0.2),
        answer_from=0.5,
        sufficiency=MODEL,
    )
    answer = system.answer(Query(id="q", question="When does the gate close?"))
    assert answer.confidence == MODEL.probability(signals("When does the gate close?", answer.hits, "eight", None))
    assert (answer.text, answer.reason) == (("eight", None) if answers else ("", NOT_SURE))
    assert bool(answer.citations) is answers
