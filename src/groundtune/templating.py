"""How every page is rendered: by Jinja that escapes whatever it is given and stops at a name it does not know."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["page_templates"]


def page_templates(folder: Path) -> Environment:
    """The templates of a folder; a tag on a line of its own leaves no empty line behind."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
