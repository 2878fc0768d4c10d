"""A prompt whose instruction was optimised on dev through DSPy, within a fixed number of calls.

The optimiser is GEPA (Agrawal et al. 2025, arXiv 2507.19457): it answers a few dev questions, shows a language model
what went wrong, and keeps the instructions that do better. Everything is asked through the system's own template and
model, and new instructions through a `Chat`, so that budget, cache and records of the project hold here too. DSPy's own
clients are not used.
"""

from __future__ import annotations

import importlib.util
import io
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from groundtune.errors import GateClosed, GroundtuneError, MissingExtra, ModelError, UserError
from groundtune.records import Answer, Message, Query
from groundtune.systems.system import System

if TYPE_CHECKING:
    from groundtune.models import Chat

__all__ = ["LEAST_CALLS", "Optimised", "optimise_instruction"]

LEAST_CALLS = 24
"""With fewer, no new instruction could be compared with the old one."""

_FULL_LOOKS = 8
"""As many instructions can be compared on the whole of the comparing part, roughly."""

Score = Callable[[Answer, Query], float | None]
"""What decides, in [0, 1]; None where an answer could not be scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimised:
    """What the optimiser found.

    Attributes:
        system: The given system with the best instruction and the id ``optimised_prompt``.
        before: Mean score of the instruction that it began with, on the comparing part of dev.
        after: The same for the best one: optimistic, for it was chosen by this score.
        tried: Instructions that were compared on that part, the first one included.
        calls: Answers and proposals that were asked for.
    """

    system: System
    before: float
    after: float
    tried: int
    calls: int


def optimise_instruction(
    system: System,
    dev: Sequence[Query],
    score: Score,
    writer: Chat,
    *,
    max_calls: int,
    seed: int,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Optimised:
    """Look for a better instruction than the system's, on dev alone.

    One part of dev shows what goes wrong, the other compares the instructions; test queries are never seen.

    Args:
        system: Answers with each instruction in turn; its examples, retriever and all else stay as they are.
        dev: Labelled queries.
        score: What decides.
        writer: Writes new instructions; best the strongest model at hand, with room for some hundred tokens.
        max_calls: Most answers and proposals together, never exceeded.
        seed: Of the two parts and of every choice of the optimiser.
        threads: Answers that are asked for at the same time.
        progress: Called with (calls, most calls).

    Raises:
        MissingExtra: when DSPy is not installed.
        GateClosed: when there are too few queries or calls to compare anything.
        GroundtuneError: what stops every answer, for example a wrong key, or a budget that is spent.
    """
    if importlib.util.find_spec("dspy") is None:
        raise MissingExtra("An optimised prompt", "dspy")
    shown, compared = _parts(dev, max_calls, seed)
    run = _Run(system, score, writer, {query.id: query for query in dev}, max_calls, progress)
    with _quiet():
        best = run.optimise(shown, compared, seed=seed, threads=threads)
    if run.stopped is not None:
        raise run.stopped
    return best


def _parts(dev: Sequence[Query], max_calls: int, seed: int) -> tuple[list[Query], list[Query]]:
    if len(dev) < 4 or max_calls < LEAST_CALLS:
        raise GateClosed(
            f"{len(dev)} dev queries and {max_calls} calls are too few to optimise a prompt: at least 4 queries and "
            f"{LEAST_CALLS} calls are needed; 100 queries and 500 calls are a beginning."
        )
    mixed = random.Random(seed).sample(list(dev), len(dev))
    size = min(len(dev) // 2, max_calls // _FULL_LOOKS)
    return mixed[size:], mixed[:size]


class _Spent(Exception):
    """All calls are made."""


class _Run:
    """One optimisation: counts the calls, and speaks with DSPy in its own words."""

    def __init__(
        self,
        system: System,
        score: Score,
        writer: Chat,
        queries: Mapping[str, Query],
        max_calls: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._system = system
        self._score = score
        self._writer = writer
        self._queries = queries
        self._max_calls = max_calls
        self._progress = progress
        self._lock = Lock()
        self._calls = 0
        self._answered = False
        self.stopped: GroundtuneError | None = None

    def optimise(self, shown: Sequence[Query], compared: Sequence[Query], *, seed: int, threads: int) -> Optimised:
        import dspy
        from gepa.utils import ScoreThresholdStopper

        student = self._student()
        started_with = student.signature.instructions
        optimiser = dspy.GEPA(
            metric=self._metric,
            max_metric_calls=self._max_calls,
            instruction_proposer=self._propose,
            use_merge=False,
            num_threads=threads,
            track_stats=True,
            seed=seed,
            gepa_kwargs={"stop_callbacks": [self._is_over, ScoreThresholdStopper(1.0)]},
        )
        sets = [
            [dspy.Example(question=query.question, id=query.id).with_inputs("question", "id") for query in part]
            for part in (shown, compared)
        ]
        found = optimiser.compile(student, trainset=sets[0], valset=sets[1])
        scores = found.detailed_results.val_aggregate_scores
        instruction = found.signature.instructions
        better = instruction != started_with
        return Optimised(
            system=self._with(instruction if better else None, "optimised_prompt"),
            before=float(scores[0]),
            after=float(max(scores)),
            tried=len(scores),
            calls=self._calls,
        )

    def _is_over(self, _: object) -> bool:
        return self.stopped is not None or self._calls >= self._max_calls

    def _student(self) -> Any:
        """A DSPy program of one step, whose instruction DSPy may exchange and whose answers our system gives."""
        import dspy

        started_with = self._system.template.instruction or "Answer the question."

        class Answering(dspy.Predict):  # type: ignore[misc]
            # `self` is the run around it here
            def forward(predict, question: str, id: str) -> Any:
                instruction = predict.signature.instructions
                answer = self._answer(id, None if instruction == started_with else instruction)
                prediction = dspy.Prediction(reply=_said(answer), answer=answer)
                if dspy.settings.trace is not None:
                    dspy.settings.trace.append((predict, {"question": question, "id": id}, prediction))
                return prediction

        return Answering(dspy.Signature("question, id -> reply", started_with))

    def _answer(self, query: str, instruction: str | None) -> Answer:
        self._count()
        try:
            answer = self._with(instruction, self._system.id).answer(self._queries[query])
        except GroundtuneError as error:
            if self._answered and isinstance(error, UserError):  # a retriever of the user's failed on this question
                return Answer(query=query, system=self._system.id, text="", error=str(error))
            self.stopped = self.stopped or error
            raise
        self._answered = True
        return answer

    def _with(self, instruction: str | None, id_: str) -> System:
        template = self._system.template
        if instruction is not None:
            template = replace(template, instruction=instruction)
        return replace(self._system, id=id_, template=template)

    def _metric(self, gold: Any, prediction: Any, *_: Any) -> Any:
        import dspy

        query, answer = self._queries[gold.id], prediction.answer
        value = None if answer.error else self._score(answer, query)
        return dspy.Prediction(score=value or 0.0, feedback=_feedback(answer, query, value))

    def _propose(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],
    ) -> dict[str, str]:
        """New instructions, written after a look at a few answers; the words of the task are GEPA's own."""
        from gepa.strategies.instruction_proposal import InstructionProposalSignature

        proposals = {}
        for name in components_to_update:
            looked_at = {
                "current_instruction_doc": candidate[name],
                "dataset_with_feedback": [_record(record) for record in reflective_dataset[name]],
            }
            found = InstructionProposalSignature.run(self._write, looked_at)["new_instruction"]
            proposals[name] = found or candidate[name]
        return proposals

    def _write(self, prompt: object) -> str:
        try:
            self._count()
            return self._writer.complete([Message(role="user", content=str(prompt))]).text
        except (_Spent, ModelError):
            return ""  # no proposal; what was found before stands
        except GroundtuneError as error:
            self.stopped = self.stopped or error
            return ""

    def _count(self) -> None:
        with self._lock:
            if self.stopped is not None or self._calls >= self._max_calls:
                raise _Spent
            self._calls += 1
            if self._progress:
                self._progress(self._calls, self._max_calls)


