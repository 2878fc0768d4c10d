"""Write the generated pages anew: ``python docs/generate.py``; a test fails when they are stale."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import get_origin

import click
from pydantic import BaseModel

from groundtune.advice import Answers, advise, parse_answers
from groundtune.advice.questions import QUESTIONS
from groundtune.cli import cli
from groundtune.economics.assumptions import default_quantities
from groundtune.economics.scenarios import SCENARIOS, Scenario
from groundtune.settings import Settings
from groundtune.tomlfile import section_of

HERE = Path(__file__).parent


def commands_page() -> str:
    """Every command with its help, as the program prints it."""
    parts = ["# Commands\n\nExit codes: 0 done; 1 failed; 2 wrong use or a bad project file; 3 done, but no system "]
    parts[0] += "qualifies or the gate is closed; 130 interrupted.\n"
    for name, command in sorted(cli.commands.items()):
        shown = {"max_content_width": 100, "terminal_width": 100, "help_option_names": ["-h", "--help"]}
        context = click.Context(command, info_name=f"groundtune {name}", **shown)
        parts.append(f"## {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def settings_page() -> str:
    """Every key of groundtune.toml with its meaning and default."""
    rows = ["# Settings\n\nThe keys of groundtune.toml. Unknown keys are refused, and all faults are named at once.\n"]
    rows += _section(Settings, "")
    return "\n".join(rows)


def _section(section: type[BaseModel], path: str) -> list[str]:
    nested, keys = [], []
    for name, field in section.model_fields.items():
        key = field.alias or name
        if inner := section_of(field.annotation):
            name_given = ".NAME" if get_origin(field.annotation) is dict else ""
            nested += _section(inner, f"{path}.{key}{name_given}".strip("."))
        else:
            default = "required" if field.is_required() else f"`{field.get_default()!r}`"
            keys.append(f"| `{key}` | {(field.description or '').replace('|', '/')} | {default} |")
    table = [
        f"## [{path}]\n",
        (section.__doc__ or "") + "\n",
        "| key | meaning | default |",
        "|---|---|---|",
        *keys,
        "",
    ]
    return (table if keys else []) + nested


def guide_page() -> str:
    """The guide, with every key of an answers file, and the rules held against what docs/demo.md measured."""
    page = (HERE / "guide.md").read_text(encoding="utf-8")
    return _filled(_filled(page, "keys", _answer_keys()), "measured", _against_demo(page))


def _filled(page: str, name: str, text: str) -> str:
    """The page with this text between its two marks."""
    before, rest = page.split(f"<!-- {name} -->\n")
    return f"{before}<!-- {name} -->\n{text}<!-- end -->{rest.split('<!-- end -->', 1)[1]}"


def _answer_keys() -> str:
    rows = ["| key | answer | asked as |", "|---|---|---|"]
    for question in QUESTIONS:
        for part in question.parts:
            kind = str(Answers.model_fields[part.key].annotation)
            answer = ", ".join(part.choices) or ("true, false" if "bool" in kind else "a number")
            listed = f"a list of: {answer}" if part.several else answer
            rows.append(f"| `{part.key}` | {listed} | {question.asks}{f' ({part.label})' if part.label else ''} |")
    return "\n".join(rows) + "\n"


def _against_demo(guide: str) -> str:
    answers = dict(re.findall(r"^```toml (\S+)\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
    rows, right = [], 0
    for section in (HERE / "demo.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        name = section.partition("\n")[0]
        verdict = re.search(r"\*\*[^*]*?\((\w+)\)[^*]*\*\*", section)
        effects = re.search(r"Effects in points: retrieval (.*?); tuning (.*?); interaction (.*?)\.\n", section)
        forecast = advise(parse_answers(answers[name]))
        measured = verdict[1] if verdict else "none"
        right += forecast.recommendation == measured
        shown = effects.groups() if effects else ("–", "–", "–")
        said = f"{forecast.recommendation}, {forecast.firmness}"
        rows.append(f"| {name} | {said} | {measured} | {' | '.join(shown)} |")
    head = "| project | forecast | measured | retrieval, points | tuning, points | interaction |\n"
    return (
        head
        + "|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\nThe forecast named the measured system in {right} of {len(rows)} cases.\n"
    )


def cost_numbers_page() -> str:
    """Every number that the cost model assumes, and every published figure held against it."""
    rows = [
        "# The numbers behind costs and latency\n",
        "What is assumed until you say or measure otherwise, and what the model makes of published figures. How they "
        "are put together: [economics.md](economics.md).\n",
        "## Published figures\n",
        "`holds` says whether the figure comes out of the model under its assumptions, and whether it does today.\n",
        "| figure | for it to come out | gives | holds | today | gives | holds |",
        "|---|---|---|---|---|---|---|",
        *map(_scenario_row, SCENARIOS),
        "",
    ]
    groups: dict[str, list[str]] = {}
    for name, quantity in default_quantities().items():
        low, likely, high = (_amount(value) for value in quantity.range)
        ends = "exact" if low == high else f"{low} to {high}"
        shown = "not known" if quantity.likely is None else f"{likely} ({ends})"
        row = f"| `{name}` | {quantity.about} | {shown} {quantity.unit} | {quantity.source}, {quantity.date} |"
        groups.setdefault(quantity.group, []).append(row)
    for group, numbers in groups.items():
        rows += [f"## {group}\n", "| number | meaning | assumed | from |", "|---|---|---|---|", *numbers, ""]
    return "\n".join(rows)


def _scenario_row(scenario: Scenario) -> str:
    then, now = scenario.reproduced(), scenario.now()
    cells = [f"{scenario.figure} [{scenario.source}]", scenario.because, f"{_amount(then)} {scenario.unit}"]
    cells += ["yes" if scenario.holds(then) else "no", scenario.today_because, f"{_amount(now)} {scenario.unit}"]
    return f"| {' | '.join([*cells, 'yes' if scenario.holds(now) else '**no**'])} |"


def _amount(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "not known"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"


PAGES = {
    "commands.md": commands_page,
    "economics-numbers.md": cost_numbers_page,
    "guide.md": guide_page,
    "settings.md": settings_page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
