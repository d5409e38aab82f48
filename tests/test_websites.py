"""Pages of sites as knowledge: read politely, indexed once, found while they are there."""

from __future__ import annotations

import gzip
import html
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import DjangoCaptureOnCommitCallbacks

from knowledge import indexing, retrieval, robots, site_reading, tasks, webpages, websites
from knowledge.models import Passage, WebPage, WebSource
from knowledge.webpages import Unreadable, extraction
from tests.conftest import House, client_of
from tests.hostile_site import HostileSite, Visit
from tests.processes import started
from tests.product import SECONDS, wait_until
from webassistant.boot import processes

PAGE = """<!doctype html><html lang="en"><head><title>{title} · Acme</title>
<script>var secret = 1</script></head><body>
<header class="site-header"><nav><a href="/">Home</a> <a href="/shop">Shop</a></nav></header>
<div class="cookie-banner">We use cookies.</div>
<main><h1>{title}</h1><p>{text}</p></main>
<footer>© Acme. All rights reserved.</footer></body></html>"""


class Site:
    """A decent site: pages by path that a test writes and takes away, with what a server adds."""

    def __init__(self, server: HostileSite) -> None:
        self.server = server
        self.address = server.address
        server.deeds["/robots.txt"] = lambda visit: visit.send(b"", "404 Not Found")

    def write(self, path: str, title: str, text: str = "", **headers: str) -> str:
        """A page; its address."""
        body = PAGE.format(title=title, text=text or f"All about {title}.").encode()
        self.serve(path, body, **headers)
        return f"{self.address}{path}"

    def serve(self, path: str, body: bytes, type: str = "text/html", **headers: str) -> None:
        """Anything, which is not sent again to who has it."""

        def deed(visit: Visit) -> None:
            etag = headers.get("ETag")
            if etag and visit.headers.get("if-none-match") == etag:
                visit.raw(b"HTTP/1.1 304 Not Modified\r\n\r\n")
            else:
                visit.send(body, type=type, **headers)

        self.server.deeds[path] = deed

    def sitemap(self, *paths: str, at: str = "/sitemap.xml", is_index: bool = False) -> str:
        """A sitemap of these; its address."""
        outer, inner = ("sitemapindex", "sitemap") if is_index else ("urlset", "url")
        entries = "".join(
            f"<{inner}><loc>{path if '://' in path else self.address + path}</loc></{inner}>"
            for path in paths
        )
        text = f'<?xml version="1.0"?><{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        data = f"{text}{entries}</{outer}>".encode()
        is_packed = at.endswith(".gz")
        data = gzip.compress(data) if is_packed else data
        self.serve(at, data, "application/gzip" if is_packed else "application/xml")
        return f"{self.address}{at}"

    def remove(self, path: str, status: str = "404 Not Found") -> None:
        """No page there any more."""
        self.server.deeds[path] = lambda visit: visit.send(b"", status)

    def asked(self, path: str) -> int:
        """How often."""
        return [asked for asked, _headers in self.server.requests].count(path)


@pytest.fixture
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    # A pause is for other people's sites.
    monkeypatch.setattr(robots, "PAUSE", 0.0)
    cache.clear()
    with HostileSite() as server:
        settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
        yield Site(server)


