from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

import pytest

from groundtune.advice import Forecast, advise, parse_answers
from groundtune.testing.browser import WITHOUT_BROWSER, chromium, complaints, has_browser, overflows, resize
from groundtune.verdict.advice_page import PAGE_MARK, render_advice

FULL = """\
task = "answer"
knowledge_needed = "private"
knowledge_changes = "weekly"
citations_required = true
latency_p95_ms = 150
behaviour = ["tone"]
budget_setup_usd = 10
"""


def page_of(text: str) -> tuple[Forecast, str]:
    forecast = advise(parse_answers(text))
    return forecast, render_advice(forecast, title="Desk <1>", made="2026-01-02")


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_everything_that_the_forecast_says_stands_on_the_page() -> None:
    forecast, page = page_of(FULL)
    text = words(page)
    assert forecast.sentence in text
    said = [reason.rule.because for reason in forecast.reasons]
    said += [requirement.because for requirement in forecast.requirements]
    said += [conflict.because for conflict, _ in forecast.conflicts]
    said += [way.does for conflict, _ in forecast.conflicts for way in conflict.ways_out]
    said += [note.because for note in forecast.notes] + [note.guard for note in forecast.notes]
    said += [*forecast.warnings, forecast.next_step, *forecast.skipped]
    assert len(said) > 40
    assert [sentence for sentence in said if " ".join(sentence.split()) not in text] == []
    assert len(forecast.warnings) == 2, "the set-up budget, and the latency limit"


def test_the_page_is_whole_by_itself_and_runs_only_its_own_script() -> None:
    _, page = page_of(FULL)
    assert PAGE_MARK in page
    assert "Desk &lt;1&gt;" in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)""", page) == []
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


@pytest.mark.parametrize(
    "text", ["", "citations_required = true\nlatency_p95_ms = 20", 'offline = true\ntask = "code"']
)
def test_every_kind_of_forecast_has_a_page(text: str) -> None:
    forecast, page = page_of(text)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert forecast.sentence in words(page)
    assert "None" not in words(page)


@pytest.mark.skipif(not has_browser(), reason=WITHOUT_BROWSER)
def test_in_a_browser_it_fits_a_phone_and_its_costs_follow_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "forecast.html"
    path.write_text(page_of(FULL)[1], encoding="utf-8")
    with chromium() as browser:
        for width in (360, 1200):
            resize(browser, width)
            browser.get(path.as_uri())
            assert not overflows(browser), width
        costs = "return document.querySelector('.cost-model table').innerText"
        before = browser.execute_script(costs)
        browser.execute_script(
            "const field = document.querySelector('input[data-name=queries_per_month]');"
            "field.value = '5000000'; field.dispatchEvent(new Event('input', { bubbles: true }))"
        )
        assert browser.execute_script(costs) != before
        assert complaints(browser) == []
