"""Secrets and personal data are found by kind and place; their values never leave the text that they stand in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.training.gate.private import masker, personal_data, secrets
from groundtune.training.gate.spans import Span, masked, without_overlaps

from .conftest import found, material

# Put together here, so that no scanner takes this file for a leak.
AWS = "AKIA" + "Q3EGRIT7LKMNB2XV"
GITHUB = "ghp_" + "x7Kd92mQpL4sVb81nRtYc3Wz6HfJ0aGeUiOq"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEowIBAAKCAQEA\nq83hdk\n-----END RSA PRIVATE" + " KEY-----"


@pytest.mark.parametrize("secret", [AWS, GITHUB, PRIVATE_KEY])
def test_a_secret_closes_the_gate_and_is_never_repeated(secret: str) -> None:
    (finding,) = found(secrets, material("Is it open?", f"My key is {secret}, does it work?"))
    assert (finding.severity, finding.fix, len(finding.rows)) == ("refuse", "mask", 1)
    assert finding.rows[0].detail == f"secret in turn 1 (user), characters 11 to {10 + len(secret)}"
    assert secret not in str(finding)


def test_what_follows_the_word_password_is_a_guess_and_a_warning() -> None:
    (finding,) = found(secrets, material('Set password = "hunter2horse" and restart'))
    assert (finding.severity, finding.fix) == ("warn", "mask")
    assert "hunter2horse" not in str(finding)


@pytest.mark.parametrize(
    "text",
    [
        "My order 2024-08812-44 has not come, tracking JD014600003828112233",
        "How do I reset my password? The token page says expired.",
        "Use version 1.26.4.1 of internationalization-library-for-conversations",
        "The checksum is 9e107d9d372bb6826bd81d3542a419d6",
    ],
)
def test_ordinary_messages_hold_no_secret(text: str) -> None:
    assert found(secrets, material(text)) == []


@pytest.mark.parametrize(
    ("text", "masked_text"),
    [
        ("Write to anna.b+x@mail.example.org.", "Write to [EMAIL]."),
        ("Card 4111 1111 1111 1111 please", "Card [CARD] please"),
        ("IBAN DE89 3704 0044 0532 0130 00, Berlin", "IBAN [IBAN], Berlin"),
        ("call +49 30 901820 or (415) 555-2671", "call [PHONE] or [PHONE]"),
        ("SSN 219-09-9999", "SSN [SSN]"),
        ("from 8.8.8.8 at noon", "from [IP] at noon"),
        (f"key {AWS}", "key [SECRET]"),
        (f"{PRIVATE_KEY} end", "[SECRET] end"),
    ],
)
def test_each_kind_is_masked_in_its_place(text: str, masked_text: str) -> None:
    with masker() as mask:
        assert mask(text) == masked_text
        assert mask(masked_text) == masked_text


@pytest.mark.parametrize(
    "text",
    [
        "Card 4111 1111 1111 1112 please",
        "IBAN DE88 3704 0044 0532 0130 00",
        "booked for 2018/05/09 at 11:45 a.m. for 7 people, ref 19082018",
        "the host 192.168.1.10 and version 10.0.3.4",
        "the @mention and a@b",
        "PEP 8105 of 2023-11-02, order 1234567",
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    with masker() as mask:
        assert mask(text) == text


def test_personal_data_is_counted_by_kind_without_its_values() -> None:
    given = material(("I am a@example.org", "Mail sent to a@example.org"), "Call +49 30 901820", "Nothing here")
    (finding,) = found(personal_data, given)
    assert (finding.severity, finding.fix, len(finding.rows)) == ("warn", "mask", 2)
    assert "e-mail address in 1, phone number in 1" in finding.message
    assert finding.rows[0].detail == (
        "e-mail address in turn 1 (user), characters 6 to 18; e-mail address in turn 2 (assistant), characters 14 to 26"
    )
    assert "example.org" not in str(finding)


SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 6)).map(lambda at: Span(kind="email", start=at[0], end=at[0] + at[1])),
    max_size=6,
)


@given(st.text(alphabet="abcdef", min_size=30, max_size=30), SPANS)
def test_masking_keeps_everything_outside_the_spans(text: str, spans: list[Span]) -> None:
    kept = without_overlaps(spans)
    covered = {place for span in kept for place in range(span.start, span.end)}
    outside = "".join(character for place, character in enumerate(text) if place not in covered)
    assert masked(text, kept).replace("[EMAIL]", "") == outside
    assert not spans or kept