@pytest.fixture
def add(
    acme: House, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Callable[..., WebSource]:
    """Add a source as an owner does, and read it to the end."""

    def add(url: str, kind: str = "page", **fields: Any) -> WebSource:
        source = WebSource(organization=acme.organization, url=url, kind=kind, **fields)
        websites.save(source)
        return read(source)

    return add


def read(source: WebSource) -> WebSource:
    """Read a source step by step to the end, and index what changed."""
    source.refresh_from_db()
    if source.status != WebSource.Status.READING:
        websites.read(source)
        source.refresh_from_db()
    while site_reading.step(source.pk, str(source.run)) is not None:
        pass
    for page in WebPage.unscoped.filter(source=source, status="pending"):
        indexing.index("page", page.pk, page.content_hash)
    source.refresh_from_db()
    return source


def pages(source: WebSource) -> dict[str, WebPage]:
    """The pages of a source by path."""
    return {page.url.split("/", 3)[3]: page for page in source.pages.all()}


def found(house: House, question: str) -> list[str]:
    return [one.url for one in retrieval.search(house.organization, question).sources]


# --- what a page says -----------------------------------------------------------------------------

AROUND = ("Home", "cookies", "All rights reserved", "secret")


def text_of(markup: str) -> tuple[str, str]:
    title, body, _canonical = extraction.extract(markup)
    return title, body


def test_page_is_its_own_text_and_not_what_stands_around_it() -> None:
    title, body = text_of(PAGE.format(title="Delivery", text="Two days."))
    assert (title, body) == ("Delivery", "Two days.")


@pytest.mark.parametrize(
    "around",
    [
        '<nav><a href="/">Home</a></nav>',
        '<div class="main-menu"><a href="/">Home</a></div>',
        '<div id="siteFooter">All rights reserved</div>',
        '<div role="navigation"><a href="/">Home</a></div>',
        "<aside>All rights reserved</aside>",
        "<script>secret</script><style>secret</style><noscript>secret</noscript>",
        '<div class="gdpr-consent">We use cookies</div>',
        "<div><a>Home</a> <a>Shop</a> <a>Basket</a> <a>About</a></div>",
        "<!-- secret --><template>secret</template>",
        "<dialog>All rights reserved</dialog><button>Home</button>",
    ],
)
def test_what_stands_around_is_left_out_without_a_main_part(around: str) -> None:
    body = text_of(f"<body>{around}<h2>Prices</h2><p>A ticket is 10 euro.</p>{around}</body>")[1]
    assert body == "## Prices\n\nA ticket is 10 euro."


def test_headings_lists_tables_and_code_are_kept() -> None:
    body = text_of(
        "<main><h1>Trip</h1><h2>Days</h2><ol><li>One<ul><li>Walk</li></ul></li><li>Two</li></ol>"
        "<h3>Price</h3><table><tr><th>Who<th>How much<tr><td>Adult<td>10 | 12</table>"
        "<pre><code>a = 1\n  b = 2</code></pre><details><summary>And dogs?</summary>Yes.</details>"
        "</main>"
    )[1]
    assert body.splitlines() == [
        *("## Days", "", "1. One", "  - Walk", "2. Two", "", "### Price", ""),
        *("| Who | How much |", "|---|---|", "| Adult | 10 \\| 12 |", ""),
        *("```", "a = 1", "  b = 2", "```", "", "#### And dogs?", "", "Yes."),
    ]


def test_folded_answers_stay() -> None:
    markup = '<h2>Refund?</h2><div hidden style="display:none" aria-hidden="true">7 days.</div>'
    assert "7 days." in text_of(f"<main>{markup}</main>")[1]


def test_wrapper_that_is_called_a_menu_is_none_when_it_holds_the_page() -> None:
    body = text_of('<body><div class="has menu-open"><h2>A</h2><p>The text.</p></div></body>')[1]
    assert body == "## A\n\nThe text."


def test_text_that_looks_like_a_heading_is_none() -> None:
    assert text_of("<main><p># not a heading</p></main>")[1] == "\\# not a heading"


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        ("<main>Привет</main>".encode("cp1251"), "windows-1251"),
        (b'<meta charset="windows-1251"><main>' + "Привет".encode("cp1251"), None),
        ("<main>Привет</main>".encode("cp1251"), None),
        ("<main>Привет</main>".encode("koi8-r"), "KOI8-R"),
        ("<main>Привет</main>".encode("utf-16"), None),
        ("<main>Привет</main>".encode("utf-8-sig"), None),
        ("<main>Привет</main>".encode(), "no-such-charset"),
    ],
)
def test_page_is_read_in_its_own_encoding(content: bytes, charset: str | None) -> None:
    assert webpages.read_page(content, charset).body == "Привет"


