"""Retrievers that a project already has, in place of the knowledge base."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtune.errors import ProjectError
from groundtune.records import Hit, Query
from groundtune.systems.given import described
from groundtune.systems.named import load_named
from groundtune.systems.origins import Origins
from groundtune.systems.stores import PgVectorTable, QdrantCollection, find_in_chroma

__all__ = ["OthersRetriever", "adapt_retriever", "load_retriever"]

Find = Callable[[str], object]
"""Question -> what was found, in a form of the one who found it."""

_KINDS = (
    "a function from a question to passages, a LangChain retriever or vector store, a LlamaIndex retriever, a Chroma "
    "collection, a QdrantCollection or a PgVectorTable of groundtune.systems"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OthersRetriever:
    """Finds passages with somebody else's code.

    Attributes:
        name: As in the settings, with a fingerprint of the code: what a run stores.
        find: Asked with the question alone; it never sees answers or evidence labels.
        passages: Most passages that are passed on.
        origins: Finds them in the project's documents.
    """

    name: str
    find: Find
    passages: int
    origins: Origins

    def retrieve(self, query: Query) -> list[Hit]:
        """The passages for the question, best first.

        Raises:
            ProjectError: when the foreign code fails, or gives something else than passages.
        """
        try:
            found = self.find(query.question)
        except Exception as error:  # whatever foreign code raises; the cause is kept
            raise ProjectError(
                f"the retriever {self.name} failed with {type(error).__name__}: {error}. Question: {query.question!r}"
            ) from error
        return self.origins.hits(found, f"the retriever {self.name}", self.passages)


def load_retriever(name: str, folder: Path, *, passages: int, origins: Origins) -> OthersRetriever:
    """The retriever that the settings name.

    Args:
        name: ``module:name`` of a retriever, or of a function without parameters that makes one.
        folder: The project's folder, where the module is looked for first.
        passages: Most passages for a question.
        origins: Finds them in the project's documents.

    Raises:
        ProjectError: when there is nothing of this name, or it is no retriever.
    """
    named = load_named(name, folder)
    thing = named.value
    if _makes_one(thing):
        thing = _made(thing, name)
    return adapt_retriever(thing, f"{name} ({named.fingerprint})", passages=passages, origins=origins)


def adapt_retriever(thing: object, name: str, *, passages: int, origins: Origins) -> OthersRetriever:
    """Any retriever that is understood as one of this program; told apart by its class.

    Raises:
        ProjectError: when it is no retriever; says what was got and what is allowed.
    """
    find = _store(thing, passages) or _langchain(thing, passages) or _llamaindex(thing)
    if find is None and callable(thing) and not isinstance(thing, type):
        find = thing
    if find is None:
        raise ProjectError(f"{name} is {described(thing)}, which is no retriever. One is {_KINDS}.")
    return OthersRetriever(name=name, find=find, passages=passages, origins=origins)


def _store(thing: object, k: int) -> Find | None:
    if isinstance(thing, QdrantCollection | PgVectorTable):
        return lambda question: thing.find(question, k)
    chroma = sys.modules.get("chromadb")  # none of its objects exists where it is not imported
    if chroma is not None and isinstance(thing, chroma.Collection):
        collection: Any = thing
        return lambda question: find_in_chroma(collection, question, k)
    return None


def _langchain(thing: object, k: int) -> Find | None:
    runnables = sys.modules.get("langchain_core.runnables")
    if runnables is not None and isinstance(thing, runnables.Runnable):
        invoke: Find = thing.invoke
        return invoke
    stores = sys.modules.get("langchain_core.vectorstores")
    if stores is not None and isinstance(thing, stores.VectorStore):
        search: Callable[..., object] = thing.similarity_search
        return lambda question: search(question, k=k)
    return None


def _llamaindex(thing: object) -> Find | None:
    retrievers = sys.modules.get("llama_index.core.base.base_retriever")
    if retrievers is None or not isinstance(thing, retrievers.BaseRetriever):
        return None
    retrieve: Find = thing.retrieve
    return retrieve


def _makes_one(thing: object) -> bool:
    """A function or class that can be called without arguments makes the retriever; any other callable is one."""
    if not (inspect.isfunction(thing) or isinstance(thing, type)):
        return False
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:  # a class written in C tells nothing about itself
        return False
    return all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in parameters)


def _made(maker: Any, name: str) -> object:
    try:
        return maker()
    except Exception as error:  # whatever foreign code raises; the cause is kept
        raise ProjectError(f"{name!r}: making the retriever failed with {type(error).__name__}: {error}") from error
