"""The guarded way out: what is asked, what is refused and why, by real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI, OpenAI
from openai._vendor.httpx_aiohttp.transport import AiohttpTransport

import outgoing
from outgoing import Limits, Refused, addresses, refusals, streaming, transport
from tests.hostile_site import HostileSite, Resolver, certificate
from tests.openai_server import OpenAIServer

LIMITS = Limits(connect=5, read=5, total=20, max_bytes=200_000, redirects=3)
# For sites that never come to an end: what is under test is that the client does.
SHORT = {"read_timeout": replace(LIMITS, read=0.3), "too_slow": replace(LIMITS, total=0.5)}


@dataclass
class World:
    """A site that may be asked, a trap that may not, and the names that lead to them."""

    site: HostileSite
    trap: HostileSite
    resolver: Resolver
    closed_port: int

    def fill(self, text: str) -> str:
        """A line of the table with this world's addresses."""
        return text.format(
            site=self.site.address,
            port=self.site.port,
            trap=self.trap.port,
            closed=self.closed_port,
        )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[World]:
    with HostileSite() as site, HostileSite() as trap, socket.socket() as unused:
        # Bound and not listening: nobody else takes the port, and connections are refused.
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        settings.OUTGOING_ALLOWED = [f"127.0.0.1:{site.port}", f"127.0.0.1:{closed}"]
        resolver = Resolver(
            {
                "site.example": [["127.0.0.1"]],
                "inside.example": [["10.1.2.3"]],
                "loopback.example": [["127.0.0.2"]],
                "loopback6.example": [["::1"]],
                "metadata.example": [["169.254.169.254"]],
                "mapped.example": [["::ffff:10.0.0.1"]],
                "nat64.example": [["64:ff9b::a00:1"]],
                "neighbour.example": [["fe80::1%eth0"]],
                # One good address does not excuse the other.
                "mixed.example": [["93.184.216.34", "192.168.0.1"]],
                "mixed6.example": [["93.184.216.34", "fd00::1"]],
                # The first answer is for a check, the second for a connection: rebinding.
                "rebinding.example": [["127.0.0.1"], ["127.0.0.2"]],
                "nowhere.example": [[]],
            }
        )
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        yield World(site, trap, resolver, closed)


