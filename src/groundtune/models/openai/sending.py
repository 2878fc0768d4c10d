"""Requests sent again when that is worth it: with jitter, as the server asks, within a time limit, until cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import uniform
from threading import BoundedSemaphore, Event
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from groundtune.errors import ModelError
from groundtune.models.metering import sending_again
from groundtune.models.openai.failures import (
    Unreadable,
    explained,
    is_overload,
    is_passing,
    may_be_billed,
    retry_after,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from groundtune.models.openai.endpoint import Endpoint

__all__ = ["Limit", "Patience"]

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_LEAST_SECONDS = 0.001

Result = TypeVar("Result")


class Limit:
    """How long one call may take, from now on.

    Args:
        seconds: Until it is over, however much of the answer is still on its way.
        cancelled: Ends it at once.
    """

    def __init__(self, seconds: float, cancelled: Event | None = None) -> None:
        self.seconds = seconds
        self._ends = monotonic() + seconds
        self._cancelled = cancelled

    def check(self) -> None:
        """Go on?

        Raises:
            Unreadable: when the time is over.
            ModelError: when it was cancelled.
        """
        if self._cancelled is not None and self._cancelled.is_set():
            raise ModelError("Cancelled: the answer was left half way.")
        if monotonic() > self._ends:
            raise Unreadable(f"it took longer than the {self.seconds:.3g} s that it had ([model] timeout_seconds)")


@dataclass(frozen=True, slots=True)
class Patience:
    """How requests to one endpoint are sent; shared by all threads.

    Attributes:
        total_seconds: Longest time for one answer, all tries and waits together.
        concurrency: Most answers under way at once.
        cancelled: Set it, and waiting ends, nothing more is sent, and answers are left at their next piece.
        first_wait: Seconds before the second try; later ones wait up to twice as long each time.
        tries: Most tries when the server fails; where it only asks to come back later, time alone is the limit.
    """

    total_seconds: float = 300.0
    concurrency: int = 4
    cancelled: Event = field(default_factory=Event)
    first_wait: float = _FIRST_WAIT
    tries: int = 6
    _slots: BoundedSemaphore = field(init=False)

    def __post_init__(self) -> None:
        """Make the slots."""
        object.__setattr__(self, "_slots", BoundedSemaphore(self.concurrency))

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One of the places for answers under way, kept while waiting to try again: that is what calms a server."""
        with self._slots:
            yield

    def send(self, request: Callable[[], Result], endpoint: Endpoint, model: str) -> Result:
        """Run a request in a slot until it succeeds or is no longer worth trying.

        Raises:
            ModelError: as in `send_within`, as are ProjectError and BudgetSpent.
        """
        with self.slot():
            return self.send_within(lambda _: request(), endpoint, model)

    def send_within(self, request: Callable[[Limit], Result], endpoint: Endpoint, model: str) -> Result:
        """The same for a request that keeps to a limit of time; call it within a `slot`.

        Raises:
            ModelError: when it failed for good, or was cancelled.
            ProjectError: when the key or the model is wrong.
            BudgetSpent: when a budget does not allow another try.
        """
        import openai
        from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_before_delay

        ends = monotonic() + self.total_seconds
        too_late = stop_before_delay(self.total_seconds)

        def once() -> Result:
            if self.cancelled.is_set():
                raise ModelError("Cancelled: no further request is sent.")
            seconds = max(_LEAST_SECONDS, min(endpoint.timeout_seconds, ends - monotonic()))
            return request(Limit(seconds, self.cancelled))

        tries = Retrying(
            retry=retry_if_exception(is_passing),
            wait=self._wait,
            stop=lambda state: too_late(state) or self._is_enough(state),
            sleep=sleep_using_event(self.cancelled),
            before_sleep=_tell,
            reraise=True,
        )
        try:
            return tries(once)
        except (openai.OpenAIError, Unreadable) as error:
            raise explained(error, endpoint, model) from None

    def _wait(self, state: RetryCallState) -> float:
        """Seconds to wait: what the server asks for and a little more, else a random time that grows with the tries."""
        from tenacity import wait_random_exponential

        asked = retry_after(_failure(state))
        if asked is None:
            return wait_random_exponential(self.first_wait, _LONGEST_WAIT)(state)
        return asked + uniform(0, self.first_wait)  # not all threads at the same moment

    def _is_enough(self, state: RetryCallState) -> bool:
        failure = _failure(state)
        return state.attempt_number >= self.tries and failure is not None and not is_overload(failure)


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _tell(state: RetryCallState) -> None:
    failure = _failure(state)
    if failure is not None and may_be_billed(failure):
        sending_again()
