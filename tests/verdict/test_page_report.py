"""The report as HTML and in a real browser: complete, self-contained, inert, and readable everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from groundtune.economics.page import dollars
from groundtune.experiment.load import LoadPlan, LoadResult
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
from groundtune.testing.reports import HOSTILE, OWN, paid_report, sample_report
from groundtune.verdict.page import render_index, render_report
from groundtune.verdict.report import OUTCOMES, Report, TokenMeans, outcome_shares, utility

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


def words_of(report: Report) -> str:
    return " ".join(Elements(render_report(report)).text.split())


def section(report: Report, name: str) -> str:
    """The words of one section; empty when there is none."""
    found = re.search(rf'<section aria-labelledby="p1-{name}">(.*?)</section>', render_report(report), re.DOTALL)
    return " ".join(Elements(found[1]).text.split()) if found else ""


def test_what_answers_cost_is_shown_with_its_source_and_never_rounded_to_nothing() -> None:
    shown = section(paid_report(), "cost")
    assert "prompt $0.00000341 $0.00000550 812 512 41.2 – rag $0.00000682 $0.0000110 813 512 41.2 12.0" in shown
    assert f"{OWN} – – – – –" in shown
    assert "written $0.60. From <script>" in shown
    assert "as of 2026-11-20. (prompt, rag, tuned, tuned_rag)" in shown
    assert "cost per query $0.00000682" in section(paid_report(), "systems")


def test_what_running_it_costs_is_shown_for_a_month_and_a_right_answer() -> None:
    shown = section(paid_report(), "costs")
    assert "prompt $0.680, rag $1.36, tuned $2.04, tuned_rag $2.72" in shown
    assert "tuned is cheaper than rag from" in shown
    assert "input_tokens.rag" in shown
    assert section(sample_report(), "costs") == ""
    assert "Filled: no other system is both cheaper and better." in section(paid_report(), "offers")
    assert section(sample_report(), "offers") == ""


def test_latencies_say_how_many_questions_were_under_way() -> None:
    assert "up to 4 questions under way at a time" in section(paid_report(), "latency")
    assert "one question under way" in section(replace(paid_report(), concurrency=1), "latency")


def test_latency_under_load_is_held_against_the_limit() -> None:
    plan = LoadPlan(per_second=2.5, seconds=60, slots=4, seed=1)
    found = {
        name: LoadResult(
            system=name,
            plan=plan,
            n=150,
            failed=1,
            p50=210,
            p95=p95,
            p95_at_most=at_most,
            waited_p95=33,
            service_mean=100,
        )
        for name, p95, at_most in (("prompt", 700.0, 790.0), ("rag", 700.0, 900.0), ("tuned", 900.0, None))
    }
    shown = section(replace(paid_report(), load=found), "latency")
    assert "2.5 a second on average as in your busiest hour, for 60 s at each system, with at most 4 under way" in shown
    assert "prompt 150 1 210 ms 700 ms 790 ms 33 ms 6.2 % ✓ yes" in shown
    assert "rag 150 1 210 ms 700 ms 900 ms 33 ms 6.2 % ? not shown" in shown
    assert "tuned 150 1 210 ms 900 ms – 33 ms 6.2 % ✗ no" in shown
    assert "Under load" not in section(paid_report(), "latency")


def test_a_forecast_is_held_against_the_measurement() -> None:
    shown = section(paid_report(), "forecast")
    assert "Of 3 statements 1 came true. The forecast was made on 2026-11-19" in shown
    assert "cost of a query $0.01 to $0.02 $0.03 ✗ no Longer prompts." in shown
    assert "2.1 points ? not shown <script>" in shown
    assert section(sample_report(), "forecast") == ""


def test_without_tokens_or_prices_there_is_no_word_of_cost() -> None:
    assert section(sample_report(), "cost") == ""
    assert "cost per query" not in words_of(sample_report())
    counted = [replace(m, tokens=TokenMeans(read=5.0, written=2.0)) for m in sample_report().systems]
    shown = section(replace(sample_report(), systems=tuple(counted)), "cost")
    assert "prompt 5.0 2.0" in shown
    assert "cached" not in shown
    assert "$" not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "$0"), (0.00000341, "$0.00000341"), (0.0523, "$0.0523"), (3.5, "$3.50"), (1234.6, "$1,235")],
)
def test_dollars(value: float | None, shown: str) -> None:
    assert dollars(value) == shown


def test_answers_from_the_cache_are_told_apart_where_there_are_any() -> None:
    shown = section(paid_report(), "latency")
    assert "came from the cache" in shown
    assert "prompt 1, leaving 23; rag 1, leaving 23; tuned 1, leaving 23; tuned_rag 1, leaving 23." in shown
    assert "rag 14 ms 31 ms 4.4 ms 12 s" in shown
    assert f"{OWN} 640 ms 2,210 ms – 0.0 s" in shown
    plain = section(sample_report(), "latency")
    assert "cache" not in plain
    assert "first word" not in plain


def test_a_run_that_came_whole_from_the_cache_shows_no_times() -> None:
    again = [replace(m, latency_ms={}, timed=None, from_cache=24) for m in sample_report().systems]
    page = render_report(replace(sample_report(), systems=tuple(again)))
    assert page.count('role="img"') == 4
    shown = section(replace(sample_report(), systems=tuple(again)), "latency")
    assert "rag – – 12 s" in shown
    assert "prompt 24; rag 24;" in shown


def test_a_system_of_the_users_own_stands_beside_the_four_everywhere() -> None:
    report = paid_report()
    shown = section(report, "systems")
    assert f"{OWN} a system of your own cites nothing 33.0 27.0 to 39.0" in shown
    page = render_report(report)
    assert page.count(f'data-system="{OWN}"') == len(report.queries)
    assert f"{OWN} is wrong" in page
    assert len(re.findall(rf">{OWN}</text>", page)) == 3
    chosen = replace(report, recommendation=replace(report.recommendation, system=OWN, runner_up=OWN))
    assert f"{OWN} chosen" in section(chosen, "systems")
    assert f"{OWN}: a system of your own" in words_of(chosen)
    overview = Elements(render_index([sample_report(), chosen])).text
    assert "beside them" in overview
    assert "beside them" not in Elements(render_index([sample_report(), sample_report()])).text


def test_gates_say_passed_failed_or_not_shown() -> None:
    shown = section(paid_report(), "tuned")
    assert "hosted-1f2e3d, made from gpt-4o-mini on 1,240 examples for $3.50." in shown
    for words in ("overfit: verbatim ✓ passed It recites", "refusal ✗ failed It refuses", "format ? not shown With 12"):
        assert words in shown
    assert section(sample_report(), "tuned") == ""


def test_without_the_tuned_cells_the_effects_are_absent_and_it_says_why() -> None:
    half = replace(sample_report(), systems=sample_report().systems[:2], effects=())
    assert "tuned and tuned_rag were not measured" in section(half, "effects")
    assert section(half, "systems").count("not measured") == 2
    assert "were not measured" not in words_of(sample_report())


def test_nothing_is_fetched_from_anywhere(page: str) -> None:
    for tag, attributes in Elements(page).found:
        for name in ("src", "href", "xlink:href", "action", "data"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, value)
    assert not re.search(r"@import|url\(", page)


@pytest.mark.parametrize("report", [sample_report(), paid_report()])
def test_hostile_text_makes_no_elements(report: Report) -> None:
    page = render_report(report)
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
    assert "not measured" in text


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
@pytest.mark.parametrize("make", [sample_report, paid_report])
def test_the_report_fits_its_window(browser: Any, tmp_path: Path, width: int, make: Callable[[], Report]) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_report(make()), encoding="utf-8")
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
