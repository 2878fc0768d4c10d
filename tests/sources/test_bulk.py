"""Collections pause while many objects are made, and go on afterwards."""

from __future__ import annotations

import gc

import pytest

from groundtune.sources.bulk import in_bulk


@in_bulk()
def fail() -> None:
    assert not gc.isenabled()
    raise ValueError("broken")


def test_collections_go_on_afterwards_also_when_it_fails() -> None:
    with pytest.raises(ValueError, match="broken"):
        fail()
    assert gc.isenabled()


def test_who_has_switched_them_off_keeps_them_off() -> None:
    gc.disable()
    try:
        with in_bulk():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
