"""GET / and GET /documents/{id}: rendered on the server, so that they work without JavaScript and escape everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment

from groundtune.errors import GroundtuneError
from groundtune.records import Answer, Citation
from groundtune.service.asking import MAX_QUESTION_CHARACTERS, Begun, answer_with, stream_with, system_failed
from groundtune.service.caller import Backend
from groundtune.service.events import EventStream
from groundtune.service.problems import refusal, status_of
from groundtune.systems.clarifying import clarifying_question
from groundtune.templating import page_templates
from groundtune.web.document_view import Segment, document_blocks

router = APIRouter(include_in_schema=False)

_CONTEXT_CHARACTERS = 240
"""How much of a paragraph is shown on either side of a quote."""

_SYSTEM_WORDS = {
    "prompt": "prompt: base model, no documents",
    "rag": "rag: base model with documents",
    "tuned": "tuned: tuned model, no documents",
    "tuned_rag": "tuned_rag: tuned model with documents",
}


@router.get("/")
def home(request: Request, answerer: Backend, question: str = "", system: str = "") -> HTMLResponse:
    """The page to ask on; with ``?question=`` it shows the answer."""
    question = question.strip()
    answer, problem, status = None, None, 200
    if question:
        try:
            answer = answer_with(answerer, _short(question), system or None, param="system")
        except (HTTPException, GroundtuneError) as error:
            problem, status = _problem(error)
    return _page(
        "ask.html",
        status,
        question=question,
        chosen=system or answerer.default,
        default=answerer.default,
        systems=[(name, _SYSTEM_WORDS.get(name, name)) for name in answerer.systems()],
        answer=answer,
        problem=problem,
        limit=MAX_QUESTION_CHARACTERS,
    )


@router.get("/answer")
def answer(answerer: Backend, question: str = "", system: str = "") -> Response:
    """The same answer for the page's script: JSON lines with its pieces as text, then its result as HTML."""
    try:
        begun = stream_with(answerer, _short(question.strip()), system or None, param="system")
    except (HTTPException, GroundtuneError) as error:
        problem, status = _problem(error)
        return JSONResponse({"html": _result(None, problem)}, status_code=status)
    return EventStream(_lines(begun), close=begun.close, media_type="application/x-ndjson")


@router.get("/documents/{document_id:path}")
def document(
    document_id: str,
    answerer: Backend,
    start: Annotated[int | None, Query(ge=0)] = None,
    end: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """One document with the cited passage marked; only what the caller may read is shown."""
    found = answerer.document(document_id)
    if found is None:
        return _page("missing.html", 404, document_id=document_id)
    stale = end is not None and end > len(found.text)
    return _page(
        "document.html",
        200,
        document=found,
        blocks=document_blocks(found.text, start, None if stale else end),
        cited=start is not None and end is not None and not stale,
        stale=stale,
    )


def _lines(begun: Begun) -> Iterator[str]:
    """A line for each piece; the last one has the HTML of the answer, or of what went wrong half way."""
    html = ""
    try:
        for item in begun:
            if isinstance(item, str):
                yield f"{json.dumps({'piece': item})}\n"
            elif item.error is not None:
                html = _result(None, _problem(system_failed(item))[0])
            else:
                html = _result(item, None)
    except GroundtuneError as error:
        html = _result(None, _problem(error)[0])
    yield f"{json.dumps({'html': html})}\n"


def _short(question: str) -> str:
    """The question, if it is one that can be asked.

    Raises:
        HTTPException: when it is empty or too long.
    """
    if not question:
        raise refusal(422, "The question is empty: ask something.", code="invalid_request", param="question")
    if len(question) > MAX_QUESTION_CHARACTERS:
        message = f"The question is too long: at most {MAX_QUESTION_CHARACTERS:,} characters are allowed."
        raise refusal(422, message, code="invalid_request", param="question")
    return question


def _problem(error: HTTPException | GroundtuneError) -> tuple[str, int]:
    """What went wrong in plain words, with its status."""
    if isinstance(error, HTTPException):
        detail: Any = error.detail
        return detail["message"], error.status_code
    return str(error), status_of(error)


def _result(answer: Answer | None, problem: str | None) -> str:
    return _TEMPLATES.get_template("result.html").render(answer=answer, problem=problem)


def citation_context(citation: Citation, answer: Answer) -> tuple[Segment, ...]:
    """The quote inside the paragraph that it was taken from; by itself where the passage is not at hand."""
    passage = next((hit.passage for hit in answer.hits if hit.passage.id == citation.passage), None)
    if passage is not None:
        blocks = document_blocks(passage.text, citation.start - passage.start, citation.end - passage.start)
        found = [block.segments for block in blocks if any(segment.cited for segment in block.segments)]
        if len(found) == 1:
            return tuple(_shortened(found[0]))
    return (Segment(citation.quote, True),)


def _shortened(segments: tuple[Segment, ...]) -> Iterator[Segment]:
    """The segments with no more than a few lines before and after what is cited, cut between words."""
    for place, segment in enumerate(segments):
        text = segment.text
        if segment.cited or len(text) <= _CONTEXT_CHARACTERS:
            yield segment
        elif place == 0:
            yield Segment(f"… {text[-_CONTEXT_CHARACTERS:].partition(' ')[2]}", False)
        else:
            yield Segment(f"{text[:_CONTEXT_CHARACTERS].rpartition(' ')[0]} …", False)


def _document_url(citation: Citation) -> str:
    span = urlencode({"start": citation.start, "end": citation.end})
    return f"/documents/{quote(citation.document, safe='')}?{span}#cited"


def _environment() -> Environment:
    environment = page_templates(Path(__file__).with_name("templates"))
    environment.filters.update(
        context=citation_context, document_url=_document_url, clarifying_question=clarifying_question
    )
    return environment


_TEMPLATES = _environment()


def _page(template: str, status: int, **values: object) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status_code=status)
