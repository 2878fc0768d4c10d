"""Systems that a team already has, measured beside the four: an endpoint in OpenAI's form, or a Python callable."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from groundtune.errors import ProjectError
from groundtune.models.replies import parse_reply
from groundtune.records import SYSTEM_IDS, Answer, Citation, Hit, Message, Prompt, Query, Reply, Usage
from groundtune.systems.given import described, faults_of
from groundtune.systems.named import Named, load_named
from groundtune.systems.origins import Origins
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.system import System

if TYPE_CHECKING:
    from groundtune.models import Chat
    from groundtune.settings import ArmSettings

__all__ = ["RESERVED_IDS", "BareChat", "CallableArm", "load_arms"]

RESERVED_IDS = (*SYSTEM_IDS, "long_context", "optimised_prompt")
"""Names that no system of a user may have."""

NOTHING_SAID = "the system gave no answer"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

_ALLOWED = (
    "text, None (it does not know), (text, passages), or a mapping with the keys text, passages, citations, abstained, "
    "reason, usage, as far as there is something to say"
)


@dataclass(frozen=True, slots=True)
class BareChat:
    """A chat model that is told the instruction and asked the bare question: whatever else it needs, it brings itself.

    Examples, passages, labels and schema of the prompt are not passed on; the reply is read as any other's.
    """

    chat: Chat

    @property
    def name(self) -> str:
        """The chat's, for nothing is added."""
        return self.chat.name

    def reply(self, prompt: Prompt) -> Reply:
        """One turn of conversation.

        Raises:
            ModelError: when the chat failed, or said nothing.
        """
        instruction = [Message(role="system", content=prompt.instruction)] if prompt.instruction else []
        completion = self.chat.complete([*instruction, Message(role="user", content=prompt.question)])
        return parse_reply(completion, replace(prompt, examples=(), passages=(), datamark=False))


class _GivenUsage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input_tokens: int
    output_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _GivenReply(BaseModel):
    """What a callable said, in the one form; passages are looked at later, in any form."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    text: str | None = None
    passages: Any = ()
    citations: tuple[str, ...] = ()
    abstained: bool = False
    reason: str | None = None
    usage: _GivenUsage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableArm:
    """Answers by calling a function of the user's with the question.

    Attributes:
        id: The name in results.
        name: As in the settings, with a fingerprint of the code: what a run stores.
        function: Question -> text, or text with passages.
        origins: Finds the passages in the project's documents.
    """

    id: str
    name: str
    function: Callable[[str], object]
    origins: Origins

    def answer(self, query: Query) -> Answer:
        """Answer one query; a failing function gives an answer with ``error`` set, not an exception.

        Citations are the quotes that the function gives, as far as they stand in its passages; others are left out.
        """
        began = perf_counter()
        try:
            said = self._call(query.question)
            took = 1e3 * (perf_counter() - began)
            reply = self._read(said)
            hits = self.origins.hits(reply.passages or (), f"the callable {self.name}")
        except ProjectError as error:
            took = 1e3 * (perf_counter() - began)
            return Answer(
                query=query.id, system=self.id, text="", error=str(error), milliseconds={"total": took}, model=self.name
            )
        return self._answer(query, reply, hits, took)

    def _call(self, question: str) -> object:
        try:
            return self.function(question)
        except Exception as error:  # whatever foreign code raises; the cause is kept
            raise ProjectError(f"the callable {self.name} failed with {type(error).__name__}: {error}") from error

    def _read(self, said: object) -> _GivenReply:
        if said is None or isinstance(said, str):
            return _GivenReply(text=said)
        if isinstance(said, tuple) and len(said) == 2 and (said[0] is None or isinstance(said[0], str)):
            return _GivenReply(text=said[0], passages=said[1])
        if isinstance(said, Mapping):
            try:
                return _GivenReply.model_validate(dict(said))
            except ValidationError as error:
                raise ProjectError(
                    f"the callable {self.name} gave a mapping that is wrong: {faults_of(error)}. Allowed is {_ALLOWED}."
                ) from error
        raise ProjectError(f"the callable {self.name} gave {described(said)}. Allowed is {_ALLOWED}.")

    def _answer(self, query: Query, reply: _GivenReply, hits: list[Hit], took: float) -> Answer:
        text = "" if reply.abstained else (reply.text or "").strip()
        found = (self.origins.cite(quote, hits) for quote in reply.citations) if text else ()
        citations: tuple[Citation, ...] = tuple(citation for citation in found if citation is not None)
        return Answer(
            query=query.id,
            system=self.id,
            text=text,
            reason=None if text else reply.reason or NOTHING_SAID,
            citations=citations,
            hits=tuple(hits),
            usage=Usage(**reply.usage.model_dump()) if reply.usage else None,
            milliseconds={"total": took},
            model=self.name,
        )


def load_arms(
    arms: Mapping[str, ArmSettings],
    folder: Path,
    *,
    template: PromptTemplate,
    origins: Origins,
    chat_of: Callable[[str, ArmSettings], Chat],
) -> dict[str, System | CallableArm]:
    """The user's own systems, by the name that the settings give them.

    Args:
        arms: Of the settings.
        folder: The project's, where modules are looked for first.
        template: Whose instruction endpoints are told, and whose labels and task their replies are read with.
        origins: Finds the passages of callables in the project's documents.
        chat_of: Makes the chat of an endpoint from its name and settings, with all that is put around chats.

    Raises:
        ProjectError: when a name is taken or unfit, or a callable cannot be loaded.
    """
    made: dict[str, System | CallableArm] = {}
    for name, arm in arms.items():
        _check_id(name)
        if arm.callable:
            made[name] = _callable_arm(name, load_named(arm.callable, folder), origins)
        else:
            made[name] = System(id=name, model=BareChat(chat_of(name, arm)), template=template)
    return made


def _check_id(name: str) -> None:
    if name in RESERVED_IDS:
        raise ProjectError(f"[arms.{name}]: {name!r} is a system of Groundtune's own. Give yours another name.")
    if not _ID.fullmatch(name):
        raise ProjectError(
            f"[arms.{name!r}]: a name is made of letters, digits, '-', '_' and '.', for example our_bot."
        )


def _callable_arm(name: str, named: Named, origins: Origins) -> CallableArm:
    function = named.value
    if not callable(function) or isinstance(function, type):
        raise ProjectError(
            f"[arms.{name}] callable = {named.name!r} is {described(function)}, which is no function. "
            "Name a function that takes a question and returns text."
        )
    if inspect.iscoroutinefunction(function):
        raise ProjectError(
            f"[arms.{name}] callable = {named.name!r} is an async function, and answers are asked for one by one. "
            "Name a plain one, for example: def answer(question): return asyncio.run(chain(question))"
        )
    return CallableArm(id=name, name=f"{named.name} ({named.fingerprint})", function=function, origins=origins)
