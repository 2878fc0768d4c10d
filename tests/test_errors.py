from __future__ import annotations

import inspect

from groundtune import errors
from groundtune.errors import Fault, GateClosed, GroundtuneError, MissingExtra, RowsError, UserError


def test_every_error_descends_from_the_one_base_and_stands_in_the_drawn_tree() -> None:
    own = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Exception)]
    assert all(issubclass(c, GroundtuneError) for c in own)
    assert errors.__doc__ is not None
    assert all(c.__name__ in errors.__doc__ for c in own if not c.__name__.startswith("_"))


def test_exit_codes_are_the_fixed_ones() -> None:
    assert (GroundtuneError.exit_code, UserError.exit_code, GateClosed.exit_code) == (1, 2, 3)


def test_a_missing_extra_says_which_to_install() -> None:
    assert "pip install 'groundtune[train]'" in str(MissingExtra("Tuning", "train"))


def test_all_faults_of_a_file_are_shown() -> None:
    error = RowsError("q.jsonl", [Fault(2, "no answer"), Fault(None, "too short")], "Mend them.")
    assert str(error) == "q.jsonl: 2 faults\n  line 2: no answer\n  too short\nMend them."
