"""Have every system answer every query: in turns, several at a time where that is wanted, every answer kept at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from time import perf_counter
from typing import Protocol

from groundtune.errors import BudgetSpent, GroundtuneError, MissingExtra, StorageError, UserError, WeightsError
from groundtune.records import Answer, Query
from groundtune.storage.ledger import Ledger

__all__ = ["AnswersQueries", "Progress", "answer_all", "answer_timed"]

Progress = Callable[[int, int], None]
"""Called with (answers there are, answers there will be)."""

_Key = tuple[str, Query]

_ENDS = (StorageError, BudgetSpent)
"""No failure of a system: without a disk to record on answers would be lost, without money there are none."""

_FAILURES = (GroundtuneError, OSError, RuntimeError, ValueError, ArithmeticError, LookupError)
"""What becomes an answer with ``error``."""


class AnswersQueries(Protocol):
    """Anything that answers queries: one of the four systems, or a counterfactual arm."""

    @property
    def id(self) -> str:
        """The name under which its answers are kept."""
        ...

    def answer(self, query: Query) -> Answer:
        """Answer one query."""
        ...


def answer_all(
    systems: Mapping[str, AnswersQueries],
    queries: Sequence[Query],
    ledger: Ledger,
    run: str,
    *,
    concurrency: int = 1,
    progress: Progress | None = None,
) -> dict[tuple[str, str], Answer]:
    """Have every system answer every query, by (system, query id), and record each answer as soon as it is there.

    Answers that the ledger has already are not asked for again; failed ones are. Systems take turns, and the order in
    which they do so rotates from query to query, so that a slow minute of the machine or of an endpoint falls on all of
    them. Each system that has work to do answers once unrecorded, so that loading weights does not count as latency;
    where completions are cached this is the first query's answer, which is then not paid for again.

    Args:
        systems: By id, simplest first; with ``concurrency`` above 1 several threads use them at once.
        queries: What each is asked.
        ledger: Where the run was started.
        run: Its id.
        concurrency: Most answers under way at the same time.
        progress: Called after each answer, in the thread of the caller.

    Raises:
        UserError: when a system cannot begin before something is put right, such as a key or a model's name;
            `MissingExtra` and `WeightsError` likewise.
        BudgetSpent: when a budget does not allow a further call; says how many answers of which systems are missing.
        StorageError: when an answer cannot be recorded.
        KeyboardInterrupt: like every error that ends a run, only after the answers under way were recorded.
    """
    kept = {key: answer for key, answer in ledger.answers(run).items() if answer.error is None and key[0] in systems}
    wanted = [key for key in _interleaved(list(systems), queries) if (key[0], key[1].id) not in kept]
    total = len(systems) * len(queries)

    def ask(key: _Key) -> None:
        name, query = key
        answer = answer_timed(name, systems[name], query)
        ledger.record_answer(run, answer)
        kept[name, query.id] = answer

    def told(done: int) -> None:
        if progress:
            progress(total - len(wanted) + done, total)

    try:
        for name in dict.fromkeys(name for name, _ in wanted):
            _warm_up(systems[name], queries[0])
        _each(wanted, ask, told, concurrency=concurrency)
    except BudgetSpent as spent:
        missing = Counter(name for name, query in wanted if (name, query.id) not in kept)
        raise BudgetSpent(limit=spent.limit, spent=spent.spent, needed=spent.needed, missing=missing) from spent
    return kept


def _interleaved(systems: list[str], queries: Sequence[Query]) -> Iterator[_Key]:
    for turn, query in enumerate(queries):
        first = turn % len(systems)
        for name in systems[first:] + systems[:first]:
            yield name, query


def _each(
    wanted: Iterable[_Key], ask: Callable[[_Key], None], told: Callable[[int], None], *, concurrency: int
) -> None:
    """Ask in this order, and never more than ``concurrency`` at a time; the first error ends it."""
    if concurrency == 1:
        for done, key in enumerate(wanted, start=1):
            ask(key)
            told(done)
        return
    done = 0
    rest = iter(wanted)
    running: set[Future[None]] = set()
    # Leaving the pool waits for what is under way, so that no answer that was paid for is lost.
    with ThreadPoolExecutor(concurrency, thread_name_prefix="answering") as pool:
        # No more is handed out than there are threads: nothing waits in the pool that an error would have to undo.
        while running := running | {pool.submit(ask, key) for key in islice(rest, concurrency - len(running))}:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                told(done := done + 1)


def _warm_up(system: AnswersQueries, query: Query) -> None:
    """One answer that nobody keeps; what a person must put right is said here, and not once for every query."""
    try:
        system.answer(query)
    except (*_ENDS, UserError, MissingExtra, WeightsError):
        raise
    except _FAILURES:
        return  # The first measured answer will tell.


def answer_timed(name: str, system: AnswersQueries, query: Query) -> Answer:
    """One answer, timed; a system that fails gives an answer with ``error``.

    Raises:
        BudgetSpent: when a budget does not allow a further call.
        StorageError: when the disk fails.
    """
    began = perf_counter()
    try:
        answer = system.answer(query)
    except _ENDS:
        raise
    except _FAILURES as error:
        answer = Answer(query=query.id, system=name, text="", error=f"{type(error).__name__}: {error}")
    elapsed = 1e3 * (perf_counter() - began)
    return replace(answer, query=query.id, system=name, milliseconds={"total": elapsed, **answer.milliseconds})
