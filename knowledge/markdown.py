"""Markdown of the model, operators and owners, made into HTML that is safe for visitors."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

import nh3
from django.conf import settings
from django.utils.html import escape, linebreaks
from markdown_it import MarkdownIt

from organizations.models import Organization, Widget

_parser = MarkdownIt("commonmark", {"html": False, "linkify": True}).enable(
    ["table", "strikethrough", "linkify"]
)
_parser.disable(["image", "html_block", "html_inline"])

_TAGS = {
    *("p", "br", "strong", "em", "s", "code", "pre", "blockquote", "hr"),
    *("ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}


def render(text: str, hosts: Collection[str] = ()) -> str:
    """HTML of Markdown: no raw HTML, no images, and links only to `hosts` (or their subdomains).

    A link elsewhere stays readable as text: its words are kept and its address is not followed.
    """

    def keep(tag: str, attribute: str, value: str) -> str | None:
        return value if _is_allowed(value, hosts) else None

    return nh3.clean(
        _parser.render(text),
        tags=_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        attribute_filter=lambda tag, name, value: (
            keep(tag, name, value) if name == "href" else value
        ),
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()


def hosts_of(widget: Widget) -> set[str]:
    """The hosts a rendered link may lead to: our own and the widget's sites."""
    hosts = {urlsplit(site).hostname or "" for site in widget.allowed_sites if site != "*"}
    hosts |= {host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"}
    hosts.add(urlsplit(settings.PUBLIC_URL).hostname or "")
    return hosts - {""}


def preview(text: str, organization: Organization) -> str:
    """The HTML that visitors of any of the organization's widgets may be shown."""
    widgets = Widget.objects.of(organization)
    return render(text, set().union(*(hosts_of(widget) for widget in widgets)))


def words(text: str) -> str:
    """The words of Markdown in one line, its blocks apart: for lists, where no more has room."""
    blocks = []
    for block in _parser.parse(text):
        if block.type == "inline":
            inside = block.children or []
            pieces = [" " if "break" in piece.type else piece.content for piece in inside]
            blocks.append("".join(pieces))
        elif block.type in ("fence", "code_block"):
            blocks.append(block.content)
    lines = (" ".join(block.split()) for block in blocks)
    return " · ".join(line for line in lines if line)


def plain(text: str) -> str:
    """HTML of a visitor's words: exactly what was typed, with its lines."""
    return linebreaks(escape(text))


def _is_allowed(address: str, hosts: Collection[str]) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme in ("mailto", "tel"):
        return True
    if parts.scheme not in ("http", "https", ""):
        return False
    if not host:
        # A path of this very site; `//host` and `\\host` are no paths.
        return address.startswith(("/", "#")) and not address.startswith(("//", "/\\"))
    return any(host == allowed or host.endswith(f".{allowed}") for allowed in hosts)
