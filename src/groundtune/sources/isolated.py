"""The converters of formats that are parsed by more than a few lines of Python; they run in worker processes."""

from __future__ import annotations

from groundtune.sources.converted import Converted, Converter, Reader

__all__ = ["CONVERTERS"]


def _html(data: bytes, reader: Reader) -> Converted:
    from groundtune.sources.decode import decode
    from groundtune.sources.html import convert_html

    del reader
    return convert_html(decode(data))


def _late(module: str, function: str) -> Converter:
    def convert(data: bytes, reader: Reader) -> Converted:
        from importlib import import_module

        converter: Converter = getattr(import_module(f"groundtune.sources.{module}"), function)
        return converter(data, reader)

    return convert


CONVERTERS: dict[str, Converter] = {
    "html": _html,
    "pdf": _late("pdf", "convert_pdf"),
    "docx": _late("docx", "convert_docx"),
    "pptx": _late("pptx", "convert_pptx"),
    "spreadsheet": _late("office", "convert_spreadsheet"),
    "doc": _late("office", "convert_doc"),
    "rtf": _late("office", "convert_rtf"),
    "msg": _late("office", "convert_msg"),
    "odt": _late("opendocument", "convert_odt"),
    "epub": _late("epub", "convert_epub"),
    "eml": _late("mail", "convert_eml"),
}
"""By format; each imports its library when it is first used."""
