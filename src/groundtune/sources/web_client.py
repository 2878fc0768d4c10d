"""Pages by HTTP: only from public addresses unless allowed, only so large, only so long, redirects checked one by one.

The address that is checked is the address that is connected to, so a name that changes its meaning in between gains
nothing. Where the environment names a proxy, that one looks names up and connects: a name is checked before it is asked
for, as far as this machine knows it. Nothing is sent but the request: no cookies, no credentials.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpcore

from groundtune import __version__
from groundtune.sources.addresses import addresses_of, is_local_name, is_public
from groundtune.sources.failure import Unusable
from groundtune.sources.proxies import Proxy, proxy_for
from groundtune.sources.rules import Web

__all__ = ["AGENT", "Client", "Page", "Unreachable"]

AGENT = "groundtune"
"""The name that robots.txt may speak of."""

_LARGEST = 64 * 2**20
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Unreachable(Exception):
    """A page that cannot be had now, but perhaps later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a server answered; ``url`` is where it was found after redirects, header names are lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    data: bytes


class Client:
    """Fetches pages; to be used in a ``with`` statement."""

    def __init__(self, rules: Web) -> None:
        self._seconds = rules.seconds
        self._private = rules.private
        self._direct = httpcore.ConnectionPool(network_backend=_Checked(rules.private), max_connections=2)
        self._proxies: dict[Proxy, httpcore.HTTPProxy] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._direct, *self._proxies.values()):
            pool.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Page:
        """Fetch one page, following up to five redirects.

        Raises:
            Unusable: when it leads to a private address, is too large, or redirects without end.
            Unreachable: when the server does not answer in time or as HTTP wants it.
        """
        deadline = time.monotonic() + self._seconds
        for _ in range(_MOST_REDIRECTS + 1):
            page = self._once(url, headers or {}, deadline)
            target = page.headers.get("location")
            if page.status not in _REDIRECTS or not target:
                return page
            url = urljoin(url, target)
        raise Unusable("it redirects without end", "Name the page that it should lead to.", "hostile")

    def _once(self, url: str, headers: Mapping[str, str], deadline: float) -> Page:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise Unusable(f"{url} is no address of a page", "Give it as https://host/path.", "unsupported")
        sent: list[tuple[bytes | str, bytes | str]] = [
            ("Host", parts.netloc),
            ("User-Agent", f"{AGENT}/{__version__}"),
            ("Accept-Encoding", "identity"),
            *headers.items(),
        ]
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        try:
            address = httpcore.URL(url.partition("#")[0].encode("ascii", "strict"))
            with self._pool_for(url).stream("GET", address, headers=sent, extensions={"timeout": timeout}) as response:
                data = _read(response.iter_stream(), deadline)
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return Page(url=url, status=response.status, headers=found, data=data)
        except httpcore.ProxyError as error:
            raise Unreachable(f"the proxy that the environment names refuses: {error}") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        except (UnicodeError, httpcore.UnsupportedProtocol) as error:
            raise Unusable(f"{url} is no address of a page: {error}", "Write it percent-encoded.") from None

    def _pool_for(self, url: str) -> httpcore.ConnectionPool:
        proxy = proxy_for(url)
        if proxy is None:
            return self._direct
        if not self._private:
            _refuse_private(urlsplit(url).hostname or "")
        if proxy not in self._proxies:
            self._proxies[proxy] = httpcore.HTTPProxy(proxy.address, proxy.credentials, max_connections=2)
        return self._proxies[proxy]


def _refuse_private(host: str) -> None:
    """What a proxy must not be asked for: a private address, and a name that stands for one or is of this network."""
    try:
        found = addresses_of(host, 0)
    except OSError:  # only the proxy knows it
        found = []
    private = [address for address in found if not is_public(address)]
    if private or (not found and is_local_name(host)):
        raise _private(host, private or ["a name of this network"])


def _private(host: str, found: Sequence[str]) -> Unusable:
    return Unusable(
        f"{host} is a private address ({', '.join(found)})",
        "If it is meant, set private_addresses = true under [knowledge].",
        "hostile",
    )


def _read(pieces: Iterable[bytes], deadline: float) -> bytes:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > _LARGEST:
            raise Unusable("it is larger than 64 MiB", "Name smaller pages, or put the file into a folder.", "hostile")
        if time.monotonic() > deadline:
            raise Unreachable("it was not sent in time")
    return bytes(data)


class _Checked(httpcore.NetworkBackend):
    """Connects only to addresses that it has looked at itself."""

    def __init__(self, private: bool) -> None:
        self._private = private
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = addresses_of(host.strip("[]"), port)
        allowed = [address for address in found if self._private or is_public(address)]
        if not allowed:
            raise _private(host, found)
        last: Exception | None = None
        for address in allowed:
            try:
                return self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        assert last is not None  # there was at least one address
        raise last
