"""DOCX: paragraphs, headings and tables in their order. Macros are never looked at."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree

from knowledge.documents.blocks import Block, Unreadable, packed

_HEADING = re.compile(r"(?:heading|заголовок) ([1-6])", re.I)
# XML of Office declares nothing of its own; entities are how it would be made a bomb or a spy.
_DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")
PROLOGUE = 4096


def read_word(file: BinaryIO) -> Iterator[Block]:
    """The text of a Word file."""
    _refuse_declarations(file)
    file.seek(0)
    try:
        document = docx.Document(file)
    except etree.XMLSyntaxError as error:
        # The library under the parser has an error of its own for memory that it is not given.
        is_heavy = error.code == etree.ErrorTypes.ERR_NO_MEMORY
        raise Unreadable("too_heavy" if is_heavy else "corrupt") from error
    except ValueError as error:
        # What python-docx says of macros, templates and everything else that is not a document.
        raise Unreadable("macros" if "macroEnabled" in str(error) else "not_word") from error
    return packed(_lines(document))


def _refuse_declarations(file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if not name.endswith((".xml", ".rels")):
                continue
            with archive.open(name) as part:
                # A declaration stands before the first element, in whatever letters.
                prologue = part.read(PROLOGUE).replace(b"\0", b"").upper()
            if any(word.encode() in prologue for word in _DECLARATIONS):
                raise Unreadable("xml_entities")


def _lines(document: docx.document.Document) -> Iterator[tuple[str, float]]:
    levels: dict[str, str] = {}
    for style in document.styles:
        if match := _HEADING.fullmatch(style.name or ""):
            levels[style.style_id] = "#" * int(match[1])
    body = document.element.body
    count = max(len(body), 1)
    for number, content in enumerate(document.iter_inner_content(), 1):
        share = min(number / count, 1.0)
        if isinstance(content, Paragraph):
            level = levels.get(content._p.style or "", "")
            words = " ".join(content.text.split()) if level else content.text
            for line in words.splitlines():
                yield f"{level} {line}".lstrip(), share
        else:
            yield from ((line, share) for line in _rows(content))
        yield "", share


def _rows(table: Table) -> Iterator[str]:
    for row in table.rows:
        # A merged cell is given once for every cell that it covers.
        cells = dict.fromkeys(cell._tc for cell in row.cells)
        texts = (" ".join("".join(tc.itertext()).split()) for tc in cells)
        yield " | ".join(text for text in texts if text)
