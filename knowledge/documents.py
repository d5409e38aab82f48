"""Uploaded files made into text. What cannot be read is refused with a reason for the owner."""

from __future__ import annotations

import io
import logging
import unicodedata
import zipfile
from pathlib import PurePath
from typing import BinaryIO

import docx
import pypdf
from django.conf import settings

log = logging.getLogger(__name__)

MAX_PAGES = 500
MAX_CHARACTERS = 1_000_000
# A DOCX is a zip: a small file may unpack to gigabytes.
MAX_UNPACKED = 100 * 1024 * 1024


class Unreadable(Exception):
    """The file gives no text; `code` names the reason (see `knowledge.reasons`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(file: BinaryIO, name: str) -> str:
    """The text of a PDF, DOCX, TXT or MD file."""
    data = file.read(settings.DOCUMENT_MAX_BYTES + 1)
    if len(data) > settings.DOCUMENT_MAX_BYTES:
        raise Unreadable("file_too_large")
    suffix = PurePath(name).suffix.lower()
    try:
        text = {".pdf": _pdf, ".docx": _docx}.get(suffix, _plain)(data)
    except Unreadable:
        raise
    except Exception as error:
        # The parsers meet hostile and broken files and trip over them in a hundred ways (their own
        # errors, zlib's, lxml's, KeyError…); whichever it is, the file is at fault.
        log.info("a file could not be parsed: %s", type(error).__name__)
        raise Unreadable("corrupt") from error
    text = unicodedata.normalize("NFKC", text).replace("\x00", "").strip()
    if not text:
        raise Unreadable("no_text")
    if len(text) > MAX_CHARACTERS:
        raise Unreadable("text_too_long")
    return text


def _pdf(data: bytes) -> str:
    if not data.startswith(b"%PDF"):
        raise Unreadable("not_pdf")
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("encrypted")
    if len(reader.pages) > MAX_PAGES:
        raise Unreadable("too_many_pages")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def _docx(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
            raise Unreadable("file_too_large")
    document = docx.Document(io.BytesIO(data))
    lines = []
    for paragraph in document.paragraphs:
        style = (paragraph.style.name or "") if paragraph.style else ""
        level = style.removeprefix("Heading ") if style.startswith("Heading ") else ""
        lines.append(f"{'#' * int(level)} {paragraph.text}" if level.isdigit() else paragraph.text)
    for table in document.tables:
        lines += [" | ".join(cell.text.strip() for cell in row.cells) for row in table.rows]
    return "\n\n".join(lines)


def _plain(data: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("corrupt")
