"""PDF, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pypdf
from pypdf.errors import (
    FileNotDecryptedError,
    LimitReachedError,
    PdfReadError,
    WrongPasswordError,
)

from knowledge.documents.blocks import Block, Unreadable, packed

MAX_PAGES = 3000


def read_pdf(file: BinaryIO) -> Iterator[Block]:
    """The text of every page; a scan, a lock and a bomb have reasons of their own."""
    try:
        reader = pypdf.PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted")
        count = len(reader.pages)
        if count > MAX_PAGES:
            raise Unreadable("too_many_pages")
        yield from packed(_lines(reader, count))
    except (FileNotDecryptedError, WrongPasswordError) as error:
        raise Unreadable("encrypted") from error
    except LimitReachedError as error:
        raise Unreadable("bomb") from error
    except PdfReadError as error:
        raise Unreadable("corrupt") from error


def _lines(reader: pypdf.PdfReader, count: int) -> Iterator[tuple[str, float]]:
    has_words = has_pictures = False
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        has_words = has_words or bool(text.strip())
        has_pictures = has_pictures or (not has_words and _has_picture(page))
        share = number / count
        # A line of a page is no heading, whatever sign it begins with.
        yield from ((line.lstrip("#"), share) for line in text.splitlines())
        yield "", share
    if not has_words:
        raise Unreadable("scan" if has_pictures else "no_text")


def _has_picture(page: pypdf.PageObject) -> bool:
    resources: Any = page.get("/Resources")
    drawn: Any = resources.get_object().get("/XObject") if resources is not None else None
    if drawn is None:
        return False
    objects = (thing.get_object() for thing in drawn.get_object().values())
    return any(thing.get("/Subtype") == "/Image" for thing in objects)
