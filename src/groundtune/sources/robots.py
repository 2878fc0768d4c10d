"""What a site asks programs not to fetch (RFC 9309), asked once for each host."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from groundtune.sources.web_client import AGENT, Client, Unreachable

__all__ = ["Robots"]

_LONGEST = 500 * 1024
_LONGEST_DELAY = 10.0


class Robots:
    """The robots.txt of each host that is asked about."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, RobotFileParser] = {}

    def allows(self, url: str) -> bool:
        """Whether a page may be fetched.

        Raises:
            Unreachable: when the site cannot say now, which counts as no.
            Unusable: when asking it is not allowed.
        """
        return self._of(url).can_fetch(AGENT, url)

    def delay(self, url: str) -> float:
        """Seconds to wait between two pages, at most ten."""
        return min(float(self._of(url).crawl_delay(AGENT) or 0), _LONGEST_DELAY)

    def _of(self, url: str) -> RobotFileParser:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._known:
            parser = RobotFileParser()
            page = self._client.get(f"{site}/robots.txt")
            if page.status >= 500:
                raise Unreachable(f"its robots.txt answers with status {page.status}")
            # A site without the file, or one that hides it, asks for nothing.
            text = page.data[:_LONGEST].decode("utf-8", "replace") if page.status < 400 else ""
            parser.parse(text.splitlines())
            self._known[site] = parser
        return self._known[site]