def _record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Question": record["Inputs"]["question"],
        "Reply": record["Generated Outputs"]["reply"],
        "Feedback": record["Feedback"],
    }


def _said(answer: Answer) -> str:
    if answer.error is not None:
        return f"(failed: {answer.error})"
    return f"(abstained: {answer.reason})" if answer.abstained else answer.text


def _feedback(answer: Answer, query: Query, value: float | None) -> str:
    if answer.error is not None:
        return "There was no reply."
    accepted = " / ".join(query.answers)
    if query.answerable is False:
        wanted = "The question cannot be answered; the right reply says so."
    else:
        wanted = f"Accepted: {accepted}." if accepted else "No accepted reply is known."
    return f"Scored {value:.2f} of 1. {wanted}" if value is not None else wanted


class _Swallowed(io.StringIO):
    """Takes what DSPy's progress bars write; a progress bar of Rich still finds the real stream behind it."""

    def __init__(self, real: Any) -> None:
        super().__init__()
        self.rich_proxied_file = getattr(real, "rich_proxied_file", real)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars and log lines of DSPy and GEPA off the terminal: standard output may be read by a program."""
    import logging

    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(_Swallowed(sys.stdout)))
        stack.enter_context(redirect_stderr(_Swallowed(sys.stderr)))
        for name in ("dspy", "gepa"):
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        yield
