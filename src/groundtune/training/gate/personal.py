"""Personal data in a text that has a form of its own. Names and addresses have none, and are not looked for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from groundtune.errors import MissingExtra
from groundtune.training.gate.spans import Kind, Span

__all__ = ["find_personal"]

_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-]*\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
"""United States social security numbers; the ranges left out were never given out (SSA)."""
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
_SEVEN_DIGITS = re.compile(r"(?:\d\D{0,3}){7}")


def find_personal(text: str) -> Iterator[Span]:
    """E-mail addresses, payment cards, bank accounts, social security numbers, phone numbers, public IP addresses.

    Each is checked beyond its looks: card and IBAN by their check digits, phone numbers by the numbering plans
    (libphonenumber), numbers without a country code as North American.

    Yields:
        Spans that may overlap, the surest kinds first.

    Raises:
        MissingExtra: when phonenumbers or validators is not installed.
    """
    try:
        import validators
    except ImportError:
        raise MissingExtra("Finding personal data", "gate") from None
    if "@" in text:
        yield from _matches("email", _EMAIL, text, lambda value: bool(validators.email(value)))
    yield from _matches("ip", _IP, text, _is_public)
    if not _SEVEN_DIGITS.search(text):
        return
    yield from _matches("iban", _IBAN, text, lambda value: bool(validators.iban(value.replace(" ", ""))))
    yield from _matches("card", _CARD, text, lambda value: bool(validators.card_number(re.sub("[ -]", "", value))))
    yield from _matches("ssn", _SSN, text, lambda value: True)
    yield from _phones(text)


def _matches(kind: Kind, form: re.Pattern[str], text: str, is_valid: Callable[[str], bool]) -> Iterator[Span]:
    for match in form.finditer(text):
        if is_valid(match[0]):
            yield Span(kind=kind, start=match.start(), end=match.end())


def _is_public(value: str) -> bool:
    try:
        return ipaddress.ip_address(value).is_global
    except ValueError:
        return False


def _phones(text: str) -> Iterator[Span]:
    try:
        from phonenumbers import Leniency, PhoneNumberMatcher
    except ImportError:
        raise MissingExtra("Finding phone numbers", "gate") from None
    for match in PhoneNumberMatcher(text, "US", leniency=Leniency.VALID):
        yield Span(kind="phone", start=match.start, end=match.end)