REFUSED = [
    # --- no web address
    ("", "bad_address"),
    ("example.com", "bad_address"),
    ("//example.com/", "bad_address"),
    ("http://", "bad_address"),
    ("http:///path", "bad_address"),
    ("http:example.com", "bad_address"),
    ("http://exa mple.com/", "bad_address"),
    ("http://example.com\\@127.0.0.1/", "bad_address"),
    ("http://a\r\nHost: b/", "bad_address"),
    ("http://localhost\x00.example.com/", "bad_address"),
    ("http://%6cocalhost/", "bad_address"),
    ("http://a..example/", "bad_address"),
    ("http://-a.example/", "bad_address"),
    ("http://example.com:99999/", "bad_address"),
    ("http://[::1", "bad_address"),
    ("http://[fe80::1%25eth0]/", "bad_address"),
    ("http://１２７.０.０.１/", "bad_address"),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "bad_address"),
    ("http://" + "a" * 64 + ".example/", "bad_address"),
    ("http://example.com/" + "a" * 2000, "bad_address"),
    # --- other schemes
    ("ftp://example.com/", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("gopher://127.0.0.1:6379/_FLUSHALL", "scheme"),
    ("dict://127.0.0.1:11211/stats", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("data:text/html,hello", "scheme"),
    ("ws://example.com/", "scheme"),
    # --- who asks, and where
    ("http://user@example.com/", "user_info"),
    ("http://user:secret@example.com/", "user_info"),
    ("http://example.com@127.0.0.1/", "user_info"),
    ("http://example.com:22/", "port"),
    ("http://example.com:6379/", "port"),
    ("https://93.184.216.34:8080/", "port"),
    # --- odd notations of IPv4
    ("http://2130706433/", "odd_address"),
    ("http://0x7f000001/", "odd_address"),
    ("http://0x7f.0.0.1/", "odd_address"),
    ("http://0177.0.0.1/", "odd_address"),
    ("http://127.1/", "odd_address"),
    ("http://0/", "odd_address"),
    ("http://127.0.0.1.1/", "odd_address"),
    ("http://127.0.0.256/", "odd_address"),
    ("http://example.0x/", "odd_address"),
    # --- names of private networks
    ("http://localhost/", "local_name"),
    ("http://LOCALHOST./", "local_name"),
    ("http://app.localhost/", "local_name"),
    ("http://redis/", "local_name"),
    ("http://printer.local/", "local_name"),
    ("http://metadata.google.internal/computeMetadata/v1/", "local_name"),
    ("http://router.home.arpa/", "local_name"),
    # --- numbers of no public machine
    ("http://127.0.0.1/", "address_loopback"),
    ("http://127.0.0.1./", "address_loopback"),
    ("http://127。0。0。1/", "address_loopback"),
    ("http://127.255.255.254/", "address_loopback"),
    ("http://127.0.0.1:{trap}/", "address_loopback"),
    ("http://[::1]/", "address_loopback"),
    ("http://[0:0:0:0:0:0:0:1]/", "address_loopback"),
    ("http://10.0.0.1/", "address_private"),
    ("http://172.31.255.255/", "address_private"),
    ("http://192.168.1.1/", "address_private"),
    ("http://100.100.100.200/", "address_private"),
    ("http://[fd00:ec2::254]/", "address_private"),
    ("http://169.254.169.254/latest/meta-data/", "address_link_local"),
    ("http://[fe80::1]/", "address_link_local"),
    ("http://224.0.0.1/", "address_multicast"),
    ("http://[ff02::1]/", "address_multicast"),
    ("http://0.0.0.0/", "address_reserved"),
    ("http://[::]/", "address_reserved"),
    ("http://255.255.255.255/", "address_reserved"),
    ("http://240.0.0.1/", "address_reserved"),
    ("http://198.18.0.1/", "address_reserved"),
    ("http://203.0.113.5/", "address_reserved"),
    ("http://168.63.129.16/", "address_reserved"),
    ("http://[2001:db8::1]/", "address_reserved"),
    ("http://[4000::1]/", "address_reserved"),
    ("http://[::ffff:127.0.0.1]/", "address_embedded"),
    ("http://[::ffff:7f00:1]/", "address_embedded"),
    ("http://[::127.0.0.1]/", "address_embedded"),
    ("http://[64:ff9b::7f00:1]/", "address_embedded"),
    ("http://[2002:7f00:1::]/", "address_embedded"),
    ("http://[2001:0:1:2:3:4:80ff:fffe]/", "address_embedded"),
    ("http://[2a00:1450::5efe:7f00:1]/", "address_embedded"),
    # --- names that lead there
    ("http://loopback.example/", "address_loopback"),
    ("http://loopback6.example/", "address_loopback"),
    ("http://inside.example/", "address_private"),
    ("http://metadata.example/", "address_link_local"),
    ("http://neighbour.example/", "address_link_local"),
    ("http://mapped.example/", "address_embedded"),
    ("http://nat64.example/", "address_embedded"),
    ("http://mixed.example/", "address_private"),
    ("http://mixed6.example/", "address_private"),
    ("http://nowhere.example/", "no_such_host"),
    ("http://unknown.example/", "no_such_host"),
    # --- redirects
    ("{site}/to?http://127.0.0.1:{trap}/", "address_loopback"),
    ("{site}/to?http://169.254.169.254/latest/", "address_link_local"),
    ("{site}/to?http://inside.example/", "address_private"),
    ("{site}/to?http://localhost/", "local_name"),
    ("{site}/to?http://2130706433/", "odd_address"),
    ("{site}/to?file:///etc/passwd", "scheme"),
    ("{site}/to?//10.0.0.1/", "address_private"),
    ("{site}/to?http://user@example.com/", "user_info"),
    ("{site}/to?http://site.example:22/", "port"),
    ("{site}/to?{site}/to?http://[::ffff:10.0.0.1]/", "address_embedded"),
    ("{site}/odd-location", "bad_address"),
    ("{site}/circle", "too_many_redirects"),
    ("{site}/deeper", "too_many_redirects"),
    # --- too much
    ("{site}/bomb", "bomb"),
    ("{site}/to?/bomb", "bomb"),
    ("{site}/bomb-inside-bomb", "encoding"),
    ("{site}/declares-too-much", "too_large"),
    ("{site}/endless", "too_large"),
    ("{site}/endless-without-length", "too_large"),
    ("{site}/huge-header", "headers_too_large"),
    ("{site}/endless-headers", "headers_too_large"),
    # --- too slow
    ("{site}/silent", "read_timeout"),
    ("{site}/silent-body", "read_timeout"),
    ("{site}/drips-headers", "too_slow"),
    ("{site}/drips-body", "too_slow"),
    ("{site}/endless-continues", "too_slow"),
    # --- nonsense
    ("{site}/garbage", "broken"),
    ("{site}/hangs-up", "broken"),
    ("{site}/breaks-off", "broken"),
    ("{site}/two-lengths", "broken"),
    ("{site}/bad-chunk", "broken"),
    ("{site}/half-gzip", "broken"),
    ("{site}/not-gzip", "encoding"),
    ("{site}/brotli", "encoding"),
    ("{site}/picture", "content_type"),
    ("{site}/no-type", "content_type"),
    ("http://127.0.0.1:{closed}/", "unreachable"),
]


@pytest.mark.parametrize(("url", "code"), REFUSED, ids=[url[:60] for url, _code in REFUSED])
def test_hostile_address_is_refused_with_its_reason(world: World, url: str, code: str) -> None:
    limits = SHORT.get(code, LIMITS)
    if code == "content_type":
        limits = replace(limits, content_types=("text/html",))
    with pytest.raises(Refused) as refused:
        outgoing.fetch(world.fill(url), limits=limits)
    assert refused.value.code == code
    assert world.trap.connections == 0


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    sentences = set()
    for code in {code for _url, code in REFUSED} | set(refusals.SENTENCES):
        for language in ("ru", "en"):
            with translation.override(language):
                sentences.add(outgoing.sentence(code))
    assert len(sentences) == 2 * len(refusals.SENTENCES)


# --- what is asked --------------------------------------------------------------------------------


def test_decent_page_is_read(world: World) -> None:
    answer = outgoing.fetch(f"{world.site.address}/page")
    assert (answer.status, answer.content) == (200, b"<p>Hello</p>")
    assert answer.content_type == "text/html"
    assert world.site.requests[-1][1]["user-agent"] == outgoing.USER_AGENT


def test_packed_page_is_unpacked(world: World) -> None:
    assert outgoing.fetch(f"{world.site.address}/packed").content == b"<p>Hello</p>"


def test_status_is_told_and_not_judged(world: World) -> None:
    assert outgoing.fetch(f"{world.site.address}/gone").status == 404


def test_name_is_resolved_once_and_kept_in_the_request(world: World) -> None:
    answer = outgoing.fetch(f"http://rebinding.example:{world.site.port}/page")
    assert answer.status == 200
    assert world.resolver.asked == ["rebinding.example"]
    assert world.site.requests[-1][1]["host"] == f"rebinding.example:{world.site.port}"


def test_name_that_changes_before_the_next_hop_is_checked_again(world: World) -> None:
    url = f"http://rebinding.example:{world.site.port}"
    with pytest.raises(Refused) as refused:
        outgoing.fetch(f"{url}/to?{url}/page")
    assert refused.value.code == "address_loopback"
    assert world.resolver.asked == ["rebinding.example"] * 2
    assert [path.partition("?")[0] for path, _headers in world.site.requests] == ["/to"]


def test_redirect_is_followed_and_the_place_is_told(world: World) -> None:
    answer = outgoing.fetch(f"{world.site.address}/to?/page")
    assert answer.url == f"{world.site.address}/page"


def test_secret_headers_stay_with_the_first_site(world: World) -> None:
    there = f"http://site.example:{world.site.port}/page"
    outgoing.fetch(f"{world.site.address}/to?{there}", headers={"X-Key": "secret"})
    assert [headers.get("x-key") for _path, headers in world.site.requests] == ["secret", None]


def test_secret_headers_go_along_within_the_site(world: World) -> None:
    outgoing.fetch(f"{world.site.address}/to?/page", headers={"X-Key": "secret"})
    assert [headers.get("x-key") for _path, headers in world.site.requests] == ["secret"] * 2


def test_what_was_posted_is_not_posted_elsewhere(world: World) -> None:
    with pytest.raises(Refused) as refused:
        outgoing.fetch(f"{world.site.address}/to?/page", method="POST", content=b"{}")
    assert refused.value.code == "redirect"
    assert len(world.site.requests) == 1


def test_proxies_of_the_environment_are_not_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, world.trap.address)
    assert outgoing.fetch(f"{world.site.address}/page").status == 200
    assert world.trap.connections == 0


