"""What a chat model wrote, read as a reply: an answer with verbatim quotes, a label, or an abstention."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from groundtune.errors import ModelError
from groundtune.models.messages import ABSTAIN, DATAMARK, is_invisible
from groundtune.records import Completion, Prompt, Quote, Reply, Task

__all__ = ["parse_reply", "shown_while_streaming", "spoken"]

SAID_NOTHING = {
    True: "the model found no answer in the passages that it was given",
    False: "the model says that it does not know",
}
"""Why there is no answer, with passages and without."""

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHTS_BEFORE = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)  # some templates open them already
_CITATION = re.compile(r"^[ \t>*\-•]*\[S(\d+)\][ \t:—–-]*[\"“”„«'‘](.+?)[\"“”»'’]?[ \t.]*$", re.MULTILINE)
_MARKER = re.compile(r"\s*\[S\d+(?:\s*[,;]\s*S?\d+)*\]")
_CITATION_BEGINS = re.compile(r"^[ \t>*\-•]*\[S\d", re.MULTILINE)
_UNFINISHED = re.compile(r"\s*(?:\[[^\]]*)?\Z")  # at the end of a growing text: it may become a marker or a new line
_HEADING = re.compile(r"^[ \t*#]*(?:sources?|citations?)[ \t]*:?[ \t*]*$", re.IGNORECASE | re.MULTILINE)
_ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*")
_QUOTE_MARKS = str.maketrans(dict.fromkeys('"“”„«»‘’‚‹›`´', "'") | dict.fromkeys("‐‑‒–—−", "-"))


def parse_reply(completion: Completion, prompt: Prompt) -> Reply:
    """Read a completion as the reply to ``prompt``.

    Quotes are kept only where they stand in the passage that they name, but for white space, Unicode forms and
    quotation marks; their offsets refer to the passage as it is. An ellipsis parts a quote in two.

    Raises:
        ModelError: when the model wrote nothing.
    """
    text = spoken(completion)
    if prompt.datamark:
        text = text.replace(DATAMARK, " ")
    if not text:
        how = " before it reached its limit of output tokens" if completion.finished == "length" else ""
        raise ModelError(
            f"The model wrote an empty answer{how}. Ask again, or raise [model] max_output_tokens: a model that "
            "reasons spends them before it answers."
        )
    reason = None
    quotes: tuple[Quote, ...] = ()
    if _abstains(text):
        text, reason = "", SAID_NOTHING[bool(prompt.passages)]
    elif prompt.labels:
        text = _label(text, prompt.labels)
    elif prompt.task == "answer":
        quotes = tuple(dict.fromkeys(_quotes(text, prompt)))
        text = _without_citations(text) or text
        quotes = quotes or _quoted_whole(text, prompt)
    return Reply(
        text=text,
        reason=reason,
        quotes=quotes,
        confidence=None,
        usage=completion.usage,
        first_token_ms=completion.first_token_ms,
        from_cache=completion.from_cache,
    )


def spoken(completion: Completion) -> str:
    """The text without the model's reasoning aloud."""
    return _without_thoughts(completion.text).strip()


def shown_while_streaming(text: str, task: Task) -> str:
    """The part of a growing text that a person can be shown already: no reasoning, no citation lines, no sentinel."""
    said = _without_thoughts(text).lstrip()
    if any(sentinel.startswith(said.strip()) or said.startswith(sentinel) for sentinel in ABSTAIN.values()):
        return ""
    if "<thinking>".startswith(said.lower()):
        return ""
    if task != "answer":
        return said
    answer = _CITATION_BEGINS.split(said, maxsplit=1)[0]
    return _UNFINISHED.sub("", _MARKER.sub("", _HEADING.sub("", answer)))


def _without_thoughts(text: str) -> str:
    return _THOUGHTS_BEFORE.sub("", _THOUGHTS.sub("", text))


def _abstains(text: str) -> bool:
    said = re.sub(r"[^a-z ]", "", text.lower().replace("\n", " ")).strip()
    return said in {sentinel.lower() for sentinel in ABSTAIN.values()}


def _label(text: str, labels: Sequence[str]) -> str:
    """The label that was meant, else the text as it is: an invented label is a wrong answer, not an abstention."""
    if text in labels:
        return text
    plain = _plain_words(text)
    same = [label for label in labels if _plain_words(label) == plain]
    if not same:
        named = [label for label in labels if f" {_plain_words(label)} " in f" {plain} "]
        # Where one label is a part of another, the longer one was meant.
        same = [n for n in named if not any(n != m and f" {_plain_words(n)} " in f" {_plain_words(m)} " for m in named)]
    return same[0] if len(same) == 1 else text


def _plain_words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold().replace("_", " ")))


def _without_citations(text: str) -> str:
    return _MARKER.sub("", _HEADING.sub("", _CITATION.sub("", text))).strip()


def _quotes(text: str, prompt: Prompt) -> Iterator[Quote]:
    for place, quoted in _CITATION.findall(text):
        passage = int(place) - 1
        if 0 <= passage < len(prompt.passages):
            parts = [part for part in _ELLIPSIS.split(quoted) if part.strip()]
            spans = [_find(part, prompt.passages[passage].text) for part in parts]
            if spans and None not in spans:
                yield from (Quote(passage=passage, start=span[0], end=span[1]) for span in spans if span)


def _quoted_whole(text: str, prompt: Prompt) -> tuple[Quote, ...]:
    """The first place where the whole answer stands word for word: an answer that quotes needs no citation line."""
    for passage, given in enumerate(prompt.passages):
        if given.answer is None and (span := _find(text, given.text)):
            return (Quote(passage=passage, start=span[0], end=span[1]),)
    return ()


def _find(quoted: str, text: str) -> tuple[int, int] | None:
    """Where ``quoted`` stands in ``text``, at the edges of words; None when it does not."""
    wanted, _ = _normal(quoted.strip())
    held, places = _normal(text)
    if not wanted:
        return None
    edge = r"(?<!\w)" if wanted[0].isalnum() else "", r"(?!\w)" if wanted[-1].isalnum() else ""
    found = re.search(f"{edge[0]}{re.escape(wanted)}{edge[1]}", held)
    return (places[found.start()], places[found.end() - 1] + 1) if found else None


@lru_cache(maxsize=256)
def _normal(text: str) -> tuple[str, tuple[int, ...]]:
    """A text in one Unicode form with single spaces, and the place in ``text`` of each of its characters."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for part in unicodedata.normalize("NFKC", character).translate(_QUOTE_MARKS):
            part = " " if part.isspace() else part
            if is_invisible(part) or (part == " " and characters[-1:] in ([], [" "])):
                continue
            characters.append(part)
            places.append(place)
    if characters[-1:] == [" "]:
        characters.pop()
        places.pop()
    return "".join(characters), tuple(places)
