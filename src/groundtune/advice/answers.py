"""What a team says about its application: the answers to the questionnaire, every one of them optional."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundtune.errors import AnswersError, Fault, ProjectError
from groundtune.settings import Change
from groundtune.tomlfile import key_line, parse_toml

__all__ = [
    "Answers",
    "Behaviour",
    "contradictions",
    "parse_answers",
    "read_answers",
    "refuse_contradictions",
    "toml_value",
]

Task = Literal["answer", "classify", "extract", "write", "code", "chat", "summarise"]
Knowledge = Literal["none", "general", "domain", "private", "per_user"]
Behaviour = Literal["format", "tone", "persona", "reasoning", "jargon", "labels", "distil"]
Level = Literal["none", "some", "strong"]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Answers(BaseModel):
    """The answers; None is "skipped". An empty ``behaviour`` is an answer: nothing special is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    task: Task | None = Field(None, description="What the model is asked for.")
    knowledge_needed: Knowledge | None = Field(None, description="What it must know beyond the question.")
    knowledge_changes: Change | None = Field(None, description="How often that knowledge changes.")
    corpus_documents: Count | None = Field(None, description="How many documents hold it.")
    domains: Annotated[int, Field(ge=1)] | None = Field(None, description="How many subjects one model serves.")
    citations_required: bool | None = Field(None, description="Whether every answer must cite its source.")
    regulated: bool | None = Field(None, description="Whether answers may be audited.")
    wrong_answer_cost: Literal["low", "medium", "high"] | None = Field(None, description="What a wrong answer costs.")
    behaviour: tuple[Behaviour, ...] | None = Field(None, strict=False, description="Which behaviour is wanted.")
    format_strictness: Literal["none", "preferred", "guaranteed"] | None = Field(
        None, description="How strictly a reply must keep a format."
    )
    labelled_examples: Count | None = Field(
        None, le=10**9, description="Questions with ideal answers, ready to train on."
    )
    label_quality: Literal["unknown", "poor", "good"] | None = Field(None, description="How good these are.")
    prompt_baseline: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Share that a good prompt solves today, 0 to 1."
    )
    queries_per_month: Count | None = Field(None, le=10**12, description="Expected volume.")
    latency_p95_ms: Positive | None = Field(None, description="95 % of answers must come within this time.")
    offline: bool | None = Field(None, description="Whether nothing may leave the machine.")
    budget_setup_usd: Amount | None = Field(None, description="Most that setting up may cost.")
    budget_month_usd: Amount | None = Field(None, description="Most that a month may cost.")
    team_ml: Level | None = Field(None, description="Experience with training models.")
    team_search: Level | None = Field(None, description="Experience with search.")
    time_to_launch_weeks: Positive | None = Field(None, description="Weeks until it must run.")
    base_model_changes_per_year: Amount | None = Field(
        None, le=366, description="How often the base model is exchanged."
    )

    def known(self) -> dict[str, Any]:
        """The questions that were answered, with their answers."""
        return {name: value for name, value in self if value is not None}


_IMPOSSIBLE: tuple[tuple[tuple[str, str], Callable[[Any, Any], bool], str], ...] = (
    (
        ("knowledge_needed", "citations_required"),
        lambda needed, cited: needed == "none" and cited,
        "answers that need no knowledge have no source to cite: set citations_required = false, or knowledge_needed to "
        '"general", "domain", "private" or "per_user"',
    ),
    (
        ("knowledge_needed", "knowledge_changes"),
        lambda needed, changes: needed == "none" and changes != "never",
        'knowledge that is not needed cannot change: set knowledge_changes = "never", or knowledge_needed to '
        '"general", "domain", "private" or "per_user"',
    ),
    (
        ("labelled_examples", "label_quality"),
        lambda examples, quality: examples == 0 and quality != "unknown",
        'there are no examples whose labels could be good or poor: set label_quality = "unknown", or labelled_examples '
        "to 1 or more",
    ),
    (
        ("behaviour", "format_strictness"),
        lambda behaviour, strictness: "format" in behaviour and strictness == "none",
        'a format is wanted and at the same time none: take "format" out of behaviour, or set format_strictness to '
        '"preferred" or "guaranteed"',
    ),
)


def contradictions(known: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Pairs of answers that cannot both be true, and how to put them right.

    Args:
        known: Answers by question, as of `Answers.known`.
    """
    for (first, second), impossible, advice in _IMPOSSIBLE:
        if first in known and second in known and impossible(known[first], known[second]):
            yield (first, second), advice


def parse_answers(text: str, path: str = "answers") -> Answers:
    """Validate the text of an answers file; ``path`` only appears in messages.

    Raises:
        AnswersError: when a key is unknown, a value impossible, or answers contradict each other; names all of them.
    """
    try:
        answers = parse_toml(text, Answers, path=path, wrong=AnswersError)
    except AnswersError as error:
        faults = [*error.faults, *_contradictory(_possible(text), text)]
        ordered = sorted(faults, key=lambda fault: fault.line or 0)
        raise AnswersError(path, ordered, error.next_step) from None
    refuse_contradictions(answers, path, text)
    return answers


def refuse_contradictions(answers: Answers, path: str, text: str = "") -> None:
    """Refuse answers that cannot all be true.

    Raises:
        AnswersError: names every pair, with its line where ``text`` shows one.
    """
    faults = _contradictory(answers.known(), text)
    if faults:
        raise AnswersError(path, faults, "Correct these answers and run the command again.")


def _contradictory(known: Mapping[str, Any], text: str) -> list[Fault]:
    return [
        Fault(
            max((line for key in pair if (line := key_line(text, key))), default=None),
            " and ".join(f"{key} = {toml_value(known[key])}" for key in pair) + f": {advice}",
        )
        for pair, advice in contradictions(known)
    ]


def _possible(text: str) -> dict[str, Any]:
    """Those answers of a faulty file that are possible by themselves."""
    found: dict[str, Any] = {}
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return found
    for key, value in data.items():
        try:
            found |= Answers.model_validate({key: value}).known()
        except ValidationError:
            continue
    return found


def read_answers(path: Path) -> Answers:
    """Read an answers file.

    Raises:
        ProjectError: when it cannot be read.
        AnswersError: when anything in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f'{path} cannot be read: {error}. It must be a UTF-8 text file in TOML, for example: task = "answer"'
        ) from error
    return parse_answers(text, str(path))


def toml_value(value: Any) -> str:
    """An answer as it is written in a file."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