def test_a_hanging_resolver_does_not_hold_up_the_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = world.site.closed
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait() and [])
    with pytest.raises(Refused) as refused:
        outgoing.fetch("http://site.example/", limits=SHORT["too_slow"])
    assert refused.value.code == "too_slow"


# --- TLS ------------------------------------------------------------------------------------------


def ask_over_tls(world: World, tls: Any, trusted: Path, monkeypatch: Any, settings: Any) -> Any:
    """Ask a site with this certificate by the name `site.example`, trusting one authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    transport.tls.cache_clear()
    try:
        with HostileSite(tls=tls) as site:
            settings.OUTGOING_ALLOWED = [f"127.0.0.1:{site.port}"]
            answer = outgoing.fetch(f"https://site.example:{site.port}/page")
            return answer, site
    finally:
        transport.tls.cache_clear()


def test_trusted_certificate_is_checked_by_name(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    trusted, tls = certificate(tmp_path, "site.example")
    answer, site = ask_over_tls(world, tls, trusted, monkeypatch, settings)
    assert answer.status == 200
    assert site.names == ["site.example"]


@pytest.mark.parametrize("fault", ["unknown", "other_name", "run_out"])
def test_certificate_that_is_not_good_is_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, fault: str
) -> None:
    name = "other.example" if fault == "other_name" else "site.example"
    own, tls = certificate(tmp_path, name, days=-1 if fault == "run_out" else 1)
    if fault == "unknown":
        own, _context = certificate(tmp_path, "authority.example")
    with pytest.raises(Refused) as refused:
        ask_over_tls(world, tls, own, monkeypatch, settings)
    assert refused.value.code == "tls"


# --- what may be asked all the same ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "url", "code"),
    [
        ("wiki.lan", "http://wiki.lan/", None),
        ("wiki.lan", "http://wiki.lan:8080/", "port"),
        ("wiki.lan:8080", "http://wiki.lan:8080/", None),
        ("wiki.lan:8080", "http://wiki.lan/", "address_private"),
        ("wiki.lan", "http://other.lan/", "local_name"),
        ("10.0.0.0/8", "http://10.9.9.9/", None),
        ("10.0.0.0/8", "http://11.0.0.1:8080/", "port"),
        ("10.0.0.0/8:8080", "http://10.9.9.9:8080/", None),
        ("10.0.0.0/8:8080", "http://10.9.9.9/", "address_private"),
        ("[fd00::1]:443", "https://[fd00::1]/", None),
        ("fd00::/8", "https://[fd12::1]/", None),
        ("localhost:11434", "http://localhost:11434/", None),
        # A name may lead into the own network, and not to where clouds keep their secrets.
        ("metadata.example", "http://metadata.example/", "address_link_local"),
        ("wiki.lan", "http://wiki.lan@10.0.0.1/", "user_info"),
    ],
)
def test_allowed_is_what_the_setting_names_and_no_more(
    settings: Any, allowed: str, url: str, code: str | None
) -> None:
    settings.OUTGOING_ALLOWED = [allowed]
    found = {"metadata.example": "169.254.169.254", "localhost": "127.0.0.1"}

    def ask() -> None:
        target = addresses.parse(url)
        host = addresses.host_of(target)
        if addresses.literal_of(host) is None:
            addresses.checked(host, addresses.port_of(target), [found.get(host, "10.0.0.5")])

    if code is None:
        ask()
        return
    with pytest.raises(Refused) as refused:
        ask()
    assert refused.value.code == code


@pytest.mark.parametrize("entry", ["http://wiki.lan", "10.0.0.1/8", "a b", "wiki.lan:0", "x:y:z"])
def test_setting_that_says_nothing_is_named(settings: Any, entry: str) -> None:
    settings.OUTGOING_ALLOWED = [entry]
    with pytest.raises(ImproperlyConfigured, match="OUTGOING_ALLOWED"):
        addresses.exemptions()


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_no_private_ipv4_address_passes_in_any_disguise(number: int) -> None:
    plain = IPv4Address(number)
    assert addresses.kind_of(plain) or plain.is_global
    for disguise in (f"::ffff:{plain}", f"64:ff9b::{plain}", f"::{plain}"):
        assert addresses.kind_of(IPv6Address(disguise)) is not None


@given(st.integers(min_value=0, max_value=2**128 - 1))
def test_every_ipv6_address_that_passes_is_global(number: int) -> None:
    address = IPv6Address(number)
    assert addresses.kind_of(address) or address.is_global


# --- other doors ----------------------------------------------------------------------------------


def test_the_async_door_refuses_alike(world: World) -> None:
    async def both() -> tuple[int, str]:
        answer = await outgoing.afetch(f"{world.site.address}/page")
        with pytest.raises(Refused) as refused:
            await outgoing.afetch("http://inside.example/")
        return answer.status, refused.value.code

    assert asyncio.run(both()) == (200, "address_private")


@pytest.mark.parametrize("path", ["/bomb", "/endless", "/brotli"])
def test_client_for_an_sdk_bounds_what_it_is_given(world: World, path: str) -> None:
    with outgoing.client(timeout=5, max_bytes=1_000_000) as client, pytest.raises(Refused):
        client.get(f"{world.site.address}{path}")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://inside.example/", "http://localhost/"])
def test_client_for_an_sdk_refuses_alike(world: World, url: str) -> None:
    with outgoing.client(timeout=5) as client, pytest.raises(Refused):
        client.get(url)


def test_client_for_an_sdk_follows_no_redirect(world: World) -> None:
    with outgoing.client(timeout=5) as client:
        answer = client.get(f"{world.site.address}/to?http://127.0.0.1:{world.trap.port}/")
    assert answer.status_code == 302
    assert world.trap.connections == 0


def _straight(url: str) -> bytes:
    """A body, read as models' words are."""

    async def read() -> bytes:
        inner = AiohttpTransport(client=streaming.session)
        guarded = streaming.Guarded(inner, 1_000_000)
        async with (
            httpx2.AsyncClient(transport=guarded, timeout=5) as client,
            client.stream("GET", url) as response,
        ):
            read = streaming.reader(response)
            assert read
            chunks = []
            while chunk := await read():
                chunks.append(chunk)
            return b"".join(chunks)

    return asyncio.run(read())


