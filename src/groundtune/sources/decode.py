"""Bytes to text: byte order marks, UTF-8, a declared charset, then legacy encodings."""

from __future__ import annotations

import codecs
import re

from groundtune.sources.failure import Unusable

__all__ = ["decode", "is_wide", "whole"]

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = [
    "cp1252",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
    "cp1251",
    "koi8_r",
    "cp1250",
    "cp1253",
    "cp1255",
]
_DECLARED = re.compile(rb"""(?:charset\s*=|encoding\s*=|coding[:=])\s*["']?\s*([A-Za-z0-9_.:-]+)""")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BINARY = ("it holds binary data, not text", "Remove it from the sources, or give its text as .md or .txt.")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(data: bytes) -> str:
    """Decode a text file; line ends become ``\\n``.

    Raises:
        Unusable: when the bytes are no text in any encoding that is tried.
    """
    text = _marked(data) or _unmarked(data)
    # A few stray control characters happen in real text; more than one in 200 does not.
    if len(_CONTROL.findall(text)) * 200 > len(text):
        raise Unusable(*_BINARY)
    return _CONTROL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")


def whole(text: str) -> str:
    """Text that can be stored as UTF-8: half a surrogate pair becomes a replacement sign, so that offsets hold."""
    return _SURROGATE.sub("\ufffd", text)


def is_wide(data: bytes) -> bool:
    """Whether bytes look like text in UTF-16 or UTF-32."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _wide_encoding(data) is not None


def _marked(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _try(data, encoding)
    return None


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _unmarked(data: bytes) -> str:
    wide = _wide_encoding(data)
    encodings = [wide] if wide else ["utf-8"]
    declared = _DECLARED.search(data[:2048])
    if declared:
        encodings.append(declared.group(1).decode("ascii"))
    for encoding in encodings:
        text = _try(data, encoding)
        if text is not None:
            return text
    return _guessed(data)


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark shows as zero bytes at fixed places."""
    sample = data[:4096]
    if len(sample) < 8 or b"\0" not in sample:
        return None
    for encoding, step, letter in (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1)):
        zeros = [sample[place::step].count(0) for place in range(step)]
        filled = len(sample) // step
        if zeros[letter] < filled * 0.1 and all(z > filled * 0.6 for i, z in enumerate(zeros) if i != letter):
            return encoding
    return None


def _guessed(data: bytes) -> str:
    from charset_normalizer import from_bytes

    if data[:4096].count(0) > 0:
        raise Unusable(*_BINARY)
    best = from_bytes(data[:65536], cp_isolation=_LEGACY).best()
    text = _try(data, best.encoding) if best is not None else None
    return text if text is not None else data.decode("cp1252", errors="replace")
