"""Web pages and sitemaps: fetched politely, and not again while they are what they were."""

from __future__ import annotations

import mimetypes
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from groundtune.errors import MissingExtra
from groundtune.sources.failure import Failure, Unusable
from groundtune.sources.mirror import Mirror
from groundtune.sources.rules import Web
from groundtune.sources.zipped import parsed

if TYPE_CHECKING:
    from groundtune.sources.robots import Robots
    from groundtune.sources.web_client import Client, Page

__all__ = ["copy_pages"]

_LARGEST = 64 * 2**20
_GONE = frozenset({404, 410})
_LATER = "What was read of it before is kept; sync again later."
_MOST_SITEMAPS = 50
_TYPES = {"text/markdown": ".md", "text/html": ".html", "application/xhtml+xml": ".html", "text/plain": ".txt"}


def copy_pages(source: str, mirror: Mirror, rules: Web) -> Iterator[Failure]:
    """Copy one page, or the pages of one sitemap that lie on its host.

    A page that its server says is unchanged is not sent again. One that is gone is forgotten; one that cannot be had
    now stays as it was.

    Raises:
        MissingExtra: when the HTTP client is not installed.
    """
    try:
        from groundtune.sources.robots import Robots
        from groundtune.sources.web_client import Client
    except ImportError:
        raise MissingExtra(f"Reading {source}", "remote") from None
    with Client(rules) as client:
        yield from _Visit(client, Robots(client), mirror, rules).everything(source)


class _Visit:
    """One round over the pages of a source."""

    def __init__(self, client: Client, robots: Robots, mirror: Mirror, rules: Web) -> None:
        self._client = client
        self._robots = robots
        self._mirror = mirror
        self._rules = rules

    def everything(self, source: str) -> Iterator[Failure]:
        from groundtune.sources.web_client import Unreachable

        try:
            page = self._get(source)
            if page is None or not _is_sitemap(page.data):
                self._take(source, page)
                return
            pages, failures = self._listed(source, page)
        except Unreachable as error:
            self._mirror.keep_all()
            yield Failure(source, f"it cannot be reached: {error}", _LATER, "unreachable", transient=True)
            return
        except Unusable as error:
            if not self._mirror.known(source):
                # A sitemap that is gone is no sign that its pages are.
                self._mirror.keep_all()
            yield Failure(source, error.reason, error.hint, error.kind)
            return
        yield from failures
        for url in pages:
            yield from self._one(url)

    def _one(self, url: str) -> Iterator[Failure]:
        from groundtune.sources.web_client import Unreachable

        try:
            self._take(url, self._get(url))
        except Unreachable as error:
            if self._mirror.known(url):
                self._mirror.keep(url)
            yield Failure(url, f"it cannot be reached: {error}", _LATER, "unreachable", transient=True)
        except Unusable as error:
            yield Failure(url, error.reason, error.hint, error.kind)

    def _get(self, url: str) -> Page | None:
        """The page; None when it is the one that is kept."""
        from groundtune.sources.web_client import Unreachable

        if not self._robots.allows(url):
            raise Unusable("its site asks programs not to read it (robots.txt)", "Ask its owner.", "unsupported")
        time.sleep(self._robots.delay(url))
        known = self._mirror.known(url)
        page = self._client.get(url, {} if known is None else _conditions(known.stamp))
        if page.status == 304 and known is not None:
            return None
        if page.status in _GONE:
            raise Unusable(f"there is no such page (status {page.status})", "Correct the address.", "unreachable")
        if page.status != 200:
            raise Unreachable(f"its server answers with status {page.status}")
        if urlsplit(page.url).netloc != urlsplit(url).netloc and not self._robots.allows(page.url):
            raise Unusable(f"it leads to {page.url}, which asks not to be read (robots.txt)", "Ask its owner.")
        return page

    def _take(self, url: str, page: Page | None) -> None:
        if page is None:
            self._mirror.keep(url)
            return
        parts = urlsplit(url)
        stamp = {name: page.headers[name] for name in ("etag", "last-modified") if name in page.headers}
        id_ = unquote(f"{parts.netloc}{parts.path.rstrip('/')}{'?' * bool(parts.query)}{parts.query}")
        self._mirror.put(url, _text(page), name=f"page{_suffix(page)}", id_=id_, source=url, stamp=stamp)

    def _listed(self, source: str, page: Page) -> tuple[list[str], list[Failure]]:
        """The pages of a sitemap and of the sitemaps that it names, up to the most that are allowed."""
        host = urlsplit(page.url).netloc
        maps, pages, foreign = [page.data], dict[str, None](), 0
        for number in range(_MOST_SITEMAPS):
            if number == len(maps):
                break
            root = parsed(_plain(maps[number]))
            links = [e.text.strip() for e in root.iter() if e.tag.endswith("}loc") and e.text and e.text.strip()]
            near = [link for link in links if urlsplit(link).netloc == host]
            foreign += len(links) - len(near)
            if root.tag.endswith("}sitemapindex"):
                maps += [inner.data for link in near if (inner := self._get(link)) is not None]
            else:
                pages.update(dict.fromkeys(near))
        return list(pages)[: self._rules.most_pages], list(self._left_out(source, len(pages), foreign))

    def _left_out(self, source: str, count: int, foreign: int) -> Iterator[Failure]:
        most = self._rules.most_pages
        if foreign:
            reason = f"{foreign} of its addresses lie on other hosts and were left out"
            yield Failure(source, reason, "Name them as sources of their own.", "unsupported")
        if count > most:
            reason = f"it names {count} pages, and only the first {most} were read"
            yield Failure(source, reason, "Raise web_pages under [knowledge].", "unsupported")


def _conditions(stamp: Mapping[str, str]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[key]: value for key, value in stamp.items() if key in names}


def _is_sitemap(data: bytes) -> bool:
    start = _plain(data[: 2**20])[:4096] if data.startswith(b"\x1f\x8b") else data[:4096]
    return b"<urlset" in start or b"<sitemapindex" in start


def _plain(data: bytes) -> bytes:
    """Unpacked where it is gzip, up to 64 MiB."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _LARGEST)
    except zlib.error as error:
        raise Unusable(f"its sitemap is damaged: {error}", _LATER, "damaged") from None


def _text(page: Page) -> bytes:
    """The page's bytes; text whose charset stands only in the header becomes UTF-8, which is tried first."""
    kind, _, parameters = page.headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip(" \"'")
    if kind.strip().startswith("text/") and charset and charset.lower() not in {"utf-8", "utf8"}:
        try:
            return page.data.decode(charset).encode()
        except (LookupError, UnicodeDecodeError):
            return page.data
    return page.data


def _suffix(page: Page) -> str:
    """A file name's end that says what a page is: by what its server says, else by its address."""
    kind = page.headers.get("content-type", "").partition(";")[0].strip().lower()
    given = PurePosixPath(urlsplit(page.url).path).suffix.lower()
    if kind == "text/plain" and given:
        return given
    return _TYPES.get(kind) or mimetypes.guess_extension(kind) or given or ".html"
