"""Requests of many threads become batches: whoever waits while the model is busy goes along in the next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from groundtune.models.transformers.request import Request

__all__ = ["Batcher"]

_GATHER_SECONDS = 0.02  # the threads of the last batch come back within this, or not soon


class Batcher:
    """Runs one batch at a time, in a thread of its own.

    A lone request starts at once. After a batch of several, the next waits a moment for as many to come back: without
    that, threads that ask in step would run as one and then all the others, at half the speed.

    Args:
        run: Decodes a batch; every request of it is done or failed when it returns.
        tokens: Most padded tokens of a batch, prompts and replies together; one request is always taken.
        window: Most tokens of one row, because replies of a batch begin where its longest prompt ends; None: no limit.
    """

    def __init__(self, run: Callable[[Sequence[Request]], None], *, tokens: int, window: int | None) -> None:
        self._run = run
        self._tokens = tokens
        self._window = window
        self._waiting: deque[Request] = deque()
        self._arrival = threading.Condition()
        self._expected = 1
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transformers")

    def submit(self, request: Request) -> None:
        """Queue a request; it hears of its reply by itself."""
        with self._arrival:
            self._waiting.append(request)
            self._arrival.notify_all()
        self._worker.submit(self._run_next)

    def _run_next(self) -> None:
        batch = self._gather()
        if not batch:
            return  # an earlier batch took it along
        try:
            self._run(batch)
        except BaseException as error:
            for request in batch:
                if not request.done:
                    request.fail(error)
            raise

    def _gather(self) -> list[Request]:
        with self._arrival:
            if self._waiting:
                self._arrival.wait_for(lambda: len(self._waiting) >= self._expected, timeout=_GATHER_SECONDS)
            batch: list[Request] = []
            while self._waiting and (not batch or self._fits([*batch, self._waiting[0]])):
                request = self._waiting.popleft()
                if not request.done:
                    batch.append(request)
            self._expected = max(1, len(batch))
            return batch

    def _fits(self, batch: Sequence[Request]) -> bool:
        row = max(len(request.prompt) for request in batch) + max(request.limit for request in batch)
        return len(batch) * row <= self._tokens and (self._window is None or row <= self._window)
