from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.models.messages import ABSTAIN
from groundtune.models.replies import parse_reply
from groundtune.records import Completion, Demonstration, Passage, Prompt, Quote, Reply
from groundtune.systems.prompt import PromptTemplate
from groundtune.training.generator import Conversation, Mix, conversations
from groundtune.training.generator.conversations import asking
from groundtune.training.rows import TrainingRow, locate

TEMPLATE = PromptTemplate(task="answer", instruction="Answer from the manual.")


def passage(identity: str, text: str, answer: str | None = None) -> Passage:
    document = identity.split("#")[0]
    return Passage(
        id=identity,
        document=document,
        source="",
        title=document,
        headings=(),
        start=0,
        end=len(text),
        text=text,
        answer=answer,
    )


GOLD = passage("warranty#1", "Batteries. The warranty lasts 30 months from the day of sale. Keep the receipt.")
DISTRACTORS = tuple(passage(f"doc{i}#1", f"Chapter {i} is about cleaning. It has pictures.") for i in range(8))
ROW = TrainingRow(
    id="w1", question="How long is the warranty?", answer="30 months", passages=(DISTRACTORS[0], GOLD, *DISTRACTORS[1:])
)
ALWAYS, NEVER = Mix(without_evidence=1.0), Mix(without_evidence=0.0)


def learned(conversation: Conversation) -> str:
    return conversation.messages[-1].content


def read(conversation: Conversation, passages: Sequence[Passage]) -> Reply:
    """The learned turn as serving would read it."""
    completion = Completion(text=learned(conversation), usage=None, finished="stop", first_token_ms=None, total_ms=1.0)
    return parse_reply(completion, TEMPLATE.fill(ROW.question, passages))


def shown(conversation: Conversation, among: Sequence[Passage]) -> list[Passage]:
    """The passages of a conversation, in its order."""
    asked = conversation.messages[-2].content
    return sorted((p for p in among if p.text in asked), key=lambda p: asked.index(p.text))


def test_an_example_is_told_without_and_with_passages_in_the_form_in_which_it_will_be_asked() -> None:
    from groundtune.models.messages import render

    plain, with_evidence = conversations([ROW], TEMPLATE, NEVER)
    assert (plain.form, with_evidence.form) == ("plain", "evidence")
    assert list(plain.messages[:-1]) == render(TEMPLATE.fill(ROW.question))
    assert learned(plain) == "30 months"
    passages = shown(with_evidence, ROW.passages)
    assert list(with_evidence.messages[:-1]) == render(TEMPLATE.fill(ROW.question, passages))


def test_the_sentence_with_the_answer_is_cited_so_that_serving_finds_it() -> None:
    _, told = conversations([ROW], TEMPLATE, NEVER)
    passages = shown(told, ROW.passages)
    reply = read(told, passages)
    assert reply.text == "30 months"
    assert [passages[q.passage].id for q in reply.quotes] == [GOLD.id]
    assert [GOLD.text[q.start : q.end] for q in reply.quotes] == ["The warranty lasts 30 months from the day of sale."]


def test_distractors_alone_teach_to_abstain() -> None:
    _, told = conversations([ROW], TEMPLATE, ALWAYS)
    assert told.form == "no_evidence"
    assert learned(told) == ABSTAIN[True]
    assert GOLD.text not in told.messages[-2].content
    assert read(told, DISTRACTORS).reason is not None


def test_a_passage_that_may_answer_is_no_distractor() -> None:
    same_document = passage("warranty#2", "The guarantee covers two and a half years.")
    also_says = passage("faq#1", "You have 30 months to claim.")
    row = TrainingRow(id="r", question="?", answer="30 months", passages=(GOLD, same_document, also_says), gold=(GOLD,))
    assert [told.form for told in conversations([row], TEMPLATE, ALWAYS)] == ["plain", "evidence"]
    for seed in range(10):
        _, told = conversations([row], TEMPLATE, Mix(without_evidence=0.0, seed=seed))
        assert also_says.text not in told.messages[-2].content


def test_an_example_whose_evidence_is_unknown_keeps_its_plain_form_alone() -> None:
    row = TrainingRow(id="r", question="?", answer="in other words", passages=DISTRACTORS)
    assert [told.form for told in conversations([row], TEMPLATE, Mix())] == ["plain"]


def test_labelled_evidence_counts_even_where_the_answer_does_not_stand_in_it() -> None:
    row = TrainingRow(
        id="r", question="Does the warranty last two years?", answer="Yes", passages=DISTRACTORS, gold=(GOLD,)
    )
    _, told = conversations([row], TEMPLATE, NEVER)
    passages = shown(told, [*DISTRACTORS, GOLD])
    assert [passages[q.passage].id for q in read(told, passages).quotes] == [GOLD.id]
    assert '"The warranty lasts 30 months from the day of sale."' in learned(told)


