"""Web pages and sitemaps against a real server here: politeness, limits, and no way into private networks."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from groundtune.records import Document
from groundtune.sources import Conversion, Failure, Rules, Web, discover
from groundtune.sources.addresses import is_public

ALLOWED = Web(private=True)


class Site:
    """A site whose pages a test sets; remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.endless: set[str] = set()
        self.silent: set[str] = set()
        self.done = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if self.path in site.silent:
                    site.done.wait(20)
                    return
                status, headers, data = site.pages.get(self.path, (404, {}, b"nothing"))
                if self.headers.get("If-None-Match") and self.headers["If-None-Match"] == headers.get("ETag"):
                    status, data = 304, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                endless = self.path in site.endless
                self.send_header("Content-Length", str(10**12 if endless else len(data)))
                self.end_headers()
                self.wfile.write(data)
                while endless:
                    try:
                        self.wfile.write(bytes(2**16))
                    except OSError:
                        return

            def log_message(self, *_: Any) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.address = f"http://127.0.0.1:{self.port}"

    def page(self, path: str, data: bytes | str, status: int = 200, **headers: str) -> None:
        given = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.pages[path] = (status, given, data.encode() if isinstance(data, str) else data)

    def sitemap(self, *paths: str) -> None:
        locations = "".join(f"<url><loc>{self.address}{path}</loc></url>" for path in paths)
        self.page("/sitemap.xml", f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locations}</urlset>')


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.done.set()
    site.server.shutdown()
    thread.join()
    site.server.server_close()


def read(root: Path, *sources: str, web: Web = ALLOWED) -> tuple[dict[str, Document], list[Failure]]:
    rules = Rules(web=web)
    found = discover(sources, root, root / ".cache", rules=rules)
    with Conversion(rules) as conversion:
        results = [result for file in found.files for result in conversion.start(file)()]
    documents = {result.source: result for result in results if isinstance(result, Document)}
    return documents, found.failures + [result for result in results if isinstance(result, Failure)]


def test_the_pages_of_a_sitemap_are_documents_that_can_be_opened(site: Site, tmp_path: Path) -> None:
    site.sitemap("/guide/", "/notes.txt", "/logo.png", "/latin")
    site.page("/guide/", "<title>Guide</title><h1>Gate</h1><p>It closes at eight.")
    site.page("/notes.txt", "Notes.", Content_Type="text/plain")
    site.page("/logo.png", b"\x89PNG", Content_Type="image/png")
    site.page("/latin", "<p>Grüße".encode("latin-1"), Content_Type="text/html; charset=iso-8859-1")
    documents, failures = read(tmp_path, f"{site.address}/sitemap.xml")
    assert failures == []
    assert {address.removeprefix(site.address): document.title for address, document in documents.items()} == {
        "/guide/": "Gate",
        "/notes.txt": "notes",
        "/latin": "latin",
    }
    assert documents[f"{site.address}/guide/"].id == f"127.0.0.1:{site.port}/guide"
    assert "Grüße" in documents[f"{site.address}/latin"].text


