"""A page's own text as Markdown: what stands around it on every page of a site is left out.

Pages of a shop or a service are often short, and their questions fold open: so headings always
stay, and what is only folded away stays too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html

LONGEST_TITLE = 300
MAX_CHARACTERS = 400_000
# A part that is called a menu and holds more of the page's text than this is none.
MOST_OF_IT = 0.5
# A part of links alone, outside the main part, leads elsewhere.
LINKS = 0.7

DROPPED = {
    *("title", "meta", "link", "base", "script", "style", "noscript", "template", "svg", "math"),
    *("iframe", "object", "embed"),
    *("select", "textarea", "button", "canvas", "audio", "video", "nav", "footer", "aside"),
    *("dialog", "menu", "input", "datalist", "map", "frameset"),
}
WRAPPERS = {"html", "head", "body"}
ROLES = {
    *("navigation", "banner", "contentinfo", "search", "menu", "menubar", "dialog", "alertdialog"),
    *("complementary", "toolbar", "tablist"),
}
AROUND = {
    *("nav", "navbar", "navigation", "menu", "breadcrumb", "breadcrumbs", "crumbs", "footer"),
    *("sidebar", "cookie", "cookies", "consent", "gdpr", "popup", "modal", "share", "sharing"),
    *("social", "socials", "related", "newsletter", "subscribe", "pagination", "pager", "skip"),
    *("comments", "advert", "ads", "toolbar"),
}
INLINE = {
    *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "kbd"),
    *("label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u"),
    *("var", "wbr", "img", "ins", "del", "tt", "big", "strike", "picture", "source", "nobr"),
}
_HEADING = re.compile(r"h([1-6])")
_WORDS = re.compile(r"[\s_-]+|(?<=[a-z])(?=[A-Z])")
_LOOKS_LIKE_HEADING = re.compile(r"^(#{1,6}\s|```)")


def extract(text: str) -> tuple[str, str, str]:
    """Title, Markdown, and the address that the page calls its own (or nothing)."""
    # What was decoded already must not be decoded again by what the page says of itself.
    parser = html.HTMLParser(
        remove_comments=True, remove_pis=True, no_network=True, encoding="utf-8"
    )
    try:
        page = html.document_fromstring(text.encode(), parser=parser)
    except (etree.ParserError, ValueError):
        return "", "", ""
    title, canonical = _title(page), _canonical(page)
    # Not its body alone: where a page leaves that tag out, the parser takes `main` for the head's.
    _drop(page)
    lines = list(_Markdown().lines(_main(page)))
    markdown = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:MAX_CHARACTERS]
    # The title stands over every passage already.
    first, _end, rest = markdown.partition("\n")
    if first.removeprefix("# ") == title and first.startswith("# "):
        markdown = rest.strip()
    return title, markdown, canonical


def _title(page: html.HtmlElement) -> str:
    headings = [words for h1 in page.iterfind(".//h1") if (words := _words(h1))]
    shared = page.xpath("//meta[@property='og:title']/@content")
    named = [_words(title) for title in page.iterfind(".//head/title")]
    found = headings[:1] if len(headings) == 1 else []
    candidates = [*found, *(str(words) for words in shared), *named, *headings]
    return next((" ".join(words.split()) for words in candidates if words.strip()), "")[
        :LONGEST_TITLE
    ]


def _canonical(page: html.HtmlElement) -> str:
    found = page.xpath("//link[@rel='canonical']/@href")
    return str(found[0]).strip() if found else ""


def _drop(page: html.HtmlElement) -> None:
    """Take out what is around the text."""
    for part in list(page.iter(*DROPPED)):
        if part.getparent() is not None:
            part.drop_tree()
    length = max(1, len(_words(page)))
    for part in list(page.iter(etree.Element)):
        if part.tag in WRAPPERS or part.getparent() is None:
            continue
        has_role = part.get("role", "").lower() in ROLES
        if has_role or (_is_around(part) and len(_words(part)) < MOST_OF_IT * length):
            part.drop_tree()


def _is_around(part: html.HtmlElement) -> bool:
    if part.tag in INLINE or _HEADING.fullmatch(part.tag):
        return False
    names = f"{part.get('class', '')} {part.get('id', '')}"
    return any(word.lower() in AROUND for word in _WORDS.split(names))


def _main(page: html.HtmlElement) -> html.HtmlElement:
    """The part that calls itself the main one, or the page without its parts of links."""
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = [part for part in page.iterfind(path) if _words(part)]
        if len(found) == 1:
            return found[0]
    for part in list(page.iter("header", "ul", "ol", "div", "section", "table")):
        if part.getparent() is not None and _is_links(part):
            part.drop_tree()
    return page


def _is_links(part: html.HtmlElement) -> bool:
    links = [_words(link) for link in part.iter("a")]
    has_heading = any(_HEADING.fullmatch(str(inner.tag)) for inner in part.iter(etree.Element))
    return len(links) > 2 and not has_heading and sum(map(len, links)) > LINKS * len(_words(part))


def _words(part: html.HtmlElement) -> str:
    return " ".join("".join(part.itertext()).split())


class _Markdown:
    """Writes lines as it walks; the tree may be deeper than Python's stack."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._prefix = ""
        self._level = 1
        self._lists: list[int | None] = []
        self._cells: list[str] | None = None
        self._rows = 0
        self._in_code = False

    def lines(self, root: html.HtmlElement) -> Iterator[str]:
        """The Markdown of a part of the page."""
        for event, part in etree.iterwalk(root, events=("start", "end")):
            if event == "start":
                yield from self._open(str(part.tag))
                self._say(part.text)
            else:
                yield from self._close(str(part.tag))
                if part is not root:
                    self._say(part.tail)
        yield from self._flush()

    def _say(self, text: str | None) -> None:
        if text:
            self._words.append(text)

    def _open(self, tag: str) -> Iterator[str]:
        if tag in INLINE:
            return
        if tag == "br":
            self._words.append("\n" if self._in_code else " ")
            return
        if self._cells is not None:
            # A cell is one line, whatever stands in it.
            if tag in ("td", "th"):
                self._words = []
            else:
                self._words.append(" ")
            return
        yield from self._flush()
        heading = _HEADING.fullmatch(tag)
        if heading:
            self._level = int(heading[1])
            self._prefix = f"{'#' * self._level} "
        elif tag == "summary":
            self._prefix = f"{'#' * min(6, self._level + 1)} "
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._prefix = self._bullet()
        elif tag == "tr":
            self._cells = []
        elif tag == "table":
            self._rows = 0
            yield ""
        elif tag == "pre":
            self._in_code = True

    def _close(self, tag: str) -> Iterator[str]:
        if tag in INLINE or tag == "br":
            return
        if self._cells is not None:
            if tag in ("td", "th"):
                self._cells.append(" ".join("".join(self._words).split()).replace("|", "\\|"))
                self._words = []
            elif tag == "tr":
                yield from self._row(self._cells)
                self._cells, self._words = None, []
            return
        if tag == "pre":
            code = "".join(self._words).strip("\n")
            self._words, self._in_code = [], False
            yield from ("", "```", *code.replace("```", "").splitlines(), "```", "")
            return
        yield from self._flush()
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in ("table", "ul", "ol") and not self._lists:
            yield ""

    def _bullet(self) -> str:
        if not self._lists:
            return "- "
        indent = "  " * (len(self._lists) - 1)
        number = self._lists[-1]
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number + 1}. "

    def _row(self, cells: list[str]) -> Iterator[str]:
        if not any(cells):
            return
        self._rows += 1
        yield f"| {' | '.join(cells)} |"
        if self._rows == 1:
            yield f"|{'---|' * len(cells)}"

    def _flush(self) -> Iterator[str]:
        if self._in_code:
            return
        line = " ".join("".join(self._words).split())
        prefix, self._words = self._prefix, []
        if not line:
            return
        self._prefix = ""
        if not prefix:
            line = _LOOKS_LIKE_HEADING.sub(r"\\\1", line)
        yield f"{prefix}{line}"
        if not self._lists:
            yield ""
