from __future__ import annotations

from dataclasses import dataclass

from groundtune.errors import ModelError
from groundtune.records import Hit, Passage, Prompt, Query, Quote, Reply, Usage
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.system import NOT_SURE, NOTHING_FOUND, System

TEXT = "The fee is 3 euros."
PASSAGE = Passage(id="p", document="d", source="d.md", title="D", headings=(), start=100, end=119, text=TEXT)
QUERY = Query(id="q", question="What is the fee?")
USAGE = Usage(input_tokens=9, output_tokens=2)


@dataclass
class Scripted:
    """Says what it was told to say and remembers what it saw."""

    reply_: Reply | ModelError
    seen: Prompt | None = None
    name: str = "scripted"

    def reply(self, prompt: Prompt) -> Reply:
        self.seen = prompt
        if isinstance(self.reply_, ModelError):
            raise self.reply_
        return self.reply_


@dataclass
class Finds:
    passages: tuple[Passage, ...]

    def retrieve(self, query: Query) -> list[Hit]:
        assert query.answers == ()
        return [Hit(rank=n, score=1.0, passage=p) for n, p in enumerate(self.passages, start=1)]


def replied(confidence: float | None = 0.9, reason: str | None = None) -> Reply:
    return Reply(
        text="3 euros", reason=reason, quotes=(Quote(passage=0, start=11, end=18),), confidence=confidence, usage=USAGE
    )


def test_the_retrieval_switch_puts_passages_into_the_same_prompt() -> None:
    template = PromptTemplate(task="answer", instruction="Be brief.")
    bare, context = Scripted(replied()), Scripted(replied())
    System(id="prompt", model=bare, template=template).answer(QUERY)
    System(id="rag", model=context, template=template, retriever=Finds((PASSAGE,))).answer(QUERY)
    assert bare.seen is not None
    assert context.seen is not None
    assert bare.seen.passages == ()
    assert context.seen.passages == (PASSAGE,)
    assert (bare.seen.instruction, bare.seen.question) == (context.seen.instruction, context.seen.question)


def test_citations_are_verbatim_and_have_offsets_into_the_document() -> None:
    system = System(
        id="rag", model=Scripted(replied()), template=PromptTemplate(task="answer"), retriever=Finds((PASSAGE,))
    )
    answer = system.answer(QUERY)
    assert [(c.quote, c.start, c.end) for c in answer.citations] == [("3 euros", 111, 118)]
    assert set(answer.milliseconds) == {"retrieve", "model", "total"}
    assert answer.usage == USAGE


def test_it_abstains_with_a_reason_when_nothing_is_found_and_asks_no_model() -> None:
    model = Scripted(replied())
    answer = System(id="rag", model=model, template=PromptTemplate(task="answer"), retriever=Finds(())).answer(QUERY)
    assert (answer.abstained, answer.reason, answer.text, model.seen) == (True, NOTHING_FOUND, "", None)


def test_it_abstains_below_the_calibrated_confidence_and_keeps_the_confidence() -> None:
    template = PromptTemplate(task="answer")
    unsure = System(id="prompt", model=Scripted(replied(0.4)), template=template, answer_from=0.5).answer(QUERY)
    sure = System(id="prompt", model=Scripted(replied(0.6)), template=template, answer_from=0.5).answer(QUERY)
    assert (unsure.abstained, unsure.reason, unsure.text, unsure.confidence) == (True, NOT_SURE, "", 0.4)
    assert (sure.abstained, sure.text) == (False, "3 euros")


def test_a_failing_model_is_a_record_not_an_abstention() -> None:
    answer = System(
        id="prompt", model=Scripted(ModelError("it fell over")), template=PromptTemplate(task="answer")
    ).answer(QUERY)
    assert (answer.error, answer.abstained, answer.text) == ("it fell over", False, "")


def test_an_answer_is_said_without_its_markup_and_cited_with_it() -> None:
    text = "See [the fee table](fees.md): it is *3 euros*."
    passage = Passage(id="p", document="d", source="d.md", title="D", headings=(), start=0, end=len(text), text=text)
    reply = Reply(
        text=text, reason=None, quotes=(Quote(passage=0, start=0, end=len(text)),), confidence=0.9, usage=USAGE
    )
    template = PromptTemplate(task="answer")
    answer = System(id="rag", model=Scripted(reply), template=template, retriever=Finds((passage,))).answer(QUERY)
    assert answer.text == "See the fee table: it is 3 euros."
    assert answer.citations[0].quote == text
    marks = Reply(text="**", reason=None, quotes=(), confidence=0.9, usage=USAGE)
    empty = System(id="rag", model=Scripted(marks), template=template, retriever=Finds((passage,))).answer(QUERY)
    assert (empty.abstained, empty.reason, empty.text, empty.citations) == (True, NOT_SURE, "", ())