HOSTILE_PAGES = {
    "nothing": (b"", "page_empty"),
    "scripts_alone": (b"<body><div id=app></div><script>run()</script></body>", "page_empty"),
    "a_menu_alone": (b"<nav><a href=/>Home</a></nav>", "page_empty"),
    "attributes": (
        b"<p " + b" ".join(b"a%d=1" % number for number in range(90_000)) + b">x</p>",
        "too_heavy",
    ),
    "too_deep": (b"<div>" * 100_000 + b"text", "page_empty"),
}


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_hostile_page_has_its_reason(name: str) -> None:
    content, code = HOSTILE_PAGES[name]
    with pytest.raises(Unreadable) as wrong:
        webpages.read_page(content, "utf-8")
    assert wrong.value.code == code


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;">]><urlset><url><loc>http://x.example/&c;</loc></url></urlset>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<urlset><url><loc>&f;</loc></url></urlset>"""
HOSTILE_SITEMAPS = {
    "laughs": (LAUGHS, "xml_entities"),
    "laughs_in_utf16": (LAUGHS.decode().encode("utf-16"), "xml_entities"),
    "outside_entity": (OUTSIDE, "xml_entities"),
    "outside_dtd": (
        b'<!DOCTYPE urlset SYSTEM "http://127.0.0.1/x.dtd"><urlset><url/></urlset>',
        "xml_entities",
    ),
    "page": (b"<!doctype html><html><body>Hello</body></html>", "not_sitemap"),
    "feed": (b"<rss><channel/></rss>", "not_sitemap"),
    "words": (b"Hello there", "not_sitemap"),
    "half": (b"<urlset><url><loc>http://x.example/</loc>", "xml_broken"),
    "empty": (b"<urlset></urlset>", "sitemap_empty"),
    "nothing": (b"", "sitemap_empty"),
    "bomb": (gzip.compress(b"<urlset>" + b" " * 50_000_000 + b"</urlset>"), "bomb"),
    "half_packed": (gzip.compress(b"<urlset></urlset>")[:-9], "sitemap_packed"),
    "not_packed": (b"\x1f\x8bnothing", "sitemap_packed"),
    "deep": (b"<urlset>" + b"<url>" * 5000, "xml_broken"),
}


@pytest.mark.parametrize("name", HOSTILE_SITEMAPS)
def test_hostile_sitemap_has_its_reason(name: str) -> None:
    content, code = HOSTILE_SITEMAPS[name]
    with pytest.raises(Unreadable) as wrong:
        webpages.read_sitemap(content)
    assert wrong.value.code == code


# --- one page -------------------------------------------------------------------------------------


def test_page_is_read_and_found_with_its_address(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    url = site.write("/delivery", "Delivery", "We deliver to Kazan within two days.")
    source = add(url)
    page = pages(source)["delivery"]
    assert (source.status, source.pages_found, source.pages_done) == ("read", 1, 1)
    assert (page.title, page.language, page.status) == ("Delivery", "en", "ready")
    assert found(acme, "How long is delivery to Kazan?") == [url]


def test_language_is_told_by_the_letters(site: Site, add: Callable[..., WebSource]) -> None:
    source = add(site.write("/ru", "Доставка", "Доставим за два дня."))
    assert pages(source)["ru"].language == "ru"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://localhost/", "ftp://example.com/", "http://a:b@example.com/"],
)
def test_address_that_leads_inside_is_not_even_kept(acme: House, url: str) -> None:
    with pytest.raises(ValidationError):
        websites.save(WebSource(organization=acme.organization, url=url))
    assert not WebSource.objects.of(acme.organization).exists()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/gone", "http_404"),
        ("/picture", "content_type"),
        ("/bomb", "bomb"),
        ("/declares-too-much", "too_large"),
        ("/garbage", "broken"),
        ("/circle", "too_many_redirects"),
        ("/to?http://10.0.0.1/", "address_private"),
        ("/huge-header", "headers_too_large"),
        ("/brotli", "encoding"),
    ],
)
def test_trouble_is_told_by_page(
    acme: House, site: Site, add: Callable[..., WebSource], path: str, code: str
) -> None:
    page = add(f"{site.address}{path}").pages.get()
    assert (page.fetch_error, page.status, page.body) == (code, "failed", "")
    assert websites.trouble(code) != websites.trouble("no such code")
    assert not Passage.objects.of(acme.organization).exists()