def test_gold_stands_at_every_place_and_the_number_of_passages_varies() -> None:
    rows = [TrainingRow(id=str(i), question="?", answer="30 months", passages=ROW.passages) for i in range(200)]
    told = [one for one in conversations(rows, TEMPLATE, NEVER) if one.form == "evidence"]
    orders = [shown(one, ROW.passages) for one in told]
    assert {len(order) for order in orders} == {2, 3, 4, 5}
    assert {order.index(GOLD) for order in orders} == {0, 1, 2, 3, 4}
    # The hardest distractors are taken, not any.
    assert all(set(order) - {GOLD} == set(DISTRACTORS[: len(order) - 1]) for order in orders)


def test_the_share_without_evidence_is_kept() -> None:
    rows = [TrainingRow(id=str(i), question="?", answer="30 months", passages=ROW.passages) for i in range(1000)]
    told = conversations(rows, TEMPLATE, Mix(without_evidence=0.2))
    share = sum(one.form == "no_evidence" for one in told) / len(rows)
    assert share == pytest.approx(0.2, abs=0.04)  # three standard errors


def test_one_more_example_changes_no_other() -> None:
    rows = [TrainingRow(id=str(i), question="?", answer="30 months", passages=ROW.passages) for i in range(20)]
    assert conversations(rows[1:], TEMPLATE, Mix()) == [
        one for one in conversations(rows, TEMPLATE, Mix()) if one.id != "0"
    ]


def test_a_label_or_an_object_gets_what_retrieval_gives_and_never_an_abstention() -> None:
    template = PromptTemplate(task="classify", labels=("refund", "delivery"))
    examples = tuple(passage(f"e{i}", f"Where is parcel {i}?", answer="delivery") for i in range(7))
    row = TrainingRow(id="c", question="I want my money back", answer="refund", passages=examples)
    plain, with_examples = conversations([row], template, Mix(passages=3, without_evidence=1.0))
    assert learned(plain) == learned(with_examples) == "refund"
    assert with_examples.form == "retrieved"
    assert shown(with_examples, examples) == list(examples[:3])


def test_demonstrations_are_no_evidence_to_cite() -> None:
    row = TrainingRow(id="c", question="?", answer="30 months", passages=(passage("e1", "How long?", "30 months"),))
    _, told = conversations([row], TEMPLATE, ALWAYS)
    assert (told.form, learned(told)) == ("retrieved", "30 months")


def test_an_example_is_not_its_own_few_shot_example() -> None:
    template = PromptTemplate(
        task="answer",
        examples=(
            Demonstration(question=ROW.question, answer=ROW.answer),
            Demonstration(question="Which colour?", answer="red"),
        ),
    )
    assert [shown.question for shown in asking(template, ROW).examples] == ["Which colour?"]
    for told in conversations([ROW], template, NEVER):
        assert sum(message.content == ROW.answer for message in told.messages[:-1]) == 0


def test_a_distilled_answer_cites_what_the_teacher_cited() -> None:
    other = passage("law#1", "By law it is 24 months. The maker adds six.")
    row = TrainingRow(id="w", question="?", answer="24 and 6 months", passages=DISTRACTORS, gold=(GOLD, other))
    quotes = {"w": (Quote(passage=1, start=0, end=23), Quote(passage=1, start=24, end=43))}
    _, told = conversations([row], TEMPLATE, NEVER, quotes=quotes)
    passages = shown(told, [*DISTRACTORS, GOLD, other])
    place = passages.index(other) + 1
    assert learned(told) == f'24 and 6 months\n[S{place}] "By law it is 24 months."\n[S{place}] "The maker adds six."'


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=80)


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=8, unique=True),
    answer=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12),
    gold=st.integers(0, 7),
    passages=st.integers(1, 6),
    share=st.floats(0, 1),
    labelled=st.booleans(),
)
def test_whatever_the_texts_the_forms_hold_what_they_promise(
    texts: list[str], answer: str, gold: int, passages: int, share: float, labelled: bool
) -> None:
    found = tuple(passage(f"d{i}#0", text) for i, text in enumerate(texts))
    row = TrainingRow(
        id="x", question="q?", answer=answer, passages=found, gold=(found[gold % len(found)],) if labelled else ()
    )
    recorder = Recorder()
    told = conversations([row], recorder, Mix(passages=passages, without_evidence=share))
    assert told[0].form == "plain"
    assert len(told) <= 2
    for one in told[1:]:
        given = recorder.filled[-1]
        holding = [p for p in given if p in row.gold or locate(answer, p.text) is not None]
        assert len(given) <= max(passages, 1)
        assert len({p.id for p in given}) == len(given)
        assert bool(holding) == (one.form == "evidence")
        assert (learned(one) == ABSTAIN[True]) == (one.form == "no_evidence")
        if one.form == "evidence":
            assert learned(one).startswith(answer)


class Recorder:
    """A template that remembers which passages it was filled with."""

    def __init__(self) -> None:
        self.filled: list[tuple[Passage, ...]] = []

    def fill(self, question: str, passages: Sequence[Passage] = ()) -> Prompt:
        self.filled.append(tuple(passages))
        return TEMPLATE.fill(question, passages)
