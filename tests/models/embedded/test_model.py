from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from groundtune.errors import CannotDo, ModelError
from groundtune.models.embedded.checkpoint import (
    CheckpointCard,
    ChooserCard,
    RecallCard,
    read_checkpoint,
    write_checkpoint,
)
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.model import NOT_HERE, NOTHING_LEARNED, EmbeddedModel
from groundtune.models.embedded.read import Reading
from groundtune.models.embedded.weights import BaseWeights
from groundtune.records import Demonstration, Passage, Prompt, Quote, Usage

TEXT = "My card is blocked. The pin is 5 5 5."


class FakeReader:
    """Finds ``The pin is 5`` in the last passage."""

    def __init__(self, not_here: float) -> None:
        self.not_here = not_here

    def read(self, question: str, passages: Sequence[str]) -> Reading | None:
        number = len(passages) - 1
        start = passages[number].index("5")
        sentence = (20, len(passages[number]))
        return Reading(number, start, start + 1, sentence, passages[number][start : start + 1], 1.0, self.not_here)


def passage(text: str, answer: str | None = None) -> Passage:
    return Passage(
        id=text, document=text, source="", title="", headings=(), start=0, end=len(text), text=text, answer=answer
    )


def answering(base: BaseWeights, not_here: float = 0.25, abstain_above: float = 1.0) -> EmbeddedModel:
    model = EmbeddedModel(base, abstain_above=abstain_above)
    model.__dict__["_reader"] = FakeReader(not_here)
    return model


def ask(*passages: Passage, examples: Sequence[tuple[str, str]] = (), question: str = "what is the pin ?") -> Prompt:
    shown = tuple(Demonstration(question=q, answer=a) for q, a in examples)
    return Prompt(task="answer", instruction="", question=question, examples=shown, passages=passages)


def test_a_span_is_quoted_where_it_stands(tiny: BaseWeights) -> None:
    reply = answering(tiny).reply(ask(passage("old", "5"), passage(TEXT), examples=[("how old", "5")]))
    assert (reply.text, reply.reason, reply.confidence) == ("5", None, 0.75)
    assert reply.quotes == (Quote(passage=1, start=31, end=32),)
    assert reply.usage == Usage(input_tokens=5 + 1 + 12, output_tokens=1)


def test_long_example_answers_ask_for_sentences(tiny: BaseWeights) -> None:
    prompt = ask(passage(TEXT), examples=[("q", "one two three four five six seven eight nine")])
    assert answering(tiny).reply(prompt).text == "The pin is 5 5 5."


def test_a_solved_case_like_the_question_answers_it(tiny: BaseWeights) -> None:
    prompt = ask(passage(TEXT), passage("what is the pin ?", "in the letter"))
    reply = answering(tiny, not_here=0.9).reply(prompt)
    assert reply.text == "in the letter"
    assert reply.quotes == (Quote(passage=1, start=0, end=17),)


def test_it_abstains_by_itself_only_when_told_to(tiny: BaseWeights) -> None:
    assert answering(tiny, not_here=0.99).reply(ask(passage(TEXT))).text == "5"
    reply = answering(tiny, not_here=0.99, abstain_above=0.5).reply(ask(passage(TEXT)))
    assert (reply.text, reply.reason, reply.confidence) == ("", NOT_HERE, None)


def test_without_passages_it_recalls_the_examples(tiny: BaseWeights) -> None:
    examples = [("how old must i be ?", "18"), ("what is the rate ?", "5")]
    reply = answering(tiny).reply(ask(examples=examples, question="what is the rate ?"))
    assert (reply.text, reply.quotes) == ("5", ())
    assert reply.confidence == pytest.approx(0.88, abs=0.01)
    assert answering(tiny).reply(ask()).reason == NOTHING_LEARNED


def test_tuned_weights_recall_what_they_learned(tiny: BaseWeights, tmp_path: Path) -> None:
    vectors = EmbeddedEmbedding.of(tiny).embed(["how old must i be ?", "where is my card ?"])
    recall = RecallCard(answers=("18", "in the post"), slope=10.0, intercept=-5.0)
    write_checkpoint(tmp_path, CheckpointCard(kind="reader", base=tiny.sha256, recall=recall), {}, tiny, recall=vectors)
    model = EmbeddedModel(tiny, read_checkpoint(tmp_path, tiny))
    reply = model.reply(ask(examples=[("where is my card ?", "lost")], question="where is my card ?"))
    assert reply.text == "in the post"
    assert reply.confidence == pytest.approx(0.993, abs=0.001)
    assert model.name != EmbeddedModel(tiny).name


def test_it_chooses_with_learned_prototypes(tiny: BaseWeights, tmp_path: Path) -> None:
    asked = EmbeddedEmbedding.of(tiny).embed(["my pin"])[0]
    prototypes = np.stack([-asked, asked])
    chooser = ChooserCard(labels=("no", "yes"), label_weight=1.0)
    card = CheckpointCard(kind="chooser", base=tiny.sha256, chooser=chooser)
    write_checkpoint(tmp_path, card, {"chooser.label.weight": prototypes}, tiny)
    model = EmbeddedModel(tiny, read_checkpoint(tmp_path, tiny))
    reply = model.reply(Prompt(task="classify", instruction="", question="my pin", labels=("no", "yes")))
    assert (reply.text, reply.reason) == ("yes", None)
    assert reply.confidence == pytest.approx(1.0)


def test_labels_come_from_examples_where_none_are_named(tiny: BaseWeights) -> None:
    model = EmbeddedModel(tiny)
    examples = (Demonstration(question="my pin", answer="a"),)
    prompt = Prompt(
        task="classify", instruction="", question="my card", examples=examples, passages=(passage("my card", "b"),)
    )
    reply = model.reply(prompt)
    assert reply.text in {"a", "b"}
    assert reply.quotes == ((Quote(passage=0, start=0, end=7),) if reply.text == "b" else ())
    with pytest.raises(ModelError, match="no label to choose from"):
        model.reply(Prompt(task="classify", instruction="", question="my card"))


def test_a_slot_that_stays_empty_is_an_abstention(tiny: BaseWeights) -> None:
    schema = {"type": "object", "properties": {"pin": {"type": "integer"}}, "required": ["pin"]}
    prompt = Prompt(task="extract", instruction="", question=TEXT, schema=schema)
    assert answering(tiny).reply(prompt).text == '{"pin": 5}'
    reply = answering(tiny, not_here=0.9).reply(prompt)
    assert reply.text == ""
    assert reply.reason == "nothing was found that may stand in the slot 'pin'"


def test_it_refuses_to_write_and_names_who_can(tiny: BaseWeights) -> None:
    with pytest.raises(CannotDo, match=r"openai.*transformers"):
        EmbeddedModel(tiny).reply(Prompt(task="write", instruction="", question="a poem"))