# --- again ----------------------------------------------------------------------------------------


def test_unchanged_page_is_neither_sent_nor_indexed_again(
    site: Site, add: Callable[..., WebSource]
) -> None:
    source = add(site.write("/a", "Prices", ETag='"1"'))
    before = pages(source)["a"]
    passages = list(Passage.unscoped.values_list("pk", flat=True))
    after = pages(read(source))["a"]
    assert site.server.requests[-1][1]["if-none-match"] == '"1"'
    assert list(Passage.unscoped.values_list("pk", flat=True)) == passages
    assert (after.body, after.indexed_at) == (before.body, before.indexed_at)
    assert before.fetched_at
    assert after.fetched_at
    assert after.fetched_at > before.fetched_at


def test_changed_page_is_found_by_its_new_words_alone(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    url = site.write("/a", "Prices", "A ticket is ten euro.", ETag='"1"')
    source = add(url)
    site.write("/a", "Prices", "A ticket is twelve euro.", ETag='"2"')
    read(source)
    texts = [one.text for one in retrieval.search(acme.organization, "ticket price").sources]
    assert texts == ["A ticket is twelve euro."]


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "403 Forbidden"])
def test_page_that_is_gone_is_not_found_any_more(
    acme: House, site: Site, add: Callable[..., WebSource], status: str
) -> None:
    source = add(site.write("/a", "Prices", "A ticket is ten euro."))
    assert found(acme, "ticket price")
    site.remove("/a", status)
    page = pages(read(source))["a"]
    assert (page.fetch_error, page.body) == (f"http_{status[:3]}", "")
    assert found(acme, "ticket price") == []


