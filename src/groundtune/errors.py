"""Every error that Groundtune raises on purpose.

    GroundtuneError                     exit 1
    ├── UserError                       exit 2   the person at the keyboard can fix it: shown without a traceback
    │   ├── FileFaults                           a file is wrong; all faults at once
    │   │   ├── SettingsError                    groundtune.toml
    │   │   ├── AnswersError                     answers to the questionnaire
    │   │   └── RowsError                        rows of a data file
    │   ├── AssumptionsError                     numbers of a forecast are impossible; all faults at once
    │   └── ProjectError                         a file or folder that is needed is missing or in use
    ├── GateClosed                      exit 3   the data do not allow what was asked; says what is missing
    │   └── NotConfirmed                         nobody said yes to what would be sent, paid or promised
    ├── BudgetSpent                     exit 3   the next call to a model could exceed the budget; what there is is kept
    ├── MissingExtra                    exit 1   an optional part is not installed; says which to install
    ├── WeightsError                    exit 1   model weights are missing or are not what they should be
    ├── ModelError                      exit 1   a model could not answer
    │   └── CannotDo                             this model is not able to do this task; says which are
    ├── StorageError                    exit 1   the disk or the ledger failed
    └── Busy                            exit 1   another run holds the project

Each message says what was given, what is allowed, and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


class GroundtuneError(Exception):
    """Base of all errors of Groundtune; ``exit_code`` is what the command line returns."""

    exit_code = 1


class UserError(GroundtuneError):
    """Something that the user gave is wrong and can be put right."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file: the line (1-based, None for the whole file) and the plain reason."""

    line: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.line is None else f"line {self.line}: {self.reason}"


class FileFaults(UserError):
    """A file with one or more faults, reported together."""

    def __init__(self, path: str, faults: Sequence[Fault], next_step: str) -> None:
        self.path = path
        self.faults = tuple(faults)
        self.next_step = next_step
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        rows = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"{path}: {count}\n{rows}\n{next_step}")


class SettingsError(FileFaults):
    """groundtune.toml is wrong; lists every fault with its line and the allowed values."""


class AnswersError(FileFaults):
    """Answers to the questionnaire are impossible or contradict each other; lists each with the allowed values."""


class RowsError(FileFaults):
    """Rows of a data file are wrong; lists each with its line."""


class AssumptionsError(UserError):
    """Numbers given to a forecast cannot be used; lists every one with what is allowed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        rows = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"These numbers cannot be used:\n{rows}\nCorrect them and run the command again.")


class ProjectError(UserError):
    """A file or folder that the command needs is missing, or cannot be used."""


class GateClosed(GroundtuneError):
    """The data do not allow what was asked, for example too few examples to train on."""

    exit_code = 3


class NotConfirmed(GateClosed):
    """Nobody said yes to what would have been sent, paid or promised; nothing was."""


class BudgetSpent(GroundtuneError):
    """What is left of the budget does not allow the next call; nothing was sent, and what was answered is kept.

    Attributes:
        limit: The budget in US dollars.
        spent: What is spent of it, or may be where a call brought no usage.
        needed: The most that the next call can cost.
        missing: Answers that were not asked for any more, by system; empty where nobody counted.
    """

    exit_code = 3

    def __init__(
        self, *, limit: Decimal, spent: Decimal, needed: Decimal, missing: Mapping[str, int] | None = None
    ) -> None:
        self.limit = limit
        self.spent = spent
        self.needed = needed
        self.missing = dict(missing or {})
        counts = ", ".join(f"{name} {count}" for name, count in self.missing.items())
        still = f"Not answered: {sum(self.missing.values())} ({counts}). " if self.missing else ""
        super().__init__(
            f"The budget of ${limit:.2f} does not allow a further call: ${spent:.4f} is spent, ${limit - spent:.4f} is "
            f"left, and the next call can cost up to ${needed:.4f}. {still}What was answered is kept and is not paid "
            "for again: give a new budget and run the same command again."
        )


class MissingExtra(GroundtuneError):
    """An optional part is needed that is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{purpose} needs a part of Groundtune that is not installed. "
            f"Install it with: pip install 'groundtune[{extra}]'"
        )


class WeightsError(GroundtuneError):
    """Model weights are missing, or differ from what their name promises."""


class ModelError(GroundtuneError):
    """A model could not answer."""


class CannotDo(ModelError):
    """This model is not able to do what the task asks."""


class StorageError(GroundtuneError):
    """The disk, the ledger or the index failed; what was stored before is kept."""


class Busy(GroundtuneError):
    """Another process is at work on this project."""
