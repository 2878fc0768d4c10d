"""The pages in a real browser: asking, abstaining, reading the cited passage, and hostile documents."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from threading import Event
from typing import Any

import pytest

from groundtune.records import Answer, Document
from groundtune.testing.answering import FakeAnswerer
from groundtune.testing.browser import WITHOUT_BROWSER, chromium, complaints, has_browser, overflows, resize
from groundtune.testing.serving import running
from groundtune.web import create_site

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
FILLER = "\nFiller.\n" * 80
DOCUMENTS = (
    Document(
        id="guide/limits & names?.md",
        title="Limits",
        source="docs/guide/limits & names?.md",
        text="# Limits\n\nSome words before.\n\nA bucket holds at most nine objects. More are refused.\n" + FILLER,
    ),
    Document(
        id="evil.md",
        title=f"Evil {HOSTILE}",
        source=f"docs/{HOSTILE}",
        text=f"# Evil\n\nThe password to everything {HOSTILE} stands here\n",
    ),
)


class Slowly(FakeAnswerer):
    """Says its second word when it is told to, and then what it is told to."""

    def __init__(self, last: Answer) -> None:
        super().__init__(DOCUMENTS)
        self.go_on = Event()
        self.last = last

    def stream(
        self, question: str, system: str | None = None, groups: Sequence[str] = ()
    ) -> Generator[str | Answer, None, None]:
        yield HOSTILE
        assert self.go_on.wait(20)
        yield " It never stops"
        yield self.last


pytestmark = pytest.mark.skipif(not has_browser(), reason=WITHOUT_BROWSER)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(create_site(FakeAnswerer(DOCUMENTS, error="the weights are gone"))) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


def ask(browser: Any, question: str) -> None:
    box = browser.find_element("id", "question")
    box.clear()
    box.send_keys(question)
    browser.find_element("css selector", "button").click()


def test_a_citation_opens_its_document_with_the_passage_marked(browser: Any, url: str) -> None:
    browser.get(url)
    ask(browser, "How many objects does a bucket hold?")
    assert browser.find_element("css selector", ".answered .reply").text == "A bucket holds at most nine objects."
    assert "question=How" in browser.current_url
    browser.find_element("css selector", ".sources a").click()
    mark = browser.find_element("id", "cited")
    assert mark.text == "A bucket holds at most nine objects."
    assert browser.find_element("css selector", "h1").text == "Limits"
    assert browser.execute_script("return arguments[0].getBoundingClientRect().bottom < innerHeight", mark)
    assert complaints(browser) == []


def test_an_abstention_is_shown_with_its_reason(browser: Any, url: str) -> None:
    browser.get(url)
    ask(browser, "zzz?")
    section = browser.find_element("css selector", ".abstained")
    assert "No answer" in section.text
    assert "No document speaks of this." in section.text


@pytest.mark.parametrize(
    ("last", "shown"),
    [
        (Answer(query="", system="rag", text="Whole."), "Whole."),
        (Answer(query="", system="rag", text="", error="the line is dead"), "could not answer: the line is dead"),
        (Answer(query="", system="rag", text="", reason="Nobody knows."), "Nobody knows."),
    ],
)
def test_an_answer_is_shown_while_it_is_written_and_then_as_it_is(browser: Any, last: Answer, shown: str) -> None:
    answerer = Slowly(last)
    with running(create_site(answerer)) as address:
        browser.get(address)
        ask(browser, "How many?")
        assert browser.find_element("css selector", ".writing .reply").text == HOSTILE
        assert browser.find_element("id", "result").get_attribute("aria-busy") == "true"
        answerer.go_on.set()
        assert shown in browser.find_element("css selector", "#result section:not(.writing)").text
        assert browser.find_element("id", "result").get_attribute("aria-busy") is None
        assert not browser.find_element("css selector", "button").get_attribute("disabled")
    assert browser.title != "taken"


def test_enter_asks(browser: Any, url: str) -> None:
    browser.get(url)
    browser.find_element("id", "question").send_keys("refused\n")
    assert "refused" in browser.find_element("css selector", ".answered .reply").text


def test_going_back_shows_the_earlier_answer(browser: Any, url: str) -> None:
    browser.get(url)
    ask(browser, "bucket objects")
    browser.find_element("css selector", ".answered")
    ask(browser, "zzz?")
    browser.find_element("css selector", ".abstained")
    browser.back()
    browser.find_element("css selector", ".answered")
    assert browser.find_element("id", "question").get_attribute("value") == "bucket objects"


def test_a_failure_is_told_in_words(browser: Any, url: str) -> None:
    browser.get(f"{url}/?question=bucket&system=tuned")
    assert "the weights are gone" in browser.find_element("css selector", ".problem").text


@pytest.mark.parametrize(
    "path", ["/?question=password", "/documents/evil.md?start=8&end=60", f"/?question={HOSTILE}&system={HOSTILE}"]
)
def test_hostile_text_is_only_text(browser: Any, url: str, path: str) -> None:
    browser.get(url)
    browser.get_log("browser")
    browser.get(url + path)
    script = "return document.body.innerText + document.querySelector('textarea')?.value"
    assert "<script>" in browser.execute_script(script)
    assert browser.title != "taken"
    assert browser.execute_script("return document.querySelectorAll('img, main script').length") == 0


def test_hostile_text_fetched_by_script_is_only_text(browser: Any, url: str) -> None:
    browser.get(url)
    ask(browser, "What is the password to everything?")
    assert "<script>" in browser.find_element("css selector", ".answered .reply").text
    assert browser.title != "taken"
    assert browser.execute_script("return document.querySelectorAll('#result img, #result script').length") == 0


def test_a_script_from_elsewhere_would_not_run(browser: Any, url: str) -> None:
    browser.get(url)
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", HOSTILE)
    assert browser.title != "taken"
    assert any("Content Security Policy" in message for message in complaints(browser))


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_pages_fit_their_window(browser: Any, url: str, width: int) -> None:
    resize(browser, width)
    for path in ("/", "/?question=How+many+objects+does+a+bucket+hold", "/?question=password", "/documents/evil.md"):
        browser.get(url + path)
        assert not overflows(browser), path