def test_nested_and_packed_sitemaps_are_followed_and_other_hosts_are_not(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a")
    inner = site.pages["/sitemap.xml"][2].replace(b"</urlset>", b"<url><loc>http://other.test/b</loc></url></urlset>")
    site.page("/inner.xml.gz", gzip.compress(inner), Content_Type="application/gzip")
    index = f"<sitemap><loc>{site.address}/inner.xml.gz</loc></sitemap>"
    site.page("/index.xml", f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{index}</sitemapindex>')
    site.page("/a", "<p>A page.")
    documents, failures = read(tmp_path, f"{site.address}/index.xml")
    assert list(documents) == [f"{site.address}/a"]
    assert [failure.reason for failure in failures] == ["1 of its addresses lie on other hosts and were left out"]


def test_a_page_that_did_not_change_is_not_sent_or_written_again(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b")
    site.page("/a", "<p>One.", ETag='"1"')
    site.page("/b", "<p>Two.")
    source = f"{site.address}/sitemap.xml"
    first = discover([source], tmp_path, tmp_path / ".cache", rules=Rules(web=ALLOWED)).files
    inodes = [file.path.stat().st_ino for file in first]
    site.asked.clear()
    second = discover([source], tmp_path, tmp_path / ".cache", rules=Rules(web=ALLOWED)).files
    assert second == first
    assert [file.path.stat().st_ino for file in second] == inodes
    assert dict(site.asked)["/a"]["if-none-match"] == '"1"'
    site.page("/a", "<p>One, changed.", ETag='"2"')
    documents, _ = read(tmp_path, source)
    assert documents[f"{site.address}/a"].text.strip() == "One, changed."


def test_a_page_that_is_gone_is_forgotten_and_one_that_fails_is_kept(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b", "/c")
    for path in ("/a", "/b", "/c"):
        site.page(path, f"<p>Page {path}.")
    source = f"{site.address}/sitemap.xml"
    assert len(read(tmp_path, source)[0]) == 3
    site.page("/a", "", 404)
    site.page("/b", "", 503)
    documents, failures = read(tmp_path, source)
    assert [address.removeprefix(site.address) for address in documents] == ["/b", "/c"]
    assert {(failure.source.removeprefix(site.address), failure.transient) for failure in failures} == {
        ("/a", False),
        ("/b", True),
    }
    for status in (404, 500):
        site.page("/sitemap.xml", "", status)
        documents, failures = read(tmp_path, source)
        assert [address.removeprefix(site.address) for address in documents] == ["/b", "/c"]
        assert [failure.source for failure in failures] == [source]


def test_robots_are_respected(site: Site, tmp_path: Path) -> None:
    site.page("/robots.txt", "User-agent: *\nDisallow: /private\n\nUser-agent: groundtune\nDisallow: /not-for-us")
    site.sitemap("/private/a", "/not-for-us")
    site.page("/private/a", "<p>For all but those named.")
    site.page("/not-for-us", "<p>No.")
    documents, failures = read(tmp_path, f"{site.address}/sitemap.xml")
    assert list(documents) == [f"{site.address}/private/a"]
    assert "robots.txt" in failures[0].reason
    assert "/not-for-us" not in [path for path, _ in site.asked]


def test_a_site_that_cannot_say_what_it_allows_is_not_read(site: Site, tmp_path: Path) -> None:
    site.page("/robots.txt", "", 500)
    site.page("/a", "<p>A page.")
    documents, (failure,) = read(tmp_path, f"{site.address}/a")
    assert documents == {}
    assert failure.transient
    assert [path for path, _ in site.asked] == ["/robots.txt"]


def test_a_sitemap_is_read_up_to_the_most_pages(site: Site, tmp_path: Path) -> None:
    site.sitemap(*(f"/{number}" for number in range(5)))
    for number in range(5):
        site.page(f"/{number}", f"<p>Page {number}.")
    documents, (failure,) = read(tmp_path, f"{site.address}/sitemap.xml", web=Web(private=True, most_pages=2))
    assert len(documents) == 2
    assert "names 5 pages, and only the first 2 were read" in failure.reason
    assert "web_pages" in failure.hint


def test_this_machine_is_not_read_unless_that_is_allowed(site: Site, tmp_path: Path) -> None:
    site.page("/a", "<p>A secret.")
    for host in ("127.0.0.1", "localhost"):
        documents, (failure,) = read(tmp_path, f"http://{host}:{site.port}/a", web=Web())
        assert documents == {}
        assert (failure.kind, "private_addresses" in failure.hint) == ("hostile", True)
    assert site.asked == []


def test_a_redirect_does_not_lead_into_a_private_network(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As far as this test goes, the site's address is a public one.
    monkeypatch.setattr("groundtune.sources.web_client.is_public", lambda address: address == "127.0.0.1")
    site.page("/a", "", 302, Location=f"http://127.0.0.2:{site.port}/b")
    site.page("/b", "<p>A secret.")
    site.page("/c", "", 302, Location="file:///etc/passwd")
    site.page("/loop", "", 302, Location="/loop")
    documents, failures = read(tmp_path, *(f"{site.address}/{name}" for name in ("a", "c", "loop")), web=Web())
    assert documents == {}
    assert "127.0.0.2 is a private address" in failures[0].reason
    assert "is no address of a page" in failures[1].reason
    assert "redirects without end" in failures[2].reason
    assert "/b" not in [path for path, _ in site.asked]


def test_a_name_that_changes_its_meaning_after_the_check_gains_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundtune.sources.web_client.is_public", lambda address: address == "127.0.0.1")
    real = socket.getaddrinfo
    asked: list[str] = []

    def rebound(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebind.test":
            return real(host, *rest, **more)
        asked.append(host)
        # Good when it is checked, bad when it is asked again for the connection.
        return real("127.0.0.1" if len(asked) % 2 else "127.0.0.2", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    site.page("/a", "<p>A page.", Connection="close")
    site.page("/robots.txt", "", Connection="close")
    documents, failures = read(tmp_path, f"http://rebind.test:{site.port}/a", web=Web())
    # Asked once for robots.txt (good), once for the page (bad, and refused), and never again in between.
    assert (documents, len(asked)) == ({}, 2)
    assert "rebind.test is a private address (127.0.0.2)" in failures[0].reason


def test_a_page_without_end_and_one_that_never_comes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundtune.sources.web_client._LARGEST", 2**20)
    site.page("/endless", "<p>")
    site.endless.add("/endless")
    site.silent.add("/silent")
    web = Web(private=True, seconds=1)
    documents, failures = read(tmp_path, f"{site.address}/endless", f"{site.address}/silent", web=web)
    assert documents == {}
    assert [failure.kind for failure in failures] == ["hostile", "unreachable"]
    assert [failure.transient for failure in failures] == [False, True]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public
