"""The JSON routes: shapes, limits, guards and the words of every refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import httpx
import pytest

from groundtune.errors import CannotDo, StorageError
from groundtune.records import Answer, Document, Hit
from groundtune.service import create_app
from groundtune.service.asking import MAX_QUESTION_CHARACTERS
from groundtune.service.guards import MAX_BODY_BYTES
from groundtune.service.headers import SECURITY_HEADERS
from groundtune.testing.answering import FakeAnswerer
from groundtune.testing.serving import running

DOCUMENTS = (
    Document(
        id="guide/limits.md",
        title="Limits",
        text="# Limits\n\nA bucket holds at most nine objects. Larger buckets are refused.\n",
        source="docs/guide/limits.md",
    ),
    Document(
        id="staff.md", title="Staff only", text="The codeword is heron.", source="docs/staff.md", groups=("staff",)
    ),
)


class Failing(FakeAnswerer):
    """Fails to answer and to search, each in its own way."""

    def ask(self, question: str, system: str | None = None, groups: Sequence[str] = ()) -> Answer:
        raise CannotDo("This model cannot write prose. Use the provider openai or transformers.")

    def search(self, question: str, k: int, groups: Sequence[str] = ()) -> tuple[Sequence[Hit], Mapping[str, float]]:
        if k == 1:
            raise ZeroDivisionError("secret detail")
        raise StorageError("The index cannot be read. Run: groundtune sync")


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        running(create_app(FakeAnswerer(DOCUMENTS, error="the weights are gone"))) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def failing() -> Iterator[httpx.Client]:
    with running(create_app(Failing(DOCUMENTS))) as url, httpx.Client(base_url=url) as client:
        yield client


def message(response: httpx.Response) -> str:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


def test_an_answer_has_the_documented_shape(client: httpx.Client) -> None:
    answer = client.post("/ask", json={"question": "How many objects does a bucket hold?"}).json()
    quote = "A bucket holds at most nine objects."
    assert answer["text"] == quote
    assert answer["abstained"] is False
    assert answer["reason"] is None
    assert answer["system"] == "rag"
    assert answer["usage"] == {"input_tokens": 7, "output_tokens": 7}
    assert answer["milliseconds"]["total"] == 1.0
    citation = answer["citations"][0]
    assert (citation["source"], citation["quote"]) == ("docs/guide/limits.md", quote)
    assert DOCUMENTS[0].text[citation["start"] : citation["end"]] == quote


def test_an_abstention_says_why(client: httpx.Client) -> None:
    answer = client.post("/ask", json={"question": "zzz?"}).json()
    assert answer["abstained"] is True
    assert answer["reason"] == "No document speaks of this."
    assert answer["text"] == ""
    assert answer["usage"] == {}


def test_a_system_can_be_named(client: httpx.Client) -> None:
    assert client.post("/ask", json={"question": "hello", "system": "prompt"}).json()["system"] == "prompt"


def test_search_returns_ranked_hits(client: httpx.Client) -> None:
    found = client.post("/search", json={"query": "larger buckets", "k": 2}).json()
    assert [hit["rank"] for hit in found["hits"]] == [1]
    assert found["hits"][0].keys() >= {"rank", "score", "source", "title", "headings", "start", "end", "above", "text"}
    assert found["milliseconds"] == {"embed": 0.5, "search": 0.5, "total": 1.0}


def test_health(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "systems": ["prompt", "rag", "tuned"], "default": "rag"}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/ask", {}, 422, "'question' is missing."),
        ("/ask", {"question": "  "}, 422, "'question' is empty: send some text."),
        ("/ask", {"question": "x" * (MAX_QUESTION_CHARACTERS + 1)}, 422, "at most 4,000 characters are allowed."),
        ("/ask", {"question": "x", "model": "y"}, 422, "'model' is not known here: leave it out."),
        ("/ask", {"question": 3}, 422, "'question': input should be a valid string."),
        ("/ask", [1], 422, "'the body' must be a JSON object, sent as application/json."),
        ("/ask", {"question": "x", "system": "gpt"}, 404, "no system 'gpt' here. Name one of: prompt, rag, tuned."),
        ("/ask", {"question": "x", "system": "tuned"}, 502, "'tuned' could not answer: the weights are gone"),
        ("/search", {"query": "x", "k": 0}, 422, "'k': input should be greater than or equal to 1."),
        ("/search", {"k": "many"}, 422, "'query' is missing. 'k': input should be a valid integer"),
        ("/nowhere", {}, 404, "There is nothing at /nowhere."),
        ("/health", {}, 405, "POST is not allowed at /health."),
    ],
)
def test_a_refusal_says_what_is_wrong(client: httpx.Client, path: str, body: object, status: int, words: str) -> None:
    response = client.post(path, json=body)
    assert response.status_code == status
    assert words in message(response)


def test_a_body_that_is_not_json(client: httpx.Client) -> None:
    response = client.post("/ask", content=b"question=x", headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert message(response).startswith("The body is not JSON")


def test_errors_of_the_program_reach_the_client_in_its_words(failing: httpx.Client) -> None:
    response = failing.post("/ask", json={"question": "x"})
    assert (response.status_code, message(response)) == (
        422,
        "This model cannot write prose. Use the provider openai or transformers.",
    )
    response = failing.post("/search", json={"query": "x"})
    assert (response.status_code, message(response)) == (503, "The index cannot be read. Run: groundtune sync")


def test_a_fault_tells_nothing_of_the_inside(failing: httpx.Client) -> None:
    response = failing.post("/search", json={"query": "x", "k": 1})
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "server's log" in message(response)
    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_documents_for_a_group_are_not_found_by_search(client: httpx.Client) -> None:
    assert client.post("/search", json={"query": "codeword heron"}).json()["hits"] == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", ""])
def test_other_hosts_are_refused(client: httpx.Client, host: str) -> None:
    response = client.get("/health", headers={"Host": host})
    assert response.status_code == 421
    assert "localhost" in message(response)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8421", "127.0.0.1", "[::1]:8421"])
def test_loopback_hosts_pass(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_any_host_passes_when_told_so() -> None:
    with running(create_app(FakeAnswerer(DOCUMENTS), hosts=None)) as url:
        assert httpx.get(f"{url}/health", headers={"Host": "desk.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/openapi.json"])
def test_every_response_carries_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_body_that_is_too_large_is_refused_announced_or_not(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"question": "'
        yield b"x" * MAX_BODY_BYTES

    for response in (client.post("/ask", content=b"".join(chunks())), client.post("/ask", content=chunks())):
        assert response.status_code == 413
        assert "1,000,000 bytes" in message(response)


def test_the_api_describes_itself(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/ask", "/search", "/health", "/v1/models", "/v1/chat/completions"} <= paths.keys()
