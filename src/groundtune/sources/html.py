"""HTML to Markdown by html-to-markdown: headings, lists, tables and code stay, navigation and link targets go."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from groundtune.sources.converted import Converted
from groundtune.sources.failure import Unusable
from groundtune.sources.markdown import first_heading

if TYPE_CHECKING:
    from html_to_markdown import ConversionOptions

__all__ = ["convert_html"]

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
# Marks beside headings and the furniture of a page: they cost tokens in every document and answer nothing.
_FURNITURE = ["nav", "footer", "[role=navigation]", "[role=search]", ".headerlink", ".anchor-link", ".sphinxsidebar"]


def convert_html(text: str) -> Converted:
    """Convert one page; its title is the first heading, else ``<title>``.

    Raises:
        Unusable: when the parser gives up on the page.
    """
    import html_to_markdown

    try:
        result = html_to_markdown.convert(text, _options())
    except html_to_markdown.ConversionError as error:
        raise Unusable(
            f"its HTML cannot be read: {error}", "Save the page again, or give its text as .md.", "damaged"
        ) from error
    markdown = result.content or ""
    declared = _TITLE.search(text)
    title = first_heading(markdown) or (html.unescape(declared.group(1)).strip() if declared else "")
    return Converted(title=" ".join(title.split()), text=markdown)


@cache
def _options() -> ConversionOptions:
    from html_to_markdown import ConversionOptions

    return ConversionOptions(
        extract_metadata=False, skip_images=True, strip_tags=["a"], exclude_selectors=_FURNITURE, autolinks=False
    )
