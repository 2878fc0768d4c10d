"""Passages in the forms that other people's code gives them: brought into one, told apart by what they are."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundtune.errors import ProjectError
from groundtune.records import Hit, Passage

__all__ = ["PASSAGE_FORMS", "GivenPassage", "described", "faults_of", "given_passages"]

PASSAGE_FORMS = (
    "a string, a mapping with the key 'text' (and perhaps source, title, id, headings, start, score), a passage of "
    "Groundtune, a LangChain document or a LlamaIndex node"
)
"""What may stand for a passage, in words."""

_SOURCES = ("source", "file_path", "path", "url", "file_name")
"""Where the loaders of LangChain and LlamaIndex write down what a document was read from."""


class GivenPassage(BaseModel):
    """A passage as others give it.

    Attributes:
        source: The file or address that it was read from; a path is matched with the project's documents from its end.
        id: Its id in their store, where it has one.
        start: Offset into the document's text, where they know it.
        score: Higher is better.
        answer: As in `Passage`: makes the passage a demonstration.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    source: str = ""
    title: str = ""
    id: str = ""
    headings: tuple[str, ...] = ()
    start: int | None = Field(None, ge=0)
    score: float | None = None
    answer: str | None = None

    @classmethod
    def with_metadata(cls, text: str, metadata: Mapping[str, Any] | None, **known: Any) -> GivenPassage:
        """A passage of a store that keeps free metadata beside the text."""
        fields = metadata or {}
        source = next((str(fields[key]) for key in _SOURCES if fields.get(key)), "")
        start = known.pop("start", fields.get("start_index"))
        return cls(
            text=text,
            source=source,
            title=str(fields.get("title") or ""),
            start=start if isinstance(start, int) and start >= 0 else None,
            **known,
        )


def given_passages(given: object, what: str) -> Iterator[GivenPassage | Passage | Hit]:
    """Passages in the one form, one after the other; those of Groundtune as they are, and empty ones not at all.

    Args:
        given: An iterable of passages in any of the `PASSAGE_FORMS`.
        what: Who gave them, for messages.

    Raises:
        ProjectError: when something is no passage; says what was got and what is allowed.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ProjectError(
            f"{what} gave {described(given)} where a list of passages is needed; each is {PASSAGE_FORMS}."
        )
    for number, item in enumerate(given, start=1):
        passage = item if isinstance(item, Passage | Hit) else _one(item, f"{what}: passage {number}")
        if isinstance(passage, Hit) or passage.text.strip():
            yield passage


def _one(item: object, what: str) -> GivenPassage:
    try:
        if isinstance(item, GivenPassage):
            return item
        if isinstance(item, str):
            return GivenPassage(text=item)
        if isinstance(item, Mapping):
            return GivenPassage.model_validate(dict(item))
        if found := _from_langchain(item) or _from_llamaindex(item):
            return found
    except ValidationError as error:
        raise ProjectError(f"{what} is wrong: {faults_of(error)}. A passage is {PASSAGE_FORMS}.") from error
    raise ProjectError(f"{what} is {described(item)}. A passage is {PASSAGE_FORMS}.")


def _from_langchain(item: object) -> GivenPassage | None:
    documents = sys.modules.get("langchain_core.documents")  # none of its objects exists where it is not imported
    if documents is None or not isinstance(item, documents.Document):
        return None
    return GivenPassage.with_metadata(item.page_content, item.metadata, id=str(item.id or ""))


def _from_llamaindex(item: object) -> GivenPassage | None:
    schema = sys.modules.get("llama_index.core.schema")
    if schema is None or not isinstance(item, schema.NodeWithScore | schema.TextNode):
        return None
    scored = isinstance(item, schema.NodeWithScore)
    node: Any = item.node if scored else item
    return GivenPassage.with_metadata(
        node.get_content(schema.MetadataMode.NONE),
        node.metadata,
        id=node.node_id,
        start=node.start_char_idx if isinstance(node, schema.TextNode) else None,
        score=item.score if scored else None,
    )


def faults_of(error: ValidationError) -> str:
    """What is wrong with a mapping that others gave, on one line."""
    return "; ".join(
        f"{'.'.join(map(str, detail['loc']))}: {detail['msg'].lower()}, given {str(detail['input'])[:80]!r}"
        for detail in error.errors()
    )


def described(thing: object) -> str:
    """A value as a message names it: its type and how it begins."""
    kind = type(thing)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return "nothing (None)" if thing is None else f"a {name} ({str(thing)[:80]!r})"
