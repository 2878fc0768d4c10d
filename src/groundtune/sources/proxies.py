"""The proxy that the environment names for an address: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, except for NO_PROXY."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from groundtune.sources.failure import Unusable

__all__ = ["Proxy", "proxy_for"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is, and who asks it; ``address`` holds no credentials."""

    address: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)


def proxy_for(url: str) -> Proxy | None:
    """The proxy to ask for a page; None where it is to be asked for directly.

    Raises:
        Unusable: when the environment names a proxy that does not speak HTTP.
    """
    parts, known = urlsplit(url), getproxies()
    named = known.get(parts.scheme) or known.get("all")
    if not named or not parts.hostname or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme not in {"http", "https"} or not proxy.hostname:
        raise Unusable(
            f"the environment names a proxy for {parts.scheme} that is none of HTTP ({proxy.scheme})",
            "Set HTTP_PROXY and HTTPS_PROXY to http://host:port, or name the host in NO_PROXY.",
            "unsupported",
        )
    own = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    return Proxy(f"{proxy.scheme}://{proxy.netloc.rpartition('@')[2]}", own)
