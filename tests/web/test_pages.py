"""The pages as HTML: what is said where there is nothing to show, and who may read what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from groundtune.records import Answer, Citation, Document, Hit, Passage
from groundtune.testing.answering import FakeAnswerer
from groundtune.testing.serving import running
from groundtune.web import create_site
from groundtune.web.pages import citation_context

DOCUMENTS = (
    Document(id="a.md", title="A <b>", text="One two three.", source="docs/a.md"),
    Document(id="staff.md", title="Staff", text="The codeword is heron.", source="docs/staff.md", groups=("staff",)),
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    site = create_site(FakeAnswerer(DOCUMENTS, error="gone"))
    with running(site) as url, httpx.Client(base_url=url) as client:
        yield client


def test_the_start_page_offers_every_system_and_names_the_default(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for system in ("prompt", "rag", "tuned"):
        assert f'<option value="{system}"' in page.text
    assert '<option value="rag" selected>rag: base model with documents, the default</option>' in page.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?question=x&system=gpt", 404, "Name one of: prompt, rag, tuned."),
        ("/?question=x&system=tuned", 502, "could not answer: gone"),
        ("/?question=" + "x" * 4001, 422, "at most 4,000 characters"),
        ("/documents/b.md", 404, "There is no document <q>b.md</q> here."),
        ("/documents/staff.md", 404, "There is no document <q>staff.md</q> here."),
        ("/documents/a.md?start=2&end=900", 200, "has changed since this citation was made"),
    ],
)
def test_what_cannot_be_shown_is_explained(client: httpx.Client, path: str, status: int, words: str) -> None:
    page = client.get(path)
    assert page.status_code == status
    assert words in page.text


def test_the_script_gets_the_answer_in_pieces_and_then_as_the_page_shows_it(client: httpx.Client) -> None:
    *pieces, last = map(json.loads, client.get("/answer?question=One+two+three+again").text.splitlines())
    assert "".join(line["piece"] for line in pieces) == "One two three."
    assert len(pieces) == 3
    page = client.get("/?question=One+two+three+again").text
    assert last["html"].strip() in page
    assert '<a href="/documents/a.md?start=0&amp;end=14#cited">docs/a.md</a>' in last["html"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("question=x&system=gpt", 404, "Name one of: prompt, rag, tuned."),
        ("question=x&system=tuned", 502, "could not answer: gone"),
        ("question=" + "x" * 4001, 422, "at most 4,000 characters"),
        ("question=+", 422, "The question is empty"),
    ],
)
def test_the_script_gets_what_cannot_be_shown_explained(
    client: httpx.Client, query: str, status: int, words: str
) -> None:
    response = client.get(f"/answer?{query}")
    assert response.status_code == status
    assert words in response.json()["html"]


def test_an_answer_without_documents_says_so(client: httpx.Client) -> None:
    assert "This answer cites no document" in client.get("/?question=hello&system=prompt").text


def test_a_document_is_escaped_and_marked(client: httpx.Client) -> None:
    page = client.get("/documents/a.md?start=4&end=7").text
    assert '<p>One <mark id="cited">two</mark> three.</p>' in page
    assert "<h1>A &lt;b&gt;</h1>" in page


def test_a_quote_is_shown_inside_its_paragraph() -> None:
    passage = Passage(
        id="a.md#0",
        document="a.md",
        source="docs/a.md",
        title="A",
        headings=(),
        start=100,
        end=134,
        text="# Head\n\nThe limit is *two* of them.",
    )
    citation = Citation(passage="a.md#0", document="a.md", source="docs/a.md", quote="two", start=122, end=125)
    answer = Answer(
        query="", system="rag", text="two", citations=(citation,), hits=(Hit(rank=1, score=1.0, passage=passage),)
    )
    assert [(s.text, s.cited) for s in citation_context(citation, answer)] == [
        ("The limit is *", False),
        ("two", True),
        ("* of them.", False),
    ]
    long = replace(passage, text="word " * 100 + "two" + " more" * 100)
    around = replace(citation, start=600, end=603)
    before, quote, after = citation_context(around, replace(answer, hits=(Hit(rank=1, score=1.0, passage=long),)))
    assert (quote.text, quote.cited) == ("two", True)
    assert before.text.startswith("… word word")
    assert before.text.endswith("word ")
    assert after.text.endswith("more …")
    assert max(len(before.text), len(after.text)) <= 242
    alone = citation_context(citation, replace(answer, hits=()))
    assert [(s.text, s.cited) for s in alone] == [("two", True)]


@pytest.mark.parametrize("name", ["style.css", "ask.js"])
def test_static_files_are_served(client: httpx.Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 200


@pytest.mark.parametrize("path", ["/static/../site.py", "/static/%2e%2e/site.py", "/static/..%2fsite.py"])
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