def test_what_is_read_straight_is_unpacked_and_bounded_alike(world: World) -> None:
    assert _straight(f"{world.site.address}/packed") == b"<p>Hello</p>"
    for path, code in (
        ("bomb", "bomb"),
        ("endless", "too_large"),
        ("half-gzip", "broken"),
        ("not-gzip", "encoding"),
    ):
        with pytest.raises(Refused) as refused:
            _straight(f"{world.site.address}/{path}")
        assert refused.value.code == code


def test_sdk_of_models_speaks_through_it(settings: Any) -> None:
    async def ask(base_url: str) -> str:
        async with outgoing.async_client(timeout=10) as client:
            sdk = AsyncOpenAI(api_key="any", base_url=base_url, http_client=client, max_retries=0)
            made = await sdk.chat.completions.create(
                model="fake-1-1000-3", messages=[{"role": "user", "content": "hi"}], stream=True
            )
            return "".join(
                [part.choices[0].delta.content or "" async for part in made if part.choices]
            )

    with OpenAIServer() as server:
        settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
        assert asyncio.run(ask(server.base_url))
        settings.OUTGOING_ALLOWED = []
        with pytest.raises(Refused):
            asyncio.run(ask(server.base_url))
        with outgoing.client(timeout=10) as client, pytest.raises(Refused):
            OpenAI(
                api_key="any", base_url=server.base_url, http_client=client, max_retries=0
            ).models.list()


def test_httpx_takes_our_network() -> None:
    """The pool under httpx's transport has no parameter; this fails when an upgrade moves it."""
    for made in (transport.Transport(1), transport.AsyncTransport(1)):
        assert isinstance(made._pool._network_backend, transport.Backend | transport.AsyncBackend)
    assert httpx2.HTTPTransport.handle_request is not transport.Transport.handle_request
