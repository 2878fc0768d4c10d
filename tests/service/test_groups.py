"""What a caller of the service may see is said by one trusted header, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from groundtune.records import Document
from groundtune.testing.answering import FakeAnswerer
from groundtune.testing.serving import running
from groundtune.web.site import create_site

SECRET = "The codeword is heron."
DOCUMENTS = (
    Document(id="open.md", title="Open", text="The office opens at eight.", source="open.md"),
    Document(id="staff.md", title="Staff", text=SECRET, source="staff.md", groups=("staff", "board")),
)
HEADER = "X-Groups"


@pytest.fixture(scope="module")
def trusting() -> Iterator[httpx.Client]:
    with (
        running(create_site(FakeAnswerer(DOCUMENTS), groups_header=HEADER)) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[httpx.Client]:
    with running(create_site(FakeAnswerer(DOCUMENTS))) as url, httpx.Client(base_url=url) as client:
        yield client


def everything(client: httpx.Client, groups: str | None) -> list[str]:
    """What each route says to a question whose answer is secret."""
    headers = {} if groups is None else {HEADER: groups}
    question = "What is the codeword?"
    chat = {"model": "rag", "messages": [{"role": "user", "content": question}]}
    responses = [
        client.post("/ask", json={"question": question}, headers=headers),
        client.post("/search", json={"query": question}, headers=headers),
        client.post("/v1/chat/completions", json=chat, headers=headers),
        client.post("/v1/chat/completions", json={**chat, "stream": True}, headers=headers),
        client.get("/", params={"question": question}, headers=headers),
        client.get("/answer", params={"question": question}, headers=headers),
        client.get("/documents/staff.md", headers=headers),
    ]
    return [response.text for response in responses]


@pytest.mark.parametrize("groups", ["staff", "sales, board", "board ,staff"])
def test_a_caller_in_the_group_sees_it_everywhere(trusting: httpx.Client, groups: str) -> None:
    assert ["heron" in said for said in everything(trusting, groups)] == [True] * 7


@pytest.mark.parametrize("groups", [None, "", ",", "sales", "Staff", "staff board", "*"])
def test_any_other_caller_sees_it_nowhere(trusting: httpx.Client, groups: str | None) -> None:
    assert not [said for said in everything(trusting, groups) if "heron" in said]


def test_without_a_trusted_header_the_header_means_nothing(open_to_all: httpx.Client) -> None:
    assert not [said for said in everything(open_to_all, "staff") if "heron" in said]
