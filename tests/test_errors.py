from __future__ import annotations

import inspect
from decimal import Decimal

from groundtune import errors
from groundtune.errors import BudgetSpent, Fault, GateClosed, GroundtuneError, MissingExtra, RowsError, UserError


def test_every_error_descends_from_the_one_base_and_stands_in_the_drawn_tree() -> None:
    own = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Exception)]
    assert all(issubclass(c, GroundtuneError) for c in own)
    assert errors.__doc__ is not None
    assert all(c.__name__ in errors.__doc__ for c in own if not c.__name__.startswith("_"))


def test_exit_codes_are_the_fixed_ones() -> None:
    assert (GroundtuneError.exit_code, UserError.exit_code, GateClosed.exit_code) == (1, 2, 3)
    assert BudgetSpent.exit_code == 3


def test_a_missing_extra_says_which_to_install() -> None:
    assert "pip install 'groundtune[train]'" in str(MissingExtra("Tuning", "train"))


def test_all_faults_of_a_file_are_shown() -> None:
    error = RowsError("q.jsonl", [Fault(2, "no answer"), Fault(None, "too short")], "Mend them.")
    assert str(error) == "q.jsonl: 2 faults\n  line 2: no answer\n  too short\nMend them."


def test_a_spent_budget_says_what_is_left_what_is_missing_and_how_to_go_on() -> None:
    error = BudgetSpent(
        limit=Decimal("5"), spent=Decimal("4.9"), needed=Decimal("0.25"), missing={"prompt": 3, "rag": 9}
    )
    assert str(error) == (
        "The budget of $5.00 does not allow a further call: $4.9000 is spent, $0.1000 is left, and the next call can "
        "cost up to $0.2500. Not answered: 12 (prompt 3, rag 9). What was answered is kept and is not paid for again: "
        "give a new budget and run the same command again."
    )
