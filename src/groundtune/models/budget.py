"""A limit in US dollars that calls to chat models never exceed.

Before a call, the most that it can cost is set aside; after it, that is replaced by what its tokens cost. What cannot
be known is counted in full: a call that brought no usage, failed with more than a refusal, or was left half way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from decimal import Decimal
from threading import Condition, get_ident
from typing import TYPE_CHECKING, Any

from groundtune.errors import BudgetSpent, ProjectError, UserError
from groundtune.models.chat import ContextOverflow
from groundtune.models.metering import most_input_tokens, tell_when_sending_again
from groundtune.models.prices import NoPrice, Price, most_cost
from groundtune.records import Usage

if TYPE_CHECKING:
    from groundtune.models import Chat
    from groundtune.records import Completion, Message

__all__ = ["Budget", "BudgetedChat"]


class Budget:
    """What one command may spend; several models and threads may share it.

    Raises:
        ProjectError: when the limit is not a positive amount.
    """

    def __init__(self, limit_usd: Decimal | float | str) -> None:
        limit = Decimal(str(limit_usd))
        if not limit.is_finite() or limit <= 0:
            raise ProjectError(f"A budget of {limit_usd} was given. Give a positive amount in US dollars, as in 5.00.")
        self.limit_usd = limit
        self._spent = Decimal(0)
        self._aside: list[Call] = []
        self._changed = Condition()

    @property
    def spent_usd(self) -> Decimal:
        """What the calls cost that are over; what could not be known counts in full."""
        with self._changed:
            return self._spent

    @contextmanager
    def call(self, most_usd: Decimal) -> Iterator[Call]:
        """Set aside the most that one call can cost, for as long as the block lasts.

        Where the rest of the budget is set aside by other threads, this waits until they are through, because they
        will likely need less.

        Raises:
            BudgetSpent: when what is left does not allow the call.
        """
        call = Call(self, most_usd)
        self._set_aside(call)
        try:
            yield call
        finally:
            with self._changed:
                self._aside.remove(call)
                self._spent += call.cost_usd
                self._changed.notify_all()

    def _set_aside(self, call: Call) -> None:
        with self._changed:
            while self._spent + sum(other.held_usd for other in self._aside) + call.most_usd > self.limit_usd:
                if all(other.thread == call.thread for other in self._aside):
                    raise BudgetSpent(limit=self.limit_usd, spent=self._spent, needed=call.most_usd)
                self._changed.wait()
            self._aside.append(call)

    def _set_aside_more(self, call: Call) -> None:
        """Room for the same call once more, beside what its earlier tries may have cost. Never waits."""
        with self._changed:
            taken = self._spent + sum(other.held_usd for other in self._aside)
            if taken + call.most_usd > self.limit_usd:
                raise BudgetSpent(limit=self.limit_usd, spent=self._spent + call.held_usd, needed=call.most_usd)
            call.lost += 1


class Call:
    """One call under way; `Budget.call` makes it.

    Attributes:
        most_usd: What one sending costs at most.
        lost: Sendings before the last one that brought no usage; each counts in full.
        thread: Who calls.
    """

    def __init__(self, budget: Budget, most_usd: Decimal) -> None:
        self._budget = budget
        self._metered: Decimal | None = None
        self.most_usd = most_usd
        self.lost = 0
        self.thread = get_ident()

    @property
    def held_usd(self) -> Decimal:
        """What is set aside for it."""
        return (self.lost + 1) * self.most_usd

    @property
    def cost_usd(self) -> Decimal:
        """What it cost, as far as that is known; else the most it can have."""
        return self.lost * self.most_usd + (self.most_usd if self._metered is None else self._metered)

    def metered(self, cost_usd: Decimal) -> None:
        """The last sending brought its usage, which cost this."""
        self._metered = cost_usd

    def again(self) -> None:
        """The last sending brought nothing, and there is to be a further one.

        Raises:
            BudgetSpent: when what is left does not allow it.
        """
        self._budget._set_aside_more(self)


class BudgetedChat:
    """The port `Chat` over another chat model, asked only as long as the budget allows it.

    The limit holds as long as the server keeps to ``max_output_tokens`` and charges the prices given.

    Args:
        chat: Who is asked. It should say `groundtune.models.metering.sending_again` before its retries.
        price: What its tokens cost.
        budget: What may be spent.
        max_output_tokens: The most that ``chat`` lets the server write in one call.

    Raises:
        ProjectError: when the price is not known, so that no budget can be kept.
    """

    def __init__(self, chat: Chat, price: Price | NoPrice, budget: Budget, *, max_output_tokens: int) -> None:
        if isinstance(price, NoPrice):
            raise ProjectError(
                f"A budget of ${budget.limit_usd} was given, and it cannot be kept without the price of a token: "
                f"{price.reason} Or run without a budget."
            )
        self._chat = chat
        self._price = price
        self._budget = budget
        self._max_output_tokens = max_output_tokens

    @property
    def name(self) -> str:
        """The name of the model that is asked."""
        return self._chat.name

    @property
    def context_window(self) -> int | None:
        """The window of the model that is asked."""
        return self._chat.context_window

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, choices: Sequence[str] = ()
    ) -> Completion:
        """The next turn.

        Raises:
            BudgetSpent: when the budget does not allow the call; nothing was sent.
            ModelError: as the model that is asked.
        """
        with self._budget.call(self._most(most_input_tokens(messages, schema=schema, choices=choices))) as call:
            context = _listening(call.again)
            with _refusals_cost_nothing(call):
                completion = context.run(self._chat.complete, messages, schema=schema, choices=choices)
            self._meter(call, completion)
        return completion

    def stream(self, messages: Sequence[Message]) -> Iterator[str | Completion]:
        """The next turn piece by piece; one that is cut or left before its end counts in full.

        Raises:
            BudgetSpent: when the budget does not allow the call; nothing was sent.
            ModelError: as the model that is asked.
        """
        with self._budget.call(self._most(most_input_tokens(messages))) as call:
            context = _listening(call.again)
            pieces = context.run(self._chat.stream, messages)
            while (item := self._next(call, context, pieces)) is not None:
                if not isinstance(item, str):
                    self._meter(call, item)
                yield item

    def _next(self, call: Call, context: Context, pieces: Iterator[str | Completion]) -> str | Completion | None:
        with _refusals_cost_nothing(call):
            return context.run(next, pieces, None)

    def _most(self, input_tokens: int) -> Decimal:
        return most_cost(Usage(input_tokens=input_tokens, output_tokens=self._max_output_tokens), self._price)

    def _meter(self, call: Call, completion: Completion) -> None:
        if completion.usage is not None:
            call.metered(most_cost(completion.usage, self._price))


@contextmanager
def _refusals_cost_nothing(call: Call) -> Iterator[None]:
    """A wrong key or name, or a conversation that is too long, is refused before anything is read."""
    try:
        yield
    except (UserError, ContextOverflow):
        call.metered(Decimal(0))
        raise


def _listening(listener: Callable[[], None]) -> Context:
    """A copy of the context in which providers report to the listener."""
    context = copy_context()
    context.run(tell_when_sending_again, listener)
    return context
