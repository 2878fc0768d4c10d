"""Files made to exhaust whoever reads them: each is a failure with its reason, and costs no more than its worker."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtune.records import Document
from groundtune.sources import FORMATS, Conversion, Failure, Limits, Rules, SourceFile

AWKWARD = Path(__file__).parent.parent / "data" / "awkward" / "files"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture(scope="module")
def conversion() -> Iterator[Conversion]:
    with Conversion(Rules(limits=Limits(seconds=10, megabytes=1024))) as conversion:
        yield conversion


def read(conversion: Conversion, path: Path, data: bytes) -> Document | Failure:
    path.write_bytes(data)
    (result,) = list(
        conversion.start(SourceFile(id=path.name, location=str(path), source=path.name, format=FORMATS[path.suffix]))()
    )
    return result


def repacked(name: str, part: str, content: bytes) -> bytes:
    """A real file with one part exchanged."""
    packed = io.BytesIO()
    with zipfile.ZipFile(AWKWARD / name) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, content if member.filename == part else old.read(member))
    return packed.getvalue()


def test_a_zip_bomb_is_refused_by_what_it_says_of_itself(conversion: Conversion, tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(2**20))
    data = bomb.getvalue().replace(struct.pack("<I", 2**20), struct.pack("<I", 600 * 2**20))
    result = read(conversion, tmp_path / "a.docx", data)
    assert isinstance(result, Failure)
    assert (result.kind, result.reason) == ("hostile", "it would unpack to 600 MiB, and 512 MiB are allowed")


def test_a_zip_bomb_that_lies_about_its_size_is_damaged(conversion: Conversion, tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(100 * 2**20))
    data = bomb.getvalue().replace(struct.pack("<I", 100 * 2**20), struct.pack("<I", 1000))
    result = read(conversion, tmp_path / "a.docx", data)
    assert isinstance(result, Failure)
    assert result.kind == "damaged"


@pytest.mark.parametrize(
    ("name", "part"),
    [("docx-tables.docx", "word/document.xml"), ("fake.odt", "content.xml"), ("emoji.xlsx", "xl/workbook.xml")],
)
def test_a_billion_laughs_are_not_laughed(conversion: Conversion, tmp_path: Path, name: str, part: str) -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    laughs = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{levels}]><d xmlns="{WORD}">&l11;</d>'
    result = read(conversion, tmp_path / name, repacked(name, part, laughs.encode()))
    assert isinstance(result, Failure)


@pytest.mark.parametrize("suffix", [".html", ".eml", ".rtf"])
def test_deep_nesting_never_harms_the_next_file(conversion: Conversion, tmp_path: Path, suffix: str) -> None:
    deep = {
        ".html": "<div>" * 300_000 + "deep",
        ".eml": "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000)) + "\ndeep",
        ".rtf": r"{\rtf1 " + "{" * 300_000 + "deep" + "}" * 300_000 + "}",
    }[suffix]
    assert read(conversion, tmp_path / f"a{suffix}", deep.encode()) is not None
    after = read(conversion, tmp_path / "b.html", b"<p>After it.</p>")
    assert isinstance(after, Document)


def test_a_pdf_whose_pages_are_a_loop_ends(conversion: Conversion, tmp_path: Path) -> None:
    loop = b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>> endobj
trailer <</Root 1 0 R>>
"""
    assert isinstance(read(conversion, tmp_path / "a.pdf", loop), Failure)


@pytest.mark.parametrize("name", ["docx-tables.docx", "fake-power-point-table.pptx", "emoji.xlsx", "fake.odt"])
def test_one_changed_byte_inside_a_zipped_format_is_found(conversion: Conversion, tmp_path: Path, name: str) -> None:
    data = bytearray((AWKWARD / name).read_bytes())
    with zipfile.ZipFile(AWKWARD / name) as archive:
        member = max(archive.infolist(), key=lambda member: member.compress_size)
        start = member.header_offset + 30 + len(member.filename) + 20
    data[start + member.compress_size // 2] ^= 0xFF
    result = read(conversion, tmp_path / name, bytes(data))
    assert isinstance(result, Failure)
    assert result.kind == "damaged"


@pytest.mark.parametrize("name", ["bookmark_sample.pdf", "fake.odt", "eng_spa_mult.epub", "test_outlook_msg.msg"])
def test_a_file_cut_short_anywhere_is_a_document_or_a_failure(
    conversion: Conversion, tmp_path: Path, name: str
) -> None:
    data = (AWKWARD / name).read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        result = read(conversion, tmp_path / name, data[: int(len(data) * share)])
        assert isinstance(result, Document | Failure)
        if isinstance(result, Document):
            assert result.text.strip()
