"""DOCX to Markdown: mammoth reads it as HTML, and HTML is read as everywhere; equations become their linear text."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

from groundtune.sources.converted import Converted, Reader
from groundtune.sources.html import convert_html
from groundtune.sources.protected import unlocked
from groundtune.sources.zipped import core_properties, opened, parsed

__all__ = ["convert_docx"]

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BODY = "word/document.xml"
_STYLES = "word/styles.xml"
_TELLING = frozenset(f"{_WORD}{name}" for name in ("name", "basedOn", "pPr"))


def convert_docx(data: bytes, reader: Reader) -> Converted:
    """Convert one Word file: headings, lists, tables, notes and text boxes; headers and footers go as furniture.

    Raises:
        Unusable: when it is encrypted or damaged.
    """
    import mammoth

    with opened(unlocked(data, reader)) as archive:
        metadata = core_properties(archive)
        packed = _lightened(archive)
        # Pictures are left out, and linked ones are never looked for.
        made = mammoth.convert_to_html(
            packed,
            convert_image=mammoth.images.img_element(lambda image: {}),
            external_file_access=False,
        )
    page = convert_html(made.value)
    return Converted(title=page.title or metadata.get("title", ""), text=page.text, metadata=metadata)


def _lightened(archive: zipfile.ZipFile) -> io.BytesIO:
    """The same file with each equation as a run of text, which mammoth would leave out, and without looks.

    How styles look is most of many files, says nothing, and would be read slowly.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as copy:
        for member in archive.infolist():
            data = archive.read(member)
            if member.filename == _STYLES:
                data = _without_looks(data)
            elif member.filename == _BODY and b"oMath" in data:
                data = _with_linear_equations(data)
            copy.writestr(member.filename, data)
    return packed


def _without_looks(data: bytes) -> bytes:
    root = parsed(data)
    for style in list(root):
        if style.tag != f"{_WORD}style":
            root.remove(style)
        for part in list(style):
            if part.tag not in _TELLING:
                style.remove(part)
    return ElementTree.tostring(root)


def _with_linear_equations(data: bytes) -> bytes:
    root = parsed(data)
    for parent in root.iter():
        for place, child in enumerate(parent):
            if child.tag == f"{_MATH}oMath":
                run = ElementTree.Element(f"{_WORD}r")
                ElementTree.SubElement(run, f"{_WORD}t", {"xml:space": "preserve"}).text = _linear(child)
                parent[place] = run
    _lift(root)
    return ElementTree.tostring(root)


def _lift(root: ElementTree.Element) -> None:
    """Runs out of ``oMathPara`` into its paragraph, where they are looked for."""
    for parent in root.iter():
        for child in [child for child in parent if child.tag == f"{_MATH}oMathPara"]:
            place = list(parent).index(child)
            parent[place : place + 1] = [run for run in child if run.tag == f"{_WORD}r"]


def _linear(element: ElementTree.Element) -> str:
    """An equation in one line: ``a^{2}``, ``x_{n}``, ``(a)/(b)``."""
    name = element.tag.removeprefix(_MATH)
    parts = {child.tag.removeprefix(_MATH): _linear(child) for child in element}
    if name == "t":
        return element.text or ""
    if name == "f":
        return f"({parts.get('num', '')})/({parts.get('den', '')})"
    if name == "rad":
        return f"√({parts.get('e', '')})"
    if name in {"sSup", "sSub", "sSubSup", "nary"}:
        low, high = parts.get("sub", ""), parts.get("sup", "")
        sign = "Σ" if name == "nary" else ""
        mark = (f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else "")
        return f"{sign}{mark}{parts.get('e', '')}" if sign else f"{parts.get('e', '')}{mark}"
    joined = "".join(_linear(child) for child in element)
    return f"({joined})" if name == "d" else joined