def test_page_that_comes_back_is_found_again(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    source = add(site.write("/a", "Prices", "A ticket is ten euro."))
    site.remove("/a")
    read(source)
    site.write("/a", "Prices", "A ticket is ten euro.")
    assert pages(read(source))["a"].fetch_error == ""
    assert found(acme, "ticket price")


@pytest.mark.parametrize("status", ["500 Oops", "503 Later", "429 Too Many"])
def test_trouble_that_passes_leaves_what_was_read(
    acme: House, site: Site, add: Callable[..., WebSource], status: str
) -> None:
    source = add(site.write("/a", "Prices", "A ticket is ten euro."))
    site.remove("/a", status)
    assert pages(read(source))["a"].fetch_error == f"http_{status[:3]}"
    assert found(acme, "ticket price")


def test_next_reading_is_set_and_due_ones_begin(site: Site, add: Callable[..., WebSource]) -> None:
    source = add(site.write("/a", "Prices"), every_hours=6)
    assert source.next_read_at
    assert 5.9 < (source.next_read_at - timezone.now()).total_seconds() / 3600 < 6.1
    assert tasks.read_sites() == 0
    WebSource.unscoped.filter(pk=source.pk).update(next_read_at=timezone.now())
    assert tasks.read_sites() == 1
    source.refresh_from_db()
    assert source.status == "reading"


def test_source_that_is_read_by_hand_only_is_never_due(
    site: Site, add: Callable[..., WebSource]
) -> None:
    assert add(site.write("/a", "Prices"), every_hours=None).next_read_at is None


def test_source_put_aside_takes_its_pages_along(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    source = add(site.write("/a", "Prices", "A ticket is ten euro."))
    source.is_active = False
    websites.save(source)
    assert found(acme, "ticket price") == []
    assert site.asked("/a") == 1


# --- sitemaps -------------------------------------------------------------------------------------


def test_pages_of_a_sitemap_are_read(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    for name in ("visa", "hotel", "refund"):
        site.write(f"/{name}", name.title(), f"The {name} desk is open daily.")
    source = add(site.sitemap("/visa", "/hotel", "/refund", "/missing"), kind="sitemap")
    assert (source.status, source.pages_found, source.pages_done) == ("read", 4, 4)
    assert pages(source)["missing"].fetch_error == "http_404"
    assert found(acme, "visa desk")[0].endswith("/visa")


def test_index_of_packed_sitemaps_is_followed(site: Site, add: Callable[..., WebSource]) -> None:
    for name in "abc":
        site.write(f"/{name}", name)
    site.sitemap("/a", "/b", at="/one.xml.gz")
    site.sitemap("/b", "/c", at="/two.xml")
    index = site.sitemap("/one.xml.gz", "/two.xml", at="/index.xml", is_index=True)
    assert set(pages(add(index, kind="sitemap"))) == {"a", "b", "c"}


def test_plain_list_of_addresses_is_a_sitemap(site: Site, add: Callable[..., WebSource]) -> None:
    url = site.write("/a", "A")
    site.serve("/list.txt", f"{url}\n{url}\n".encode(), "text/plain")
    assert set(pages(add(f"{site.address}/list.txt", kind="sitemap"))) == {"a"}


def test_page_that_left_the_sitemap_is_not_found_any_more(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    site.write("/a", "Prices", "A ticket is ten euro.")
    site.write("/b", "Hours")
    source = add(site.sitemap("/a", "/b"), kind="sitemap")
    site.sitemap("/b")
    assert set(pages(read(source))) == {"b"}
    assert found(acme, "ticket price") == []


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (lambda visit: visit.send(b"", "404 Not Found"), "http_404"),
        (lambda visit: visit.send(b"", "500 Oops"), "http_500"),
        (lambda visit: visit.send(b"<urlset/>", type="text/xml"), "sitemap_empty"),
        (lambda visit: visit.send(LAUGHS, type="text/xml"), "xml_entities"),
        (lambda visit: visit.send(b"<html/>", type="text/html"), "content_type"),
    ],
)
def test_broken_sitemap_loses_no_page(
    acme: House, site: Site, add: Callable[..., WebSource], deed: Any, code: str
) -> None:
    site.write("/a", "Prices", "A ticket is ten euro.")
    source = add(site.sitemap("/a"), kind="sitemap")
    site.server.deeds["/sitemap.xml"] = deed
    source = read(source)
    assert (source.status, source.error) == ("failed", code)
    assert found(acme, "ticket price")


def test_addresses_of_other_sites_are_not_asked(site: Site, add: Callable[..., WebSource]) -> None:
    site.write("/a", "A")
    others = ["http://169.254.169.254/latest/", "file:///etc/passwd", "http://other.example/", "::"]
    source = add(site.sitemap("/a", *others), kind="sitemap")
    assert set(pages(source)) == {"a"}


def test_sitemap_of_itself_ends(site: Site, add: Callable[..., WebSource]) -> None:
    index = site.sitemap("/index.xml", at="/index.xml", is_index=True)
    assert add(index, kind="sitemap").error == "sitemap_empty"
    assert site.asked("/index.xml") == 1


def test_too_many_sitemaps_are_refused(site: Site, add: Callable[..., WebSource]) -> None:
    many = [f"/map{number}.xml" for number in range(site_reading.MAX_SITEMAPS + 1)]
    index = site.sitemap(*many, at="/index.xml", is_index=True)
    assert add(index, kind="sitemap").error == "too_many_sitemaps"


def test_no_more_pages_than_allowed(site: Site, add: Callable[..., WebSource]) -> None:
    for name in "abc":
        site.write(f"/{name}", name)
    source = add(site.sitemap("/a", "/b", "/c"), kind="sitemap", max_pages=2)
    assert (source.status, source.error, set(pages(source))) == ("read", "more_pages", {"a", "b"})


def test_page_that_says_it_is_another_one_is_left_to_that_one(
    site: Site, add: Callable[..., WebSource]
) -> None:
    site.write("/a", "Prices")
    link = f'<link rel="canonical" href="{site.address}/a"><main>The same.</main>'
    site.serve("/b", link.encode())
    source = add(site.sitemap("/a", "/b"), kind="sitemap")
    assert {path: page.fetch_error for path, page in pages(source).items()} == {
        "a": "",
        "b": "duplicate",
    }


# --- what the site asks of machines ---------------------------------------------------------------


def test_robots_are_asked_once_and_heeded(site: Site, add: Callable[..., WebSource]) -> None:
    site.serve("/robots.txt", b"User-agent: *\nDisallow: /private*\nAllow: /", "text/plain")
    site.write("/a", "A")
    site.write("/private/b", "B")
    source = add(site.sitemap("/a", "/private/b"), kind="sitemap")
    assert pages(source)["private/b"].fetch_error == "robots"
    assert pages(source)["a"].fetch_error == ""
    assert (site.asked("/robots.txt"), site.asked("/private/b")) == (1, 0)


def test_robots_speak_to_us_by_name(site: Site, add: Callable[..., WebSource]) -> None:
    text = b"User-agent: WebAssistant\nDisallow: /\n\nUser-agent: *\nAllow: /"
    site.serve("/robots.txt", text, "text/plain")
    assert pages(add(site.write("/a", "A")))["a"].fetch_error == "robots"


def test_site_that_cannot_say_what_is_allowed_is_left_alone(
    site: Site, add: Callable[..., WebSource]
) -> None:
    site.remove("/robots.txt", "503 Later")
    assert pages(add(site.write("/a", "A")))["a"].fetch_error == "robots_unknown"
    assert site.asked("/a") == 0


@pytest.mark.parametrize(("delay", "pause"), [("3", 3.0), ("9999", robots.LONGEST_PAUSE)])
def test_wanted_pause_is_left_within_reason(delay: str, pause: float) -> None:
    assert robots.Robots(f"User-agent: *\nCrawl-delay: {delay}").pause == pause


def test_pause_is_left_between_two_pages(site: Site, add: Callable[..., WebSource]) -> None:
    site.serve("/robots.txt", b"User-agent: *\nCrawl-delay: 20", "text/plain")
    url = site.write("/a", "A")
    source = add(url)
    # The list was made; the page is for a later step, and nobody may take it sooner.
    assert (source.status, site.asked("/a")) == ("reading", 0)
    assert source.lease_until
    assert 15 < (source.lease_until - timezone.now()).total_seconds() <= 20


# --- who reads ------------------------------------------------------------------------------------


def test_two_workers_do_not_take_the_same_step(
    acme: House, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = websites.save(WebSource(organization=acme.organization, url=site.write("/a", "A")))
    run = str(source.run)
    assert websites.claim(source.pk, run, site_reading.LEASE)
    assert site_reading.step(source.pk, run) is None
    assert site.asked("/a") == 0


def test_older_reading_changes_nothing(acme: House, site: Site) -> None:
    source = websites.save(WebSource(organization=acme.organization, url=site.write("/a", "A")))
    old = str(source.run)
    source.max_pages = 7
    websites.save(source)
    assert site_reading.step(source.pk, old) is None
    assert not source.pages.exists()


def test_reading_that_was_cut_off_goes_on_where_it_was(
    acme: House, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        site.write(f"/{name}", name)
    source = websites.save(
        WebSource(
            organization=acme.organization, url=site.sitemap("/a", "/b", "/c"), kind="sitemap"
        )
    )
    run = str(source.run)
    site_reading.step(source.pk, run)
    site_reading.step(source.pk, run)
    # The worker dies in the middle of the second page: it has claimed it, and that is all.
    assert websites.claim(source.pk, run, site_reading.LEASE)
    assert tasks.read_sites() == 0
    WebSource.unscoped.filter(pk=source.pk).update(lease_until=F("updated_at") - site_reading.LEASE)
    assert tasks.read_sites() == 1
    assert (read(source).pages_done, source.status) == (3, "read")
    assert [site.asked(path) for path in ("/a", "/b", "/c", "/sitemap.xml")] == [1, 1, 1, 1]


def test_page_that_ends_its_reader_each_time_is_given_up(
    acme: House, site: Site, add: Callable[..., WebSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    url = site.write("/a", "A")
    source = websites.save(WebSource(organization=acme.organization, url=url))
    run = str(source.run)
    site_reading.step(source.pk, run)
    with monkeypatch.context() as patched:
        patched.setattr(webpages, "read_page", killed)
        for _attempt in range(2):
            with pytest.raises(Killed):
                site_reading.step(source.pk, run)
            WebSource.unscoped.filter(pk=source.pk).update(lease_until=None)
    source = read(source)
    assert (source.status, pages(source)["a"].fetch_error) == ("read", "never_ends")


def test_every_reason_reads_well_in_both_languages() -> None:
    for code in [*websites.REASONS, "http_418"]:
        with translation.override("ru"):
            russian = websites.trouble(code)
        with translation.override("en"):
            assert websites.trouble(code) != russian, code


# --- in the admin ---------------------------------------------------------------------------------

FORM = {"kind": "page", "priority": "5", "is_active": "on", "every_hours": "24", "max_pages": "50"}
ADD = "admin:knowledge_websource_add"


def test_owner_adds_a_source_and_sees_its_pages(acme: House, site: Site) -> None:
    owner = client_of(acme.owner)
    url = site.write("/a", "Prices", "A ticket is ten euro.")
    assert owner.post(reverse(ADD), {**FORM, "url": url}).status_code == 302
    source = WebSource.objects.of(acme.organization).get()
    change = reverse("admin:knowledge_websource_change", args=[source.pk])
    assert b"data-progress" in owner.get(change).content
    read(source)
    shown = owner.get(change).content
    assert b"data-progress" not in shown
    assert b"1 page to answer from" in shown
    listed = owner.get(reverse("admin:knowledge_webpage_changelist")).content.decode()
    assert "Prices" in listed
    assert f'href="{url}"' in listed
    page = reverse("admin:knowledge_webpage_change", args=[source.pages.get().pk])
    assert b"A ticket is ten euro." in owner.get(page).content


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://10.0.0.1/", b"private network"),
        ("http://me:secret@example.com/", b"user name or a password"),
        ("https://example.com:8443/", b"ports 80 and 443"),
        ("ftp://example.com/", b"http://"),
    ],
)
def test_owner_reads_why_an_address_is_refused(acme: House, url: str, said: bytes) -> None:
    answer = client_of(acme.owner).post(reverse(ADD), {**FORM, "url": url})
    assert answer.status_code == 200
    assert said in answer.content
    assert not WebSource.objects.of(acme.organization).exists()


def test_progress_moves_and_then_ends(acme: House, site: Site) -> None:
    for name in "ab":
        site.write(f"/{name}", name)
    url = site.sitemap("/a", "/b")
    source = websites.save(WebSource(organization=acme.organization, url=url, kind="sitemap"))
    owner = client_of(acme.owner)
    progress = reverse("admin:knowledge_websource_progress", args=[source.pk])
    said = []
    while True:
        said.append(" ".join(owner.get(progress).content.decode().split()))
        if site_reading.step(source.pk, str(source.run)) is None:
            break
    assert "Looking for pages" in said[0]
    assert ["0 of 2" in said[1], "1 of 2" in said[2], "2 of 2" in said[3]] == [True] * 3
    assert "data-progress" not in owner.get(progress).content.decode()


def test_pages_in_trouble_are_one_click_away(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    site.write("/a", "Prices")
    add(site.sitemap("/a", "/missing"), kind="sitemap")
    owner = client_of(acme.owner)
    listed = owner.get(reverse("admin:knowledge_websource_changelist")).content.decode()
    link = re.search(r'href="([^"]+)">1 page in trouble', listed)
    assert link
    shown = owner.get(html.unescape(link[1])).content.decode()
    assert "There is no such page" in shown
    assert ">Prices<" not in shown


def test_read_now_asks_first_and_then_reads(
    acme: House, site: Site, add: Callable[..., WebSource]
) -> None:
    source = add(site.write("/a", "A"))
    owner = client_of(acme.owner)
    address = reverse("admin:knowledge_websource_read_now", args=[source.pk])
    assert owner.get(address).status_code == 200
    source.refresh_from_db()
    assert source.status == "read"
    assert owner.post(address).status_code == 302
    source.refresh_from_db()
    assert source.status == "reading"


def test_operator_looks_and_changes_nothing(acme: House) -> None:
    source = WebSource.unscoped.create(organization=acme.organization, url="https://a.example/")
    operator = client_of(acme.operator)
    assert operator.get(reverse("admin:knowledge_websource_changelist")).status_code == 200
    assert operator.get(reverse(ADD)).status_code == 403
    address = reverse("admin:knowledge_websource_read_now", args=[source.pk])
    assert operator.post(address).status_code in {302, 403}
    source.refresh_from_db()
    assert source.status == "waiting"


# --- a real worker --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_worker_that_is_killed_in_the_middle_reads_and_indexes_every_page_once(
    acme: House, tmp_path: Path
) -> None:
    _reply, worker, _dispatcher = processes.workers(tmp_path)
    gate, reached = threading.Event(), threading.Event()
    with HostileSite() as server:
        site = Site(server)
        names = [f"/page{number}" for number in range(6)]
        for name in names:
            site.write(name, name, f"The desk of {name} is open.")
        decent = server.deeds[names[3]]

        def holds(visit: Visit) -> None:
            reached.set()
            gate.wait(SECONDS)
            decent(visit)

        server.deeds[names[3]] = holds
        allowed = {"OUTGOING_ALLOWED": f"127.0.0.1:{server.port}"}
        with override_settings(OUTGOING_ALLOWED=[f"127.0.0.1:{server.port}"]):
            with started("indexing", worker.arguments, tmp_path, **allowed) as first:
                source = websites.save(
                    WebSource(
                        organization=acme.organization, url=site.sitemap(*names), kind="sitemap"
                    )
                )
                assert reached.wait(SECONDS)
                os.killpg(first.process.pid, signal.SIGKILL)
            source.refresh_from_db()
            assert (source.status, source.pages_done) == ("reading", 3)
            passages = set(Passage.unscoped.values_list("pk", flat=True))
            gate.set()
            # The lease of the dead runs out, and the clock looks for what was lost.
            WebSource.unscoped.filter(pk=source.pk).update(lease_until=Now() - timedelta(hours=1))
            with started("indexing", worker.arguments, tmp_path, **allowed):
                assert tasks.read_sites() == 1
                tasks.index_pending()
                pages = WebPage.unscoped.filter(source=source)
                wait_until(lambda: pages.filter(status="ready").count() == 6, "all is indexed")
                wait_until(
                    lambda: WebSource.unscoped.filter(pk=source.pk, status="read").exists(),
                    "the reading ends",
                )
    assert [site.asked(name) for name in names] == [1, 1, 1, 2, 1, 1]
    found = Passage.unscoped.filter(page__source=source)
    assert found.count() == found.values("page").distinct().count() == 6
    assert passages <= set(found.values_list("pk", flat=True))
