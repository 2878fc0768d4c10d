from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import BudgetSpent, ModelError
from groundtune.records import Answer, Hit, Passage, Prompt, Query, Quote, Reply, Task, Usage
from groundtune.systems.prompt import TEMPLATE_VERSION, PromptTemplate
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


def test_an_answer_names_its_model_its_template_and_where_it_is_from() -> None:
    reply = replace(replied(), first_token_ms=12.5, from_cache=True)
    answer = System(id="prompt", model=Scripted(reply), template=PromptTemplate(task="answer")).answer(QUERY)
    assert (answer.model, answer.template, answer.from_cache) == ("scripted", TEMPLATE_VERSION, True)
    assert answer.milliseconds["first_token"] == 12.5
    unsure = System(
        id="prompt", model=Scripted(replied(0.1)), template=PromptTemplate(task="answer"), answer_from=0.5
    ).answer(QUERY)
    assert (unsure.model, unsure.usage) == ("scripted", USAGE)
    failed = System(id="prompt", model=Scripted(ModelError("too long")), template=PromptTemplate(task="answer")).answer(
        QUERY
    )
    assert (failed.model, failed.template, failed.from_cache) == ("scripted", TEMPLATE_VERSION, False)


def test_an_answer_for_which_no_model_was_asked_names_none() -> None:
    system = System(id="rag", model=Scripted(replied()), template=PromptTemplate(task="answer"), retriever=Finds(()))
    answer = system.answer(QUERY)
    assert (answer.model, answer.template, answer.usage) == (None, None, None)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BudgetSpent(limit=Decimal(5), spent=Decimal(4), needed=Decimal(2))]
)
def test_what_is_no_failure_of_the_model_passes_through(error: BaseException) -> None:
    class Stops(Scripted):
        def reply(self, prompt: Prompt) -> Reply:
            raise error

    with pytest.raises(type(error)):
        System(id="prompt", model=Stops(replied()), template=PromptTemplate(task="answer")).answer(QUERY)


@dataclass
class Streaming(Scripted):
    """Gives its reply in pieces, and fails after them where it is told to."""

    pieces: tuple[str, ...] = ()
    fails: ModelError | None = None
    whole: bool = True
    closed: bool = False

    def stream(self, prompt: Prompt) -> Iterator[str | Reply]:
        self.seen = prompt
        try:
            yield from self.pieces
            if self.fails:
                raise self.fails
            if self.whole:
                yield self.reply(prompt)
        finally:
            self.closed = True


def told(text: str, reason: str | None = None) -> Reply:
    return Reply(text=text, reason=reason, quotes=(), confidence=None, usage=USAGE)


def streamed(model: Scripted, *passages: Passage, task: Task = "answer") -> tuple[list[str], Answer]:
    retriever = Finds(passages) if passages else None
    system = System(id="rag", model=model, template=PromptTemplate(task=task), retriever=retriever)
    *pieces, answer = system.stream(QUERY)
    assert isinstance(answer, Answer)
    return [piece for piece in pieces if isinstance(piece, str)], answer


def untimed(answer: Answer) -> Answer:
    return replace(answer, milliseconds=dict.fromkeys(answer.milliseconds, 0.0))


def test_a_stream_ends_with_what_would_have_been_answered_at_once() -> None:
    model = Streaming(replied(), pieces=("3 ", "eu", "ros"))
    pieces, answer = streamed(model, PASSAGE)
    assert pieces == ["3", " eu", "ros"]
    at_once = System(id="rag", model=model, template=PromptTemplate(task="answer"), retriever=Finds((PASSAGE,)))
    assert untimed(answer) == untimed(at_once.answer(QUERY))


def test_a_model_that_cannot_be_read_while_it_writes_answers_in_one_piece() -> None:
    pieces, answer = streamed(Scripted(replied()), PASSAGE)
    assert pieces == ["3 euros"] == [answer.text]


def test_an_abstention_has_no_piece_of_its_own() -> None:
    assert streamed(Scripted(told("", "it does not say")))[0] == []
    system = System(id="rag", model=Streaming(replied()), template=PromptTemplate(task="answer"), retriever=Finds(()))
    (answer,) = system.stream(QUERY)
    assert isinstance(answer, Answer)
    assert answer.reason == NOTHING_FOUND


def test_a_stream_that_fails_half_way_ends_with_its_error() -> None:
    pieces, answer = streamed(Streaming(replied(), pieces=("3 eu",), fails=ModelError("it fell over")))
    assert (pieces, answer.error, answer.text) == (["3 eu"], "it fell over", "")
    assert (answer.model, answer.usage) == ("scripted", None)
    pieces, answer = streamed(Streaming(replied(), pieces=("3 eu",), whole=False))
    assert answer.error is not None
    assert "ended before its reply" in answer.error


def test_whoever_leaves_closes_the_stream_of_the_model() -> None:
    model = Streaming(replied(), pieces=("3 ", "eu", "ros"))
    stream = System(id="prompt", model=model, template=PromptTemplate(task="answer")).stream(QUERY)
    assert next(stream) == "3"
    assert not model.closed
    stream.close()
    assert model.closed


MARKUP = st.lists(
    st.sampled_from(
        [
            "a",
            " b",
            "*",
            "**",
            "[",
            "]",
            "(",
            ")",
            "[x](y)",
            "!",
            "<",
            "<a href=x>",
            "</a>",
            "\\",
            "\\*",
            "\n",
            "`",
            "|",
        ]
    ),
    max_size=12,
)


@given(MARKUP, st.integers(1, 4))
def test_the_pieces_are_the_text_or_the_text_follows_them(parts: list[str], length: int) -> None:
    said = "".join(parts)
    cut = tuple(said[first : first + length] for first in range(0, len(said), length))
    pieces, answer = streamed(Streaming(told(said), pieces=cut))
    joined = "".join(pieces)
    assert joined.startswith(answer.text) or joined.endswith(answer.text)


@pytest.mark.parametrize("said", ["See [the fees](f.md): **3** euros!", "a < b, c[0] and <a name='x'></a>d \\*"])
def test_markup_is_never_shown_on_the_way(said: str) -> None:
    pieces, answer = streamed(Streaming(told(said), pieces=tuple(said)))
    assert "".join(pieces) == answer.text
    assert len(pieces) > 5
    asked_for = "".join(streamed(Streaming(told(said), pieces=tuple(said)), task="write")[0])
    assert asked_for == said


def test_what_is_no_text_yet_is_corrected_by_the_whole_answer() -> None:
    pieces, answer = streamed(Streaming(told("Three."), pieces=("<thi", "nk>hm</think>", "Three.")))
    assert "".join(pieces).endswith("Three.")
    assert answer.text == "Three."
