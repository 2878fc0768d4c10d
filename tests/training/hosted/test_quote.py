from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.records import Message
from groundtune.training.hosted import Quote
from groundtune.training.hosted.quote import cost_of, token_counter, tokens_of


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return tmp_path


def quote(price: Decimal | None, *, counted: bool = True) -> Quote:
    return Quote(
        model="gpt-4o-mini",
        endpoint="https://api.openai.com/v1",
        conversations=120,
        validation=12,
        bytes=40_000,
        tokens=10_500,
        counted=counted,
        epochs=3,
        price=price,
    )


def test_the_cost_is_tokens_times_epochs_times_price() -> None:
    assert quote(Decimal("3.00")).trained_tokens == 31_500
    assert quote(Decimal("3.00")).cost_usd == Decimal("0.0945")
    assert "about $0.09 at $3.00" in str(quote(Decimal("3.00")))
    assert "at most $0.09" in str(quote(Decimal("3.00"), counted=False))


def test_an_unknown_price_is_said_and_never_made_up() -> None:
    assert quote(None).cost_usd is None
    assert "Cost: unknown" in str(quote(None))
    assert cost_of(None, Decimal(3)) is None
    assert cost_of(0, Decimal(3)) == 0


def test_without_the_vocabulary_nothing_is_fetched_and_the_tokens_are_a_bound(empty_cache: Path) -> None:
    count, counted = token_counter("gpt-4o-mini-2024-07-18")
    assert not counted
    assert count("Zwölf") == 6
    assert token_counter("some-llama")[1] is False


def test_a_damaged_vocabulary_is_left_alone(empty_cache: Path) -> None:
    address = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    part = empty_cache / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    part.write_bytes(b"half a vocab")
    assert token_counter("gpt-4o")[1] is False
    assert part.exists()


def test_the_vocabularies_are_those_that_tiktoken_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside oracle: the addresses and hashes that tiktoken itself asks for."""
    openai_public = pytest.importorskip("tiktoken_ext.openai_public")
    from groundtune.training.hosted.quote import _ADDRESS, _VOCABULARIES

    asked: dict[str, str] = {}

    def load(address: str, expected_hash: str) -> dict[bytes, int]:
        asked[address] = expected_hash
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", load)
    for name in _VOCABULARIES:
        openai_public.ENCODING_CONSTRUCTORS[name]()
    assert asked == {_ADDRESS.format(name=name): digest for name, digest in _VOCABULARIES.items()}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_vocabulary_on_bytes_never_needs_more_tokens_than_the_bound(text: str) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"th": 256, b"the": 257, b" t": 258, b"\xc3\xbc": 259}
    encoding = tiktoken.Encoding("tiny", pat_str=r"\s?\w+|\s+|[^\s\w]+", mergeable_ranks=ranks, special_tokens={})
    bound, counted = token_counter("unknown")
    assert not counted
    assert len(encoding.encode(text)) <= bound(text)
    turns = [Message(role="user", content=text), Message(role="assistant", content="the")]
    assert tokens_of([turns], lambda given: len(encoding.encode(given))) <= tokens_of([turns], bound)


def test_the_marks_of_turns_are_counted() -> None:
    turns = [Message(role="user", content="a b"), Message(role="assistant", content="c")]
    assert tokens_of([turns, turns], lambda text: len(text.split())) == 2 * (3 + (3 + 1 + 2) + (3 + 1 + 1))
