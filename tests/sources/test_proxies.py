"""Web pages through a proxy that the environment names: a real one, here."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from groundtune.sources import web_client
from groundtune.sources.addresses import is_local_name
from groundtune.sources.failure import Unusable
from groundtune.sources.proxies import proxy_for
from groundtune.sources.rules import Web
from groundtune.sources.web_client import Client, Unreachable

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Asked:
    """A proxy that answers every page itself, refuses tunnels, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy.asked.append(("GET", self.path, self.headers.get("Proxy-Authorization")))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(b"by the proxy")

            def do_CONNECT(self) -> None:
                proxy.asked.append(("CONNECT", self.path, self.headers.get("Proxy-Authorization")))
                self.send_error(403, "Not From Here")

            def log_message(self, *_: Any) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    proxy = Asked()
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield proxy
    proxy.server.shutdown()
    thread.join()
    proxy.server.server_close()


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What names stand for, without asking anybody."""
    known = {"pages.example": "93.184.216.34", "inner.example": "10.0.0.7", "127.0.0.1": "127.0.0.1"}

    def addresses_of(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError("no such name")
        return [known[host]]

    monkeypatch.setattr(web_client, "addresses_of", addresses_of)


def test_a_page_is_asked_for_through_the_proxy_with_its_credentials(
    proxy: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://anna:s%40lt@{proxy.address}")
    with Client(Web()) as client:
        page = client.get("http://pages.example/a.txt")
        assert (page.status, page.data, page.url) == (200, b"by the proxy", "http://pages.example/a.txt")
        client.get("http://only.the-proxy-knows.example/b.txt")
    said = "Basic " + base64.b64encode(b"anna:s@lt").decode()
    assert proxy.asked == [
        ("GET", "http://pages.example/a.txt", said),
        ("GET", "http://only.the-proxy-knows.example/b.txt", said),
    ]


def test_a_tunnel_that_is_refused_is_told_without_the_credentials(
    proxy: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://anna:salt@{proxy.address}")
    with Client(Web()) as client, pytest.raises(Unreachable, match=r"proxy.*403") as refused:
        client.get("https://pages.example/a.html")
    assert "salt" not in str(refused.value)
    assert [(method, path) for method, path, _ in proxy.asked] == [("CONNECT", "pages.example:443")]


@pytest.mark.parametrize("host", ["inner.example", "127.0.0.1", "intranet", "wiki.corp", "printer.local"])
def test_nothing_private_is_asked_for_through_a_proxy(proxy: Asked, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    with Client(Web()) as client, pytest.raises(Unusable, match="private address"):
        client.get(f"http://{host}/")
    assert proxy.asked == []
    with Client(Web(private=True)) as client:
        assert client.get(f"http://{host}/").status == 200


def test_hosts_that_need_no_proxy_are_asked_directly(proxy: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Client(Web(private=True)) as client:
        assert client.get(f"http://{proxy.address}/a.txt").status == 200
    assert proxy.asked == [("GET", "/a.txt", None)]


def test_all_proxy_counts_where_nothing_else_is_named(proxy: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.address)
    found = proxy_for("https://pages.example/")
    assert found is not None
    assert (found.address, found.credentials) == (f"http://{proxy.address}", None)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(Unusable, match="none of HTTP"):
        proxy_for("https://pages.example/")


def test_names_of_private_networks_are_known_by_their_form() -> None:
    assert all(map(is_local_name, ["localhost", "router", "a.localhost", "b.LAN.", "db.internal"]))
    assert not any(map(is_local_name, ["example.com", "local.example", "internal.example.org"]))
