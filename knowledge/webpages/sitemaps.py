"""Addresses from a sitemap: XML, gzip, or a plain list; nothing outside of it is ever loaded."""

from __future__ import annotations

import io
import zlib

from lxml import etree

MAX_UNPACKED = 20 * 1024 * 1024
MAX_ADDRESSES = 50_000


class Wrong(Exception):
    """Not a sitemap that can be read; the message is the code."""


def addresses(data: bytes) -> tuple[bool, list[str]]:
    """Whether these are further sitemaps, and the addresses in order, each once."""
    data = _unpacked(data).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not data.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return False, _listed(data)
    if data[:100].lower().startswith((b"<!doctype html", b"<html")):
        raise Wrong("not_sitemap")
    try:
        return _parsed(data)
    except etree.XMLSyntaxError:
        raise Wrong("xml_broken") from None


def _parsed(data: bytes) -> tuple[bool, list[str]]:
    found: dict[str, None] = {}
    is_index: bool | None = None
    events = etree.iterparse(
        io.BytesIO(data),
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    for event, part in events:
        name = etree.QName(part).localname if isinstance(part.tag, str) else ""
        if is_index is None:
            if part.getroottree().docinfo.internalDTD is not None:
                raise Wrong("xml_entities")
            if name not in ("urlset", "sitemapindex"):
                raise Wrong("not_sitemap")
            is_index = name == "sitemapindex"
        elif event == "end":
            parent = part.getparent()
            if name == "loc" and parent is not None and parent.tag is not etree.Comment:
                owner = etree.QName(parent).localname
                if owner == ("sitemap" if is_index else "url") and part.text:
                    found[part.text.strip()] = None
            elif name in ("url", "sitemap"):
                part.clear()
                while part.getprevious() is not None:
                    del part.getparent()[0]
        if len(found) >= MAX_ADDRESSES:
            break
    return bool(is_index), list(found)


def _listed(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").splitlines()[:MAX_ADDRESSES]
    found = dict.fromkeys(line.strip() for line in lines if line.strip())
    if not all(line.startswith(("http://", "https://")) for line in found):
        raise Wrong("not_sitemap")
    return list(found)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, MAX_UNPACKED)
    except zlib.error:
        raise Wrong("sitemap_packed") from None
    if unpacker.unconsumed_tail:
        raise Wrong("bomb")
    if not unpacker.eof:
        raise Wrong("sitemap_packed")
    return plain
