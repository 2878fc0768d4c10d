"""Write the generated pages anew: ``python docs/generate.py``; a test fails when they are stale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_origin

import click
from pydantic import BaseModel

from groundtune.advice import advise, parse_answers
from groundtune.cli import cli
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
    """The guide with the rules held against what the demo measured, as docs/demo.md tells it."""
    page = (HERE / "guide.md").read_text(encoding="utf-8")
    before, rest = page.split("<!-- measured -->\n")
    return f"{before}<!-- measured -->\n{_against_demo(page)}<!-- end -->{rest.split('<!-- end -->')[1]}"


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


PAGES = {"commands.md": commands_page, "guide.md": guide_page, "settings.md": settings_page}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
