"""POST /ask, POST /search and GET /health: questions in, plain JSON out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from groundtune.records import Answer
from groundtune.service.caller import Backend, ForCaller
from groundtune.service.problems import refusal, unknown_system
from groundtune.systems.wire import AnswerView, SearchView

MAX_QUESTION_CHARACTERS = 4_000
"""The longest question that is answered."""

MAX_HITS = 100
"""The most passages that one search returns."""

Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARACTERS)]


class AskRequest(BaseModel):
    """One question, and the system that shall answer it (the default when left out)."""

    model_config = ConfigDict(extra="forbid")

    question: Question
    system: str | None = None


class SearchRequest(BaseModel):
    """What to look for, and how many passages to return."""

    model_config = ConfigDict(extra="forbid")

    query: Question
    k: Annotated[int, Field(ge=1, le=MAX_HITS)] = 5


class Health(BaseModel):
    """That the service is up, and what it can be asked."""

    status: str
    systems: list[str]
    default: str


router = APIRouter(tags=["questions"])


@router.post("/ask")
def ask(request: AskRequest, answerer: Backend) -> AnswerView:
    """Answer one question, with citations, or abstain with a reason."""
    return AnswerView.of(answer_with(answerer, request.question, request.system, param="system"))


@router.post("/search")
def search(request: SearchRequest, answerer: Backend) -> SearchView:
    """Find passages without answering."""
    hits, milliseconds = answerer.search(request.query, request.k)
    return SearchView.of(hits, milliseconds)


@router.get("/health")
def health(answerer: Backend) -> Health:
    """Say that the service is up."""
    return Health(status="ok", systems=list(answerer.systems()), default=answerer.default)


def answer_with(answerer: ForCaller, question: str, system: str | None, *, param: str) -> Answer:
    """Ask, and refuse what no caller can use.

    Args:
        answerer: Who answers.
        question: Already checked for length.
        system: The system's id, None for the default.
        param: How the request calls the system, for the error.

    Raises:
        HTTPException: 404 for an unknown system, 502 when the system failed.
    """
    _refuse_unknown(answerer, system, param)
    answer = answerer.ask(question, system)
    if answer.error is not None:
        raise system_failed(answer)
    return answer


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that is being written: its first item, and the others to come."""

    first: str | Answer
    items: Generator[str | Answer, None, None]

    def __iter__(self) -> Generator[str | Answer, None, None]:
        """All items, in order."""
        yield self.first
        yield from self.items

    def close(self) -> None:
        """Nobody wants the rest: the model may stop."""
        self.items.close()


def stream_with(answerer: ForCaller, question: str, system: str | None, *, param: str) -> Begun:
    """Ask, wait for the first piece, and refuse what no caller can use as long as nothing was said.

    Args:
        answerer: As of `answer_with`, like the other arguments.
        question: Already checked for length.
        system: The system's id, None for the default.
        param: How the request calls the system.

    Raises:
        HTTPException: as of `answer_with`.
    """
    _refuse_unknown(answerer, system, param)
    items = answerer.stream(question, system)
    first = next(items)
    if isinstance(first, Answer) and first.error is not None:
        raise system_failed(first)
    return Begun(first, items)


def system_failed(answer: Answer) -> HTTPException:
    """The refusal that stands for an answer with an error."""
    return refusal(502, f"The system {answer.system!r} could not answer: {answer.error}", code="system_failed")


def _refuse_unknown(answerer: ForCaller, system: str | None, param: str) -> None:
    if system is not None and system not in answerer.systems():
        raise unknown_system(system, answerer.systems(), param=param)
