"""The cost section in a real browser: the formula there is the one here, and curves follow what a reader types."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from groundtune.economics.assumptions import Assumptions
from groundtune.economics.forecast import forecast_costs
from groundtune.economics.formula import cost_items, total_cost
from groundtune.economics.page import SCRIPT_FILES, asset, cost_section
from groundtune.records import SYSTEM_IDS
from groundtune.testing.browser import WITHOUT_BROWSER, chromium, complaints, has_browser
from groundtune.testing.economics import random_values

in_browser = pytest.mark.skipif(not has_browser(), reason=WITHOUT_BROWSER)


def page(assumptions: Assumptions) -> str:
    script = "\n".join(asset(name) for name in SCRIPT_FILES)
    section = cost_section(forecast_costs(assumptions), prefix="c", chosen="rag")
    return f"<!doctype html><meta charset=utf-8><body>{section}<script>{script}</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("costs") / "costs.html"
    path.write_text(page(Assumptions()), encoding="utf-8")
    with chromium() as driver:
        driver.get(path.as_uri())
        yield driver


def test_without_scripts_everything_is_there_to_read() -> None:
    section = cost_section(forecast_costs(), prefix="c")
    assert section.count("<svg") == 4 + 2 + 1, "a legend, two charts of curves, one of drivers"
    assert "tuned is cheaper than rag from" in section
    for name, quantity in Assumptions().quantities.items():
        assert (f'data-name="{name}"' in section) is (quantity.group not in ("Time", "Freshness")), name
    assert re.search(r'data-name="label_minutes"[^>]* disabled', section)


def test_old_facts_cost_points_where_knowledge_changes() -> None:
    changing = cost_section(forecast_costs(Assumptions().with_knowledge_changes("weekly")), prefix="c")
    assert "where 0.71 % of the facts change in a day" in changing
    # After 30 days: 1 - (1 - exp(-x)) / x with x = 0.05 * 52 / 365 * 30.
    assert '<td class="number">10.0</td>' in changing
    assert "train again at least every 8 days" in changing
    still = cost_section(forecast_costs(Assumptions().with_knowledge_changes("never")), prefix="c")
    assert "old facts" not in still


def test_unknown_costs_are_dashes_and_draw_nothing() -> None:
    unknown: dict[str, float | tuple[float, float, float] | None] = dict.fromkeys(
        ("input_price", "tuned_input_price"), None
    )
    section = cost_section(forecast_costs(Assumptions().given(unknown, source="<b>nobody</b>")), prefix="c")
    assert "Nothing to draw" in section
    assert "because these numbers are not: input_price, tuned_input_price. Type in" in section
    assert "<b>nobody" not in section
    assert '<td class="number" data-system="rag" data-amount="12">–</td>' in section


@in_browser
def test_the_formula_of_the_page_is_that_of_python(browser: Any) -> None:
    drawn = [random_values(seed) for seed in range(200)]
    unknown = {**drawn[0], "label_usd_per_hour": math.nan}
    script = """
      const rows = JSON.parse(arguments[0], (key, value) => value === null ? NaN : value);
      const amount = (value) => Number.isNaN(value) ? null : value;
      return rows.map((v) => ["prompt", "rag", "tuned", "tuned_rag"].map((s) => {
        const items = costItems(v, s);
        return [items.setup, items.monthly, items.perQuery].map((part) =>
          Object.fromEntries(Object.entries(part).map(([name, value]) => [name, amount(value)])));
      }));
    """
    sent = [{name: None if math.isnan(value) else value for name, value in row.items()} for row in [*drawn, unknown]]
    found = browser.execute_script(script, json.dumps(sent))
    for row, systems in zip([*drawn, unknown], found, strict=True):
        values = {name: np.asarray(value) for name, value in row.items()}
        for system, parts in zip(SYSTEM_IDS, systems, strict=True):
            items = cost_items(values, system)
            for ours, theirs in zip((items.setup, items.monthly, items.per_query), parts, strict=True):
                as_python = {name: math.nan if value is None else value for name, value in theirs.items()}
                expected = {name: float(value) for name, value in ours.items()}
                assert as_python == pytest.approx(expected, rel=1e-12, nan_ok=True)


@in_browser
def test_break_evens_of_the_page_are_those_of_python(browser: Any) -> None:
    script = """
      const v = JSON.parse(arguments[0]);
      const costs = Object.fromEntries(["prompt", "rag", "tuned", "tuned_rag"].map((s) => [s, costItems(v, s)]));
      return pairsOf(Object.keys(costs), costs).map((p) => [p.below, p.above, p.volume === Infinity ? null : p.volume]);
    """
    for seed in range(12):
        values = random_values(seed)
        assumed = Assumptions().given(dict(values), source="random")
        expected = [[p.below, p.above, p.volume] for p in forecast_costs(assumed).break_evens if p.months == 12]
        for (below, above, volume), ours in zip(
            browser.execute_script(script, json.dumps(values)), expected, strict=True
        ):
            assert [below, above] == ours[:2]
            assert volume == (ours[2] if ours[2] is None else pytest.approx(ours[2], rel=1e-9))


def _type(browser: Any, name: str, value: str) -> None:
    browser.execute_script(
        """
        const field = document.querySelector(`input[data-name="${arguments[0]}"]`);
        field.value = arguments[1];
        field.dispatchEvent(new Event("input", { bubbles: true }));
        """,
        name,
        value,
    )


def _shown(browser: Any, system: str, kind: str) -> str:
    return str(
        browser.execute_script(
            f"""return document.querySelector('td[data-system="{system}"][data-amount="{kind}"]').innerText"""
        )
    ).split("\n")[0]


@in_browser
def test_curves_and_amounts_follow_what_a_reader_types_and_come_back(browser: Any) -> None:
    printed = browser.execute_script("return document.querySelector('.cost-model').innerText")
    before = _shown(browser, "tuned", "12")
    _type(browser, "label_minutes", "30")
    values = {name: np.asarray(q.range[1]) for name, q in Assumptions().quantities.items()}
    values["label_minutes"] = np.asarray(30.0)
    expected = float(total_cost(cost_items(values, "tuned"), values["queries_per_month"], 12))
    assert _shown(browser, "tuned", "12") == f"${expected:,.0f}" != before
    drawn = browser.execute_script("return document.querySelectorAll('figure path[data-system]').length")
    assert drawn == 8, "four curves in each of two charts"
    assert "These are your numbers" in browser.execute_script("return document.querySelector('.changed').textContent")
    browser.execute_script("document.querySelector('.numbers button').click()")
    assert browser.execute_script("return document.querySelector('.cost-model').innerText") == printed
    assert complaints(browser) == []


@in_browser
def test_an_impossible_number_changes_nothing_and_says_so(browser: Any) -> None:
    before = _shown(browser, "rag", "month")
    _type(browser, "utilisation", "7")
    assert _shown(browser, "rag", "month") == before
    assert "outside of what it can be" in browser.execute_script(
        "return document.querySelector('.changed').textContent"
    )
    _type(browser, "utilisation", "0.4")


@in_browser
def test_an_emptied_number_is_unknown_and_not_nothing(browser: Any) -> None:
    _type(browser, "tuned_output_price", "")
    assert _shown(browser, "tuned", "12") == "–"
    assert _shown(browser, "rag", "12") != "–"
    assert browser.execute_script("return document.querySelectorAll('figure path[data-system]').length") == 4
    _type(browser, "tuned_output_price", "1.2")
    assert complaints(browser) == []
