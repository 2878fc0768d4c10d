"""The report as HTML and in a real browser: complete, self-contained, inert, and readable everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from groundtune.records import SYSTEM_IDS
from groundtune.testing.browser import (
    WITHOUT_BROWSER,
    chromium,
    complaints,
    has_browser,
    overflows,
    print_pdf,
    resize,
)
from groundtune.testing.reports import HOSTILE, sample_report
from groundtune.verdict.page import render_index, render_report
from groundtune.verdict.report import OUTCOMES, Report, outcome_shares, utility

in_browser = pytest.mark.skipif(not has_browser(), reason=WITHOUT_BROWSER)


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(sample_report())


@pytest.fixture(scope="module")
def path(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(path: Path) -> Iterator[Any]:
    with chromium() as driver:
        yield driver


class Elements(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def bare(**changes: Any) -> Report:
    empty: dict[str, Any] = {"effects": (), "queries": (), "diagnosis": (), "warnings": (), "facts": ()}
    return replace(sample_report(), **{**empty, **changes})


def test_everything_that_was_measured_is_there(page: str) -> None:
    text = " ".join(Elements(page).text.split())
    for words in (
        "Use retrieval, without fine-tuning.",
        "Retrieval adds 28.4 points (95 % interval 22.1 to 34.9).",
        "tuned_rag: fine-tuning with retrieval",
        "a difference below 11.5 points would go unnoticed",
        "Score: token F1, 0 to 100",
        "Retrieval draws on the documents.",
        "62.0 56.0 to 68.0",
        "cannot cite its sources",
        "+28.4 +22.1 to +34.9",
        "utility",
        "Dashed: your limit of 800 ms.",
        "Why answers fail",
        "The ladder of rag, in points of score",
        "retrieval miss",
        "better retrieval: smaller passages, a reranker",
        "rightly abstained",
        "the model ran out of memory",
        "No passage says anything about this.",
        "docs/guide/queues.md, 40 to 113",
        "queries.jsonl",
        "3f9a3f9a",
    ):
        assert words in text, words


def test_nothing_is_fetched_from_anywhere(page: str) -> None:
    for tag, attributes in Elements(page).found:
        for name in ("src", "href", "xlink:href", "action", "data"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, value)
    assert not re.search(r"@import|url\(", page)


def test_hostile_text_makes_no_elements(page: str) -> None:
    tags = [tag for tag, _ in Elements(page).found]
    assert "img" not in tags
    assert tags.count("script") == 1
    assert HOSTILE not in page


def test_every_picture_and_table_says_what_it_is(page: str) -> None:
    found = Elements(page).found
    tables = [tag for tag, _ in found].count("table")
    assert [tag for tag, _ in found].count("caption") == tables
    pictures = [attributes for _, attributes in found if attributes.get("role") == "img"]
    assert len(pictures) == 5
    assert all(attributes["aria-label"] for attributes in pictures)


def test_ids_are_unique_and_labels_point_to_them() -> None:
    page = render_index([sample_report(), sample_report(3, project="other", system=None)])
    found = Elements(page).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [attributes["aria-labelledby"] for _, attributes in found if "aria-labelledby" in attributes]
    assert set(labels) <= set(ids)


def test_several_projects_share_a_page_under_an_overview() -> None:
    page = render_index([sample_report(4), sample_report(3, project="other", system=None)], title="Two of them")
    text = Elements(page).text
    assert "Two of them" in text
    assert '<a href="#p2">other</a>' in page
    assert text.count("Undecided: the queries cannot tell the four systems apart.") == 2
    assert "about 640" in text


def test_a_report_of_nothing_but_a_verdict_renders() -> None:
    systems = tuple(
        replace(system, score=None, interval=None, wrong_rate=None, abstain_rate=None, latency_ms={})
        for system in sample_report().systems
    )
    text = Elements(render_report(bare(systems=systems, retrieval="demonstrations"))).text
    assert "retrieved demonstrations" in text
    assert "no interval" in text
    assert "Every query" not in text


def test_a_system_that_did_not_run_is_said_to_be_missing() -> None:
    full = sample_report(6)
    rows = tuple(replace(row, cells={k: v for k, v in row.cells.items() if k != "tuned_rag"}) for row in full.queries)
    text = Elements(render_report(replace(full, systems=full.systems[:3], queries=rows))).text
    assert "not run" in text


def test_warnings_are_not_repeated_as_reasons() -> None:
    report = bare(warnings=("Few queries.", "Few queries."))
    verdict = replace(report.recommendation, because=("It is better.", "Few queries."))
    text = Elements(render_report(replace(report, recommendation=verdict))).text
    assert text.count("Few queries.") == 1


@pytest.mark.parametrize("system", SYSTEM_IDS)
def test_shares_add_up_and_utility_follows_from_them(system: str) -> None:
    report = sample_report(50)
    shares = outcome_shares(report, system)
    assert list(shares) == list(OUTCOMES)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert utility(report, system) == pytest.approx(shares["right"] - shares["wrong"])
    assert utility(report, system, 3.0) == pytest.approx(shares["right"] - 3 * shares["wrong"])


def test_without_answers_there_is_no_utility() -> None:
    assert outcome_shares(bare(), "rag") == {}
    assert utility(bare(), "rag") is None


@in_browser
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_the_report_fits_its_window(browser: Any, path: Path, width: int) -> None:
    resize(browser, width)
    browser.get(path.as_uri())
    assert not overflows(browser)
    assert complaints(browser) == []
    assert "taken" not in browser.title


@in_browser
def test_queries_can_be_filtered(browser: Any, path: Path) -> None:
    browser.get(path.as_uri())

    def shown() -> list[str]:
        script = "return [...document.querySelectorAll('.queries tbody tr:not([hidden]) .id')].map(e => e.textContent)"
        return list(browser.execute_script(script))

    rows = sample_report().queries
    assert len(shown()) == len(rows)
    option = browser.find_element("css selector", "option[value='rag:wrong']")
    option.click()
    assert shown() == [row.query.id for row in rows if row.cells["rag"].outcome == "wrong"]
    assert browser.find_element("css selector", ".filter output").text == f"{len(shown())} of {len(rows)}"
    browser.find_element("css selector", "option[value='differ']").click()
    differing = [row.query.id for row in rows if len({cell.outcome for cell in row.cells.values()}) > 1]
    assert shown() == differing
    browser.find_element("css selector", "option[value='']").click()
    browser.find_element("css selector", ".filter input").send_keys("ALARMS")
    assert shown() == [row.query.id for row in rows if "alarms" in row.query.question]


@in_browser
def test_a_script_in_the_page_that_is_not_ours_would_not_run(browser: Any, path: Path, tmp_path: Path) -> None:
    attacked = tmp_path / "attacked.html"
    attacked.write_text(path.read_text(encoding="utf-8").replace("</main>", f"{HOSTILE}</main>"), encoding="utf-8")
    browser.get(attacked.as_uri())
    assert browser.title != "taken"
    assert any("Content Security Policy" in message for message in complaints(browser))


@in_browser
def test_the_report_prints(browser: Any, path: Path) -> None:
    browser.get(path.as_uri())
    pdf = print_pdf(browser)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") <= 12
