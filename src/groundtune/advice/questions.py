"""The questionnaire: at most 20 questions in plain words, each with why it is asked and when it can be left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["QUESTIONS", "Part", "Question", "is_moot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a question asks for.

    Attributes:
        key: The key of the answers file.
        label: What it is called where a question has several parts.
        choices: Value and meaning of each choice; empty for a number, or for yes and no.
        several: Whether any number of choices may be named.
    """

    key: str
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question.

    Attributes:
        asks: The question.
        why: Why it is asked.
        moot_if: By key: the answers that make the question pointless.
    """

    asks: str
    why: str
    parts: tuple[Part, ...]
    moot_if: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


def is_moot(question: Question, known: Mapping[str, Any]) -> bool:
    """Whether earlier answers make a question pointless."""
    return any(key in known and known[key] in values for key, values in question.moot_if.items())


_LEVELS = {"none": "nobody has done it", "some": "somebody has", "strong": "it is our trade"}
_NO_KNOWLEDGE = {"knowledge_needed": ("none",)}

QUESTIONS: tuple[Question, ...] = (
    Question(
        asks="What shall the model do?",
        why="Sorting and extracting lean to fine-tuning, answering from documents to retrieval.",
        parts=(
            Part(
                key="task",
                choices={
                    "answer": "answer questions",
                    "classify": "choose one of a set of labels",
                    "extract": "fill fields from a text",
                    "write": "write text",
                    "code": "write or review code",
                    "chat": "hold a conversation",
                    "summarise": "summarise",
                },
            ),
        ),
    ),
    Question(
        asks="What must it know beyond the question itself?",
        why="Knowledge is looked up, behaviour is learned: this is the core of the choice.",
        parts=(
            Part(
                key="knowledge_needed",
                choices={
                    "none": "nothing",
                    "general": "what everybody knows",
                    "domain": "the facts of a field",
                    "private": "your own documents",
                    "per_user": "data of the one who asks",
                },
            ),
        ),
    ),
    Question(
        asks="How often does that knowledge change?",
        why="An index is fresh at once, weights only after the next training.",
        parts=(
            Part(
                key="knowledge_changes",
                choices={
                    "never": "never",
                    "yearly": "about once a year",
                    "monthly": "about once a month",
                    "weekly": "about once a week",
                    "daily": "every day",
                    "live": "all the time",
                },
            ),
        ),
        moot_if=_NO_KNOWLEDGE,
    ),
    Question(
        asks="How many documents hold it?",
        why="Thousands have to be searched; a handful may fit into the prompt.",
        parts=(Part(key="corpus_documents"),),
        moot_if={"knowledge_needed": ("none", "per_user")},
    ),
    Question(
        asks="How many subjects shall one model serve?",
        why="Each subject can bring its own documents; weights for each would have to be trained.",
        parts=(Part(key="domains"),),
    ),
    Question(
        asks="Must every answer cite its source?",
        why="Only retrieval has a source to cite.",
        parts=(Part(key="citations_required"),),
        moot_if=_NO_KNOWLEDGE,
    ),
    Question(
        asks="Is the field regulated, or will answers be audited?",
        why="An auditor asks where an answer came from.",
        parts=(Part(key="regulated"),),
    ),
    Question(
        asks="What does a wrong answer cost?",
        why="Where it does harm, answers should be grounded, and the system be able to say that it does not know.",
        parts=(
            Part(
                key="wrong_answer_cost",
                choices={"low": "a shrug", "medium": "time or money", "high": "harm: clinical, legal, financial"},
            ),
        ),
    ),
    Question(
        asks="Which behaviour do you want that a plain prompt does not give?",
        why="Behaviour is what fine-tuning is good at.",
        parts=(
            Part(
                key="behaviour",
                several=True,
                choices={
                    "format": "a fixed format",
                    "tone": "a tone or brand voice",
                    "persona": "a character",
                    "reasoning": "a field's way of thinking",
                    "jargon": "special vocabulary",
                    "labels": "your own labels",
                    "distil": "a large model's skill in a small one",
                },
            ),
        ),
    ),
    Question(
        asks="How strictly must a reply keep its format?",
        why="What a program reads must never be malformed.",
        parts=(
            Part(
                key="format_strictness",
                choices={"none": "no format", "preferred": "mostly", "guaranteed": "always"},
            ),
        ),
    ),
    Question(
        asks="How many examples with an ideal answer do you have?",
        why="Under 500 fine-tuning is unreliable; over 1,000 it is worth trying.",
        parts=(Part(key="labelled_examples"),),
    ),
    Question(
        asks="How good are these answers?",
        why="A model learns the mistakes too.",
        parts=(
            Part(
                key="label_quality",
                choices={"unknown": "nobody has looked", "poor": "many mistakes", "good": "checked by someone"},
            ),
        ),
        moot_if={"labelled_examples": (0,)},
    ),
    Question(
        asks="Which share does a good prompt solve today (0 to 1)?",
        why="From about 0.8 on there may be little left to gain; nothing else should be tried before this is known.",
        parts=(Part(key="prompt_baseline"),),
    ),
    Question(
        asks="How many questions a month do you expect?",
        why="At volume the price of a question outweighs the cost of setting up.",
        parts=(Part(key="queries_per_month"),),
    ),
    Question(
        asks="Within how many milliseconds must 95 % of the answers come?",
        why="Retrieval adds 20 to 500 ms.",
        parts=(Part(key="latency_p95_ms"),),
    ),
    Question(
        asks="Must it run offline, with nothing leaving the machine?",
        why="That rules out hosted models.",
        parts=(Part(key="offline"),),
    ),
    Question(
        asks="What may it cost in US dollars?",
        why="Fine-tuning costs more to set up and to keep fresh, retrieval more for each question.",
        parts=(
            Part(key="budget_setup_usd", label="to set up"),
            Part(key="budget_month_usd", label="a month"),
        ),
    ),
    Question(
        asks="What has the team done before?",
        why="Each technique needs its own skills to run well.",
        parts=(
            Part(key="team_ml", label="training models", choices=_LEVELS),
            Part(key="team_search", label="building search", choices=_LEVELS),
        ),
    ),
    Question(
        asks="In how many weeks must it run?",
        why="Retrieval stands in days; labelling and training take weeks.",
        parts=(Part(key="time_to_launch_weeks"),),
    ),
    Question(
        asks="How often a year will you exchange the base model for a better one?",
        why="A tuned model has to be tuned again each time.",
        parts=(Part(key="base_model_changes_per_year"),),
    ),
)
