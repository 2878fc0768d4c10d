"""What each format becomes, and that no file, however broken, raises."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtune.records import Document
from groundtune.sources import FORMATS, Conversion, Failure, SourceFile
from groundtune.sources.failure import Unusable

CONVERSION = Conversion()


@pytest.fixture(scope="module", autouse=True)
def conversion() -> Iterator[None]:
    """One set of worker processes for all tests of this file."""
    with CONVERSION:
        yield


def read(path: Path) -> list[Document | Failure]:
    ending = ".jsonl.gz" if path.name.endswith(".jsonl.gz") else path.suffix
    form = FORMATS.get(ending, "unsupported")
    return list(
        CONVERSION.start(SourceFile(id=path.name, location=str(path), source=f"docs/{path.name}", format=form))()
    )


def one(path: Path, data: bytes | str) -> Document:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (result,) = read(path)
    assert isinstance(result, Document), result
    return result


def refused(path: Path, data: bytes | str) -> Failure:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (result,) = read(path)
    assert isinstance(result, Failure), result
    return result


def test_markdown_is_kept_verbatim(tmp_path: Path) -> None:
    front = "---\ntitle: 'The gate'\nowner: Anna\n---\n\n"
    text = f"{front}```\n# no heading\n```\n# Gate [hours](http://a/b) *now*\n\nAt eight.\n"
    document = one(tmp_path / "gate.md", text)
    assert (document.text, document.title) == (text, "The gate")
    assert document.metadata == {"title": "The gate", "owner": "Anna"}
    assert one(tmp_path / "b.md", text[text.index("```") :]).title == "Gate hours now"


@pytest.mark.parametrize(
    ("text", "title"),
    [("Gate\n====\n\nAt eight.", "Gate"), ("No heading here.", "opening hours"), ("# \n\nx", "opening hours")],
)
def test_a_title_comes_from_a_heading_or_the_file_name(tmp_path: Path, text: str, title: str) -> None:
    assert one(tmp_path / "opening_hours.md", text).title == title


def test_html_keeps_structure_and_loses_furniture(tmp_path: Path) -> None:
    page = """<html><head><title>Manual</title><style>p{}</style></head>
    <body><nav>Home</nav><div role="navigation">Next</div><h1>Gate<a class="headerlink" href="#g">¶</a></h1>
    <p>Closes <a href="http://a/(b)">at eight</a>.<img src="x.png" alt="pic"></p><pre>a = 1\nb = 2</pre>
    <table><tr><th>Day</th></tr><tr><td>Monday</td></tr></table><script>track()</script></body></html>"""
    document = one(tmp_path / "gate.html", page)
    assert document.title == "Gate"
    assert "Closes at eight." in document.text
    assert "```\na = 1\nb = 2\n```" in document.text
    assert "| Monday |" in document.text
    assert not any(word in document.text for word in ("Home", "Next", "track", "http", "pic", "¶", "p{}"))


RST = """PEP: 242
Title: Numeric Kinds
Author: A. Author <a@b.c>,
        B. Author
Status: Final
Post-History:

========
Abstract
========

See :pep:`8`, :func:`~os.path.join`, ``x_y`` and `the guide <http://a/b>`_ [1]_.

.. a comment
   over two lines

Details
-------

An example::

    def f():
        return 1

.. code-block:: python
   :linenos:

   x = 1

.. note:: Mind the gap.

