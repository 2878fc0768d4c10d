"""Conversations as the files that the fine-tuning API reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from groundtune.errors import GateClosed
from groundtune.records import Message

__all__ = ["FEWEST", "Conversation", "require_rows", "rows_file"]

FEWEST = 10
"""OpenAI refuses a training file with fewer conversations."""

_SHOWN = 5
_BREAKS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
"""Marks that some readers of lines take for the end of one."""

Conversation = Sequence[Message]


def rows_file(conversations: Sequence[Conversation]) -> bytes:
    """One line of JSON for each conversation; identical conversations give identical bytes.

    Only the last turn is learned: earlier replies, as in solved cases, get weight 0.
    """
    return "".join(_line(conversation) for conversation in conversations).encode("utf-8")


def require_rows(training: Sequence[Conversation], validation: Sequence[Conversation] = ()) -> None:
    """Refuse what the provider would refuse, before anything is uploaded.

    Raises:
        GateClosed: names the conversations, 1-based, and what is wrong with them.
    """
    reasons = []
    if len(training) < FEWEST:
        reasons.append(f"{len(training)} training conversations, and hosted tuning needs at least {FEWEST}")
    for name, conversations in (("training", training), ("validation", validation)):
        reasons += _faults(name, conversations)
    known = {tuple(conversation) for conversation in training}
    shared = [place for place, conversation in enumerate(validation, start=1) if tuple(conversation) in known]
    if shared:
        reasons.append(f"validation {_places(shared)}: also among the training conversations")
    if reasons:
        listed = "\n".join(f"  {reason}" for reason in reasons)
        raise GateClosed(
            f"Not uploaded: the provider would refuse these conversations.\n{listed}\nCorrect or remove those examples."
        )


def _faults(name: str, conversations: Sequence[Conversation]) -> list[str]:
    places: dict[str, list[int]] = {}
    for place, conversation in enumerate(conversations, start=1):
        if fault := _fault(conversation):
            places.setdefault(fault, []).append(place)
    return [f"{name} {_places(found)}: {fault}" for fault, found in places.items()]


def _fault(conversation: Conversation) -> str | None:
    roles = [message.role for message in conversation if message.role != "system"]
    if not roles or conversation[-1].role != "assistant":
        return "the last turn is not the assistant's"
    if roles[0] != "user" or any(one == other for one, other in pairwise(roles)):
        return "the turns of user and assistant do not alternate, beginning with the user"
    if any(not message.content.strip() for message in conversation):
        return "a turn is empty"
    if any("\ud800" <= character <= "\udfff" for message in conversation for character in message.content):
        return "a turn holds half a character (a lone surrogate), which no file can hold"
    return None


def _places(places: Sequence[int]) -> str:
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"row {', '.join(map(str, places[:_SHOWN]))}{more}"


def _line(conversation: Conversation) -> str:
    turns = [_turn(message, last=place == len(conversation) - 1) for place, message in enumerate(conversation)]
    return json.dumps({"messages": turns}, ensure_ascii=False).translate(_BREAKS) + "\n"


def _turn(message: Message, *, last: bool) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    return turn if last or message.role != "assistant" else {**turn, "weight": 0}
