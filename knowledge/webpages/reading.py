"""Pages and sitemaps read by a child process; its silence or its death is a reason like others."""

from __future__ import annotations

import codecs
import json
import logging
import re
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from typing import Any

from knowledge.confined import START

log = logging.getLogger(__name__)

SECONDS = 30
_META = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.I)


class Unreadable(Exception):
    """It gives no text or no addresses; `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class PageText:
    """What a page says: its title, its own text as Markdown, and the address it calls its own."""

    title: str
    body: str
    canonical: str


@dataclass(frozen=True)
class SiteList:
    """What a sitemap names: pages, or (`is_index`) further sitemaps."""

    is_index: bool
    addresses: list[str]


def read_page(content: bytes, charset: str | None, *, is_plain: bool = False) -> PageText:
    """The text of a page; raises Unreadable."""
    text = unicodedata.normalize("NFKC", decoded(content, charset)).replace("\x00", "")
    if is_plain:
        title, body, canonical = "", text.strip(), ""
    else:
        said = _asked("page", text.encode("utf-8", "ignore"))
        title, body, canonical = said["title"], said["body"], said["canonical"]
    if not body:
        raise Unreadable("page_empty")
    return PageText(title, body, canonical)


def read_sitemap(content: bytes) -> SiteList:
    """The addresses of a sitemap; raises Unreadable."""
    said = _asked("sitemap", content)
    if not said["addresses"]:
        raise Unreadable("sitemap_empty")
    return SiteList(said["is_index"], said["addresses"])


def decoded(content: bytes, charset: str | None) -> str:
    """The characters: by the byte order mark, the header, the page's own word, or as they fit."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    own = _META.search(content[:4096])
    for encoding in (charset or "", own[1].decode("ascii") if own else "", "utf-8-sig", "cp1251"):
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("utf-8", "replace")


def _asked(kind: str, data: bytes) -> dict[str, Any]:
    try:
        child = subprocess.run(
            [sys.executable, "-m", "knowledge.webpages.child", kind],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            **START,
        )
    except subprocess.TimeoutExpired:
        raise Unreadable("too_heavy") from None
    if child.returncode != 0:
        log.info("the reader of a %s ended with %s", kind, child.returncode)
        raise Unreadable("too_heavy")
    said: dict[str, Any] = json.loads(child.stdout)
    if "error" in said:
        if "cause" in said:
            log.info("a page could not be parsed: %s", said["cause"])
        raise Unreadable(said["error"])
    return said
