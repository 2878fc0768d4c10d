"""The questionnaire at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from groundtune.errors import UserError

if TYPE_CHECKING:
    from groundtune.advice.answers import Answers
    from groundtune.advice.questions import Part

__all__ = ["ask_all"]

_SKIP = "-"


def ask_all(known: Mapping[str, Any], shown: Mapping[str, str]) -> Answers:
    """What a person answers to every question that is neither answered yet nor made pointless by an earlier answer.

    Args:
        known: Answers that need not be asked for.
        shown: By question, where they came from.

    Raises:
        UserError: when there is nobody to ask.
    """
    from groundtune.advice.answers import Answers, toml_value
    from groundtune.advice.questions import QUESTIONS, is_moot

    if not sys.stdin.isatty():
        raise UserError(
            "The questionnaire needs a terminal to ask at, and there is none. Give the answers in a file: "
            'groundtune advise --answers FILE.toml  (all keys are optional, for example: task = "answer")'
        )
    click.echo(f"{len(QUESTIONS)} questions at most. Enter skips one; Ctrl-C stops.", err=True)
    for key, where in shown.items():
        click.echo(f"  {key} = {toml_value(known[key])}: {where}", err=True)
    found = dict(known)
    for number, question in enumerate(QUESTIONS, start=1):
        open_parts = [part for part in question.parts if part.key not in found]
        if not open_parts or is_moot(question, found):
            continue
        click.echo(f"\n{number}. {question.asks}\n   {question.why}", err=True)
        for name, meaning in open_parts[0].choices.items():
            click.echo(f"     {name:<12}{meaning}", err=True)
        for part in open_parts:
            found |= _ask(part, found)
    click.echo("\nYour answers, as a file for --answers:", err=True)
    for key, value in found.items():
        click.echo(f"  {key} = {toml_value(value)}", err=True)
    return Answers.model_validate({key: value for key, value in found.items() if key not in known})


def _ask(part: Part, found: Mapping[str, Any]) -> dict[str, Any]:
    """One answer, asked for again until it is possible beside the others; nothing when it was skipped."""
    from pydantic import ValidationError

    from groundtune.advice.answers import Answers, contradictions, toml_value

    prompt = f"   {part.label or part.key} ({_hint(part)})"
    while True:
        text = click.prompt(prompt, default="", show_default=False, err=True).strip()
        if text in ("", _SKIP):
            return {}
        try:
            answer = Answers.model_validate({part.key: _value(part, text)}).known()
        except ValidationError as error:
            allowed = f"allowed: {', '.join(part.choices)}" if part.choices else error.errors()[0]["msg"]
            click.echo(f"     {text!r} cannot be: {allowed}. Enter skips the question.", err=True)
            continue
        against = [(pair, advice) for pair, advice in contradictions({**found, **answer}) if part.key in pair]
        if not against:
            return answer
        for pair, advice in against:
            other = next(key for key in pair if key != part.key)
            click.echo(f"     Not beside {other} = {toml_value(found[other])}: {advice}.", err=True)


def _hint(part: Part) -> str:
    """How an answer is typed."""
    from groundtune.advice.answers import Answers

    if part.several:
        return "several with commas; none: nothing special"
    if part.choices:
        return "one of these"
    return "yes or no" if "bool" in str(Answers.model_fields[part.key].annotation) else "a number"


def _value(part: Part, text: str) -> Any:
    """What was typed, as a value of its key."""
    if part.several:
        words = [word for word in text.replace(",", " ").split() if word != "none"]
        return tuple(dict.fromkeys(words))
    if part.choices:
        return text.lower()
    if text.lower() in ("y", "yes", "n", "no"):
        return text.lower().startswith("y")
    plain = text.replace("_", "").replace(" ", "").replace(",", "")
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text
