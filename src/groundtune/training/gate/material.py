"""What the gates look at: the examples, and what they are held against; everything costly is made once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from groundtune.errors import Fault
from groundtune.records import Example, Task
from groundtune.training.gate.findings import Row
from groundtune.training.gate.near import Near, near_in_letters, near_in_meaning
from groundtune.training.gate.wording import numbers, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Against", "Embed", "Material", "Room", "same_answer"]

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to unit vectors, shape (len(texts), dimensions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much the model that is trained can read.

    Attributes:
        tokens: The most.
        count: Tokens of each of several texts.
        whole: The limit is for the whole conversation with its reply, not for the question alone.
    """

    tokens: int
    count: Callable[[Sequence[str]], Sequence[int]]
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What the examples are held against; what is left out is not examined.

    Attributes:
        lines: Example id -> line of the file (1-based).
        faults: Rows that could not be read.
        skip_faults: The user wants to go on without them.
        labels: classify: the closed set of the settings; empty when the examples are the set.
        schema: The JSON Schema of the replies.
        queries: Questions of the evaluation set.
        embed: Texts to unit vectors.
        room: How much the model can read.
    """

    lines: Mapping[str, int] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    skip_faults: bool = False
    labels: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    queries: Sequence[str] = ()
    embed: Embed | None = None
    room: Room | None = None


class Material:
    """The examples with what several gates need of them; lists run parallel to ``examples``."""

    def __init__(self, examples: Sequence[Example], task: Task, against: Against) -> None:
        self.examples = examples
        self.task = task
        self.against = against

    def row(self, place: int, detail: str = "") -> Row:
        """The row of an example, to be named in a finding."""
        example = self.examples[place]
        return Row(id=example.id, line=self.against.lines.get(example.id), detail=detail)

    @cached_property
    def inputs(self) -> list[str]:
        """What the model is given: all turns before the reply but the system's."""
        return ["\n".join(turn.content for turn in e.messages[:-1] if turn.role != "system") for e in self.examples]

    @cached_property
    def keys(self) -> list[tuple[str, str]]:
        """System turns and input in words: equal for examples that ask the same."""
        systems = ("\n".join(turn.content for turn in e.messages if turn.role == "system") for e in self.examples)
        return [(_plain(system), _plain(given)) for system, given in zip(systems, self.inputs, strict=True)]

    @cached_property
    def answers(self) -> list[str]:
        """Replies in a form that is equal for replies that say the same."""
        return [comparable(example.answer, self.task) for example in self.examples]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Places of the examples that ask the same, in file order."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, key in enumerate(self.keys):
            groups[key].append(place)
        return list(groups.values())

    @cached_property
    def vectors(self) -> NDArray[np.float32] | None:
        """Unit vectors of the inputs; None without an embedding model."""
        return self.against.embed(self.inputs) if self.against.embed and self.examples else None

    @cached_property
    def near(self) -> list[Near]:
        """Pairs of places in `groups` whose inputs are nearly the same, under the same system turn.

        Inputs with different numbers are never near: "table for 4" and "table for 5" ask different things, however
        alike they look.
        """
        firsts = [group[0] for group in self.groups]
        pairs = near_in_letters([self.inputs[place] for place in firsts])
        if self.vectors is not None:
            known = {(pair.first, pair.second) for pair in pairs}
            pairs += [p for p in near_in_meaning(self.vectors[firsts]) if (p.first, p.second) not in known]
        same = [(self.keys[place][0], numbers(self.inputs[place])) for place in firsts]
        kept = [pair for pair in pairs if same[pair.first] == same[pair.second]]
        return sorted(kept, key=lambda pair: (pair.second, pair.first))


def same_answer(first: str, second: str, task: Task) -> bool:
    """Whether two comparable replies can both be right: equal, or for prose one holds all words of the other."""
    if first == second:
        return True
    few, many = sorted((first.split(), second.split()), key=len)
    return task in ("answer", "write") and bool(few) and set(few) <= set(many)


def comparable(answer: str, task: Task) -> str:
    """A reply in a form that is equal for replies that say the same."""
    if task == "classify":
        return answer.strip().casefold()
    try:
        value = json.loads(answer)
    except ValueError:
        return _plain(answer)
    return _plain(json.dumps(value, sort_keys=True)) if isinstance(value, dict | list) else _plain(answer)


def _plain(text: str) -> str:
    return " ".join(words(text)) or text.strip()
