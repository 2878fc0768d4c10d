"""Systems that say what they are told to, and the results that an experiment makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from groundtune.errors import ModelError
from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.run import Measured, analyse, judge, run_experiment
from groundtune.experiment.scorers import SCORERS, Scorer
from groundtune.records import SYSTEM_IDS, Answer, Citation, Query
from groundtune.storage.ledger import Ledger

__all__ = ["ABSTAINS", "F1", "FAILS", "Scripted", "queries", "result_of", "right_on", "run", "say"]

F1 = SCORERS["token_f1"]

ABSTAINS = "<abstains>"
"""Script line of a system that says that it does not know."""

FAILS = "<fails>"
"""Script line of a system whose model fails."""


@dataclass
class Scripted:
    """A system that says ``script[query.id]``, and remembers what it was asked."""

    id: str
    script: Mapping[str, str]
    asked: list[str] = field(default_factory=list)

    def answer(self, query: Query) -> Answer:
        """Say the line for this query.

        Raises:
            ModelError: where the line is `FAILS`.
        """
        self.asked.append(query.id)
        return say(self.id, query, self.script[query.id])


def say(system: str, query: Query, text: str, *, milliseconds: float | None = None) -> Answer:
    """An answer with this text; systems with retrieval cite it.

    Raises:
        ModelError: where the text is `FAILS`.
    """
    if text == FAILS:
        raise ModelError("the endpoint did not answer")
    reason = "nothing found" if text == ABSTAINS else None
    cites = system.endswith("rag") and reason is None
    citation = Citation(passage="d#0", document="d", source="d.md", quote=text, start=0, end=len(text))
    return Answer(
        query=query.id,
        system=system,
        text="" if reason else text,
        reason=reason,
        citations=(citation,) if cites else (),
        milliseconds={} if milliseconds is None else {"total": milliseconds},
    )


def queries(count: int) -> list[Query]:
    """Queries ``q0``, ``q1`` and so on, whose accepted answers are ``answer0``, ``answer1`` and so on."""
    return [Query(id=f"q{n}", question=f"what is thing{n}", answers=(f"answer{n}",)) for n in range(count)]


def right_on(count: int, right: Callable[[int], bool], otherwise: str = "nonsense") -> dict[str, str]:
    """A script for `queries` that is right where ``right(n)`` says so."""
    return {f"q{n}": f"answer{n}" if right(n) else otherwise for n in range(count)}


def run(
    folder: Path,
    systems: Sequence[Scripted],
    asked: Sequence[Query],
    *,
    clusters: Mapping[str, str] | None = None,
    scorer: Scorer = F1,
) -> ExperimentResult:
    """A whole experiment through a ledger in ``folder``."""
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        return run_experiment(
            {system.id: system for system in systems},
            asked,
            ledger,
            "r",
            scorer=scorer,
            clusters=clusters or {query.id: query.id for query in asked},
            seed=7,
        )


def result_of(
    rights: Mapping[str, Callable[[int], bool]],
    count: int,
    *,
    otherwise: str = "nonsense",
    milliseconds: float = 10.0,
    clusters: Callable[[int], str] = lambda n: f"q{n}",
) -> ExperimentResult:
    """A result without a ledger: each system is right on the queries that its function names."""
    asked = queries(count)
    answers = {}
    for system, right in rights.items():
        for n, query in enumerate(asked):
            text = query.answers[0] if right(n) else otherwise
            answers[system, query.id] = say(system, query, text, milliseconds=milliseconds)
    ordered = [system for system in SYSTEM_IDS if system in rights]
    places = {query.id: clusters(n) for n, query in enumerate(asked)}
    rows = judge(answers, ordered, asked, F1, clusters=places)
    return analyse("r", rows, F1, seed=7, measured=Measured())
