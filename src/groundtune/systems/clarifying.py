"""What to say when nothing suffices: the nearest topics, and a question that helps to ask again."""

from __future__ import annotations

from collections.abc import Iterable

from groundtune.models.embedded.markup import plain
from groundtune.records import Answer, Hit

__all__ = ["clarifying_question", "nearest_topics"]

_MOST = 3


def nearest_topics(hits: Iterable[Hit]) -> tuple[str, ...]:
    """Titles and headings of what was found, the nearest first, each once; at most three.

    They come from passages that the caller may read, and from nothing else.
    """
    topics = (" > ".join(filter(None, map(_line, _path(hit)))) for hit in hits if hit.passage.answer is None)
    return tuple(dict.fromkeys(topic for topic in topics if topic))[:_MOST]


def clarifying_question(answer: Answer) -> str | None:
    """A question back, naming the nearest topics; None where the system answered, or found no topic to name."""
    topics = nearest_topics(answer.hits) if answer.abstained else ()
    if not topics:
        return None
    if len(topics) == 1:
        return f"The nearest topic is “{topics[0]}”. Is your question about it?"
    named = "; ".join(f"“{topic}”" for topic in topics)
    return f"The nearest topics are {named}. Is your question about one of them?"


def _path(hit: Hit) -> tuple[str, ...]:
    passage = hit.passage
    own = passage.text.split("\n", 1)[0] if passage.text.startswith("#") else ""
    title = () if passage.headings[:1] == (passage.title,) else (passage.title,)
    path = (*title, *passage.headings, own.strip("# \t"))
    return tuple(dict.fromkeys(path))


def _line(text: str) -> str:
    return " ".join(plain(text).split())
