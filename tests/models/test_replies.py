"""What chat models write, read as replies: quotes are verbatim or they are not quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import ModelError
from groundtune.models.replies import parse_reply, shown_while_streaming
from groundtune.records import Completion, Passage, Prompt, Reply, Usage

TEXTS = ("The seal is 12 mm wide — “made of rubber”.\nIt lasts two years.", "Call Ruth at 6 p.m.")


def prompt(task: str = "answer", labels: tuple[str, ...] = (), texts: tuple[str, ...] = TEXTS) -> Prompt:
    passages = tuple(
        Passage(id=str(n), document="d", source="d", title="", headings=(), start=0, end=len(t), text=t)
        for n, t in enumerate(texts)
    )
    return Prompt(task=task, instruction="", question="?", labels=labels, passages=passages)  # type: ignore[arg-type]


def read(text: str, given: Prompt | None = None) -> Reply:
    usage = Usage(input_tokens=3, output_tokens=2)
    completion = Completion(text=text, usage=usage, finished="stop", first_token_ms=4.0, total_ms=9.0, from_cache=True)
    return parse_reply(completion, given or prompt())


def quoted(reply: Reply) -> list[str]:
    return [TEXTS[quote.passage][quote.start : quote.end] for quote in reply.quotes]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('[S1] "12 mm wide"', ["12 mm wide"]),
        ("- [S1]: “12 mm wide”", ["12 mm wide"]),
        ('[S1] "made of rubber\'. It lasts"', ["made of rubber”.\nIt lasts"]),
        ('[S1] "The seal … two years."', ["The seal", "two years."]),
        ('[S2] "Call Ruth at 6 p.m."', ["Call Ruth at 6 p.m."]),
        ('[S2] "12 mm wide"', []),
        ('[S9] "12 mm wide"', []),
        ('[S0] "12 mm wide"', []),
        ('[S1] "13 mm wide"', []),
        ('[S1] "2 mm wide"', []),
    ],
)
def test_citations_are_verbatim_or_dropped(line: str, found: list[str]) -> None:
    reply = read(f"About so wide.\n{line}")
    assert (reply.text, quoted(reply)) == ("About so wide.", found)


def test_markers_inside_the_answer_are_not_shown() -> None:
    reply = read('It is 12 mm wide [S1]. Ruth knows [S1, S2].\n\nSources:\n[S1] "12 mm"')
    assert reply.text == "It is 12 mm wide. Ruth knows."
    assert quoted(reply) == ["12 mm"]


def test_an_answer_that_stands_in_a_passage_is_its_own_quote() -> None:
    assert quoted(read("two years")) == ["two years"]
    assert quoted(read("two year")) == []


@pytest.mark.parametrize(
    "text", ["NOT IN THE SOURCES", "**Not in the sources.**", "I do not know.", " I DO NOT KNOW\n"]
)
def test_the_sentinels_are_abstentions(text: str) -> None:
    reply = read(text)
    assert (reply.text, reply.quotes) == ("", ())
    assert reply.reason


def test_reasoning_aloud_is_not_the_answer() -> None:
    assert read("<think>NOT IN THE SOURCES? no: 12</think>\n12 mm").text == "12 mm"
    assert read("the template opened them: 13?</think>\n12 mm").text == "12 mm"
    with pytest.raises(ModelError, match="max_output_tokens"):
        read("<think>and so on")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("card_lost", "card_lost"),
        ("Card lost.", "card_lost"),
        ("The label is: card_lost", "card_lost"),
        ("card_lost_abroad it is", "card_lost_abroad"),
        ("card_lost or refund", "card_lost or refund"),
        ("other", "other"),
    ],
)
def test_labels_are_matched_and_never_guessed(text: str, label: str) -> None:
    assert read(text, prompt("classify", ("card_lost", "card_lost_abroad", "refund"))).text == label


@given(st.text(min_size=1, max_size=120), st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_a_reply_whose_quotes_are_in_range(text: str, one: str, two: str) -> None:
    given_ = prompt(texts=(one, two))
    for said in (text, f'{text}\n[S1] "{one}"', f'{text}\n[S2] "{two[5:20]}…{one[:9]}"'):
        try:
            reply = read(said, given_)
        except ModelError:
            continue
        for quote in reply.quotes:
            assert 0 <= quote.start < quote.end <= len((one, two)[quote.passage])


@given(st.text(alphabet="abc ", min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 40))
def test_words_copied_from_a_passage_are_found_there(text: str, start: int, length: int) -> None:
    words = text.split()
    if not words:
        return
    first = start % len(words)
    copied = " ".join(words[first : first + length])
    reply = read(f'x\n[S1] "{copied}"', prompt(texts=(text,)))
    (quote,) = reply.quotes
    assert text[quote.start : quote.end].split() == copied.split()


def test_times_and_usage_are_passed_on() -> None:
    reply = read("12 mm")
    assert (reply.first_token_ms, reply.from_cache) == (4.0, True)
    assert reply.usage == Usage(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("NOT IN", ""),
        ("<think>so", ""),
        ('12 mm\n[S1] "12', "12 mm"),
        ("NOTE: 12", "NOTE: 12"),
        ("12 mm [", "12 mm"),
        ("a [S1] b", "a b"),
    ],
)
def test_a_stream_shows_neither_thoughts_nor_citation_lines(text: str, shown: str) -> None:
    assert shown_while_streaming(text, "answer") == shown


@given(
    st.lists(
        st.sampled_from(["12 mm", " wide", "\n", " ", "[S1]", "[", '"x"', "Sources:", "NOT", "-", "."]), max_size=9
    )
)
def test_what_a_stream_shows_only_grows_or_is_taken_back_by_a_citation(pieces: list[str]) -> None:
    """What is shown early is a beginning of the answer, unless a citation or heading turned up in it."""
    text = "".join(pieces)
    if not text.strip():
        return
    shown = shown_while_streaming(text, "answer")
    assert read(text).text.startswith(shown)