.. _target: http://a/b
.. [1] The first footnote.
"""


def test_restructuredtext_becomes_markdown_with_its_header(tmp_path: Path) -> None:
    document = one(tmp_path / "pep-0242.rst", RST)
    assert document.title == "PEP 242 – Numeric Kinds"
    assert document.metadata["Author"] == "A. Author <a@b.c>, B. Author"
    assert "Post-History" not in document.metadata
    assert document.text.startswith(
        "PEP: 242\nTitle: Numeric Kinds\nAuthor: A. Author <a@b.c>, B. Author\nStatus: Final\n\n# Abstract\n"
    )
    assert "See PEP 8, `join`, `x_y` and the guide [1]." in document.text
    assert "## Details" in document.text
    assert "An example:\n\n```\ndef f():\n    return 1\n```" in document.text
    assert "```python\nx = 1\n```" in document.text
    assert "Note: Mind the gap." in document.text
    assert "[1] The first footnote." in document.text
    assert not any(word in document.text for word in ("a comment", "target", "::", "linenos"))


def test_restructuredtext_without_a_header_is_titled_by_its_first_section(tmp_path: Path) -> None:
    assert one(tmp_path / "a.rst", "Gate\n====\n\nNote: it closes.\n").title == "Gate"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252"]
)
def test_encodings_of_plain_text(tmp_path: Path, encoding: str) -> None:
    text = "Die Müllabfuhr kommt am Dienstag früh, außer an Feiertagen.\r\nDanach nicht mehr."
    assert one(tmp_path / "a.txt", text.encode(encoding)).text == text.replace("\r\n", "\n")


def test_a_declared_charset_counts(tmp_path: Path) -> None:
    page = "<html><head><meta charset='shift_jis'></head><body><p>門は八時に閉まります。</p></body></html>"
    assert "門は八時に閉まります。" in one(tmp_path / "a.html", page.encode("shift_jis")).text


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.md", b"", "no text"),
        ("a.txt", b" \n\t\n", "no text"),
        ("a.txt", bytes(range(256)) * 8, "binary"),
        ("a.html", b"<html><body></body></html>", "no text"),
        ("a.pdf", b"%PDF-1.7", "damaged"),
        ("a.docx", b"PK", "damaged"),
        ("a.png", b"x", "not supported"),
    ],
)
def test_what_holds_no_text_is_reported_with_a_hint(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    failure = refused(tmp_path / name, data)
    assert failure.source == f"docs/{name}"
    assert reason in failure.reason
    assert failure.hint
    assert not failure.transient


def test_a_file_that_is_gone_is_a_passing_failure(tmp_path: Path) -> None:
    (result,) = read(tmp_path / "gone.md")
    assert isinstance(result, Failure)
    assert result.transient


def test_rows_are_read_one_by_one(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "title": "A", "text": "One  \r\ntext.", "metadata": {"year": 2020, "x": None}, "groups": ["staff"]},
        {"id": 7, "text": "half \ud800 pair"},
    ]
    bad = ["{", '["list"]', '{"id": "b"}', '{"id": true, "text": 1, "groups": "x"}', '{"id": "c", "text": " "}', ""]
    data = "\n".join([json.dumps(row) for row in rows] + bad).encode() + b'\n{"id": "\xff"}\n'
    (tmp_path / "d.jsonl").write_bytes(data)
    results = read(tmp_path / "d.jsonl")
    good = [result for result in results if isinstance(result, Document)]
    assert [(document.id, document.text) for document in good] == [("a", "One  \r\ntext."), ("7", "half \ufffd pair")]
    assert good[0].metadata == {"year": "2020"}
    assert good[0].groups == ("staff",)
    failures = [result for result in results if isinstance(result, Failure)]
    assert [failure.source for failure in failures] == [f"docs/d.jsonl:{line}" for line in (3, 4, 5, 6, 7, 9)]
    assert failures[3].reason.count(";") == 2
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(data))
    assert [result for result in read(tmp_path / "d.jsonl.gz") if isinstance(result, Document)] == [
        Document(id=d.id, title=d.title, text=d.text, source="docs/d.jsonl.gz", metadata=d.metadata, groups=d.groups)
        for d in good
    ]


def test_a_broken_gzip_file_keeps_the_rows_before_the_break(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"id": str(n), "text": f"text {n * 7919}"}) + "\n" for n in range(2000)).encode()
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(rows)[:-2000])
    results = read(tmp_path / "d.jsonl.gz")
    assert isinstance(results[0], Document)
    last = results[-1]
    assert isinstance(last, Failure)
    assert last.transient


@pytest.mark.parametrize("ending", [".md", ".html", ".rst", ".csv", ".json"])
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "[a](",
        "<a ",
        "<!--",
        "`a_",
        ":a:`",
        "\\*",
        "| --- ",
        "```\n",
        "# a\n",
        "a\n===\n",
        "<div>",
        "* _",
        ',"',
        '\n"',
        '{"a":',
    ],
)
def test_hostile_repetition_is_read_in_linear_time(tmp_path: Path, ending: str, piece: str) -> None:
    (tmp_path / f"a{ending}").write_text(piece * 20_000, encoding="utf-8")
    began = time.process_time()
    assert len(read(tmp_path / f"a{ending}")) == 1
    assert time.process_time() - began < 5


def test_deep_nesting_is_read_without_recursion(tmp_path: Path) -> None:
    deep = "".join(" " * level + ".. note::\n\n" for level in range(800)) + " " * 800 + "The gate."
    assert "The gate." in one(tmp_path / "a.rst", deep).text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=400) | st.text(max_size=300).map(str.encode),
    st.sampled_from([".md", ".html", ".rst", ".txt", ".jsonl", ".csv", ".json", ".py", ".eml"]),
)
def test_no_bytes_make_a_converter_raise(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(data)
    for result in read(path):
        assert isinstance(result, Document | Failure)
        if isinstance(result, Document):
            assert result.text.strip()
            assert result.text.encode()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_file_is_one_table_whatever_parts_its_fields(tmp_path: Path, delimiter: str) -> None:
    rows = [["Name", "Says"], ["Ann", '"yes, no; or|so\tlike"'], ["Bob"]]
    document = one(tmp_path / "a.csv", "\n".join(delimiter.join(row) for row in rows))
    assert document.text == "| Name | Says |\n| --- | --- |\n| Ann | yes, no; or\\|so like |\n| Bob |  |\n"


def test_json_becomes_a_line_for_each_value(tmp_path: Path) -> None:
    given = {"title": "Gate", "hours": [{"day": "Monday", "open": True}, None], "note": "two\nlines"}
    document = one(tmp_path / "a.json", json.dumps(given))
    assert document.title == "Gate"
    assert document.text == "title: Gate\nhours[0].day: Monday\nhours[0].open: true\nnote: two lines\n"
    assert "no valid JSON" in refused(tmp_path / "b.json", '{"a": ').reason


def test_source_code_stands_in_a_fence_that_holds_it(tmp_path: Path) -> None:
    code = "# no heading\nfence = '```'\n"
    assert one(tmp_path / "a.py", code).text == f"````python\n{code}````\n"


def test_a_message_tells_who_wrote_what_and_what_is_attached(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Gate", "Ann <ann@a.test>", "bob@b.test"
    message.set_content("It closes at eight.")
    message.add_alternative("<p>It closes at <b>nine</b>.</p>", subtype="html")
    message.add_attachment("Hours: 8 to 20.", filename="hours.txt")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="plan.pdf")
    (tmp_path / "a.eml").write_bytes(message.as_bytes())
    document, lost = read(tmp_path / "a.eml")
    assert isinstance(document, Document)
    assert (document.title, document.metadata["author"]) == ("Gate", "Ann <ann@a.test>")
    assert "It closes at eight." in document.text
    assert "## Attachment hours.txt\n\nHours: 8 to 20." in document.text
    assert "nine" not in document.text
    assert isinstance(lost, Failure)
    assert "plan.pdf" in lost.reason
    assert lost.partial


def test_the_reason_is_part_of_a_sentence() -> None:
    assert Unusable("it is damaged: Data format error.", "Save it again.").reason == "it is damaged: Data format error"
