"""What a file is, by what is in it; its name decides only between kinds of plain text."""

from __future__ import annotations

import re
import zipfile
from pathlib import PurePath
from typing import BinaryIO, Literal

from knowledge.documents.blocks import Unreadable

Kind = Literal["pdf", "word", "html", "table", "text"]

HEAD = 4096
# A zip may unpack to more than any disk holds.
MAX_UNPACKED = 100 * 1024 * 1024
MAX_ENTRIES = 5000
# Text packs ten times smaller, drawings perhaps fifty; a thousand times is a bomb.
MAX_RATIO = 300
RATIO_MATTERS_FROM = 1024 * 1024

PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00")
ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
PROGRAMS = (b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")
# Letters with which a text may begin, too; what follows decides.
LETTERS = {b"BM": "picture", b"Rar!": "archive", b"BZh": "archive", b"MZ": "program"}
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SPREADSHEETS = ("xl/workbook.xml", "xl/workbook.bin")
_HTML = re.compile(rb"^\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_CONTROLS = bytes(set(range(32)) - {9, 10, 11, 12, 13, 27})


def check(file: BinaryIO, name: str, largest: int) -> Kind:
    """What the file is; raises Unreadable for one that needs no parser to be refused."""
    size = file.seek(0, 2)
    if size > largest:
        raise Unreadable("file_too_large")
    if not size:
        raise Unreadable("empty")
    file.seek(0)
    head = file.read(HEAD)
    try:
        return _kind(file, head, PurePath(name).suffix.lower())
    finally:
        file.seek(0)


def _kind(file: BinaryIO, head: bytes, suffix: str) -> Kind:
    for beginnings, code in ((PICTURES, "picture"), (ARCHIVES, "archive"), (PROGRAMS, "program")):
        if head.startswith(beginnings):
            raise Unreadable(code)
    for letters, code in LETTERS.items():
        if head.startswith(letters) and _is_binary(head):
            raise Unreadable(code)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        raise Unreadable("picture")
    if head.startswith(OLE):
        raise Unreadable("encrypted" if _holds(file, "EncryptedPackage") else "old_office")
    if head.startswith(b"{\\rtf"):
        raise Unreadable("rtf")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(file)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if _is_binary(head) and not _is_wide(head):
        raise Unreadable("unknown_type")
    if _HTML.match(_narrow(head)) or suffix in (".html", ".htm"):
        return "html"
    return "table" if suffix in (".csv", ".tsv") else "text"


def _packed(file: BinaryIO) -> Kind:
    """A zip: a Word file, or something else that is packed."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError) as error:
        raise Unreadable("corrupt") from error
    names = {entry.filename for entry in entries}
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("encrypted")
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unreadable("bomb")
    for entry in entries:
        if entry.file_size > max(RATIO_MATTERS_FROM, MAX_RATIO * entry.compress_size):
            raise Unreadable("bomb")
    if names & set(SPREADSHEETS):
        raise Unreadable("spreadsheet")
    if "word/document.xml" in names or "[Content_Types].xml" in names:
        if "word/document.xml" not in names:
            raise Unreadable("not_word")
        return "word"
    if "mimetype" in names and "content.xml" in names:
        raise Unreadable("open_document")
    raise Unreadable("archive")


def _is_binary(head: bytes) -> bool:
    """Whether more than a stray byte of it belongs to no text."""
    return len(head) - len(head.translate(None, _CONTROLS)) > len(head) // 50


def _is_wide(head: bytes) -> bool:
    """Whether it is text of two bytes a letter."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    for first in (0, 1):
        ranks = head[first::2]
        # The upper bytes of Latin and Cyrillic letters.
        if len(ranks) > 1 and sum(rank in (0, 4) for rank in ranks) > 0.9 * len(ranks):
            return ranks.strip(b"\0") != b"" or head[1 - first :: 2].strip(b"\0") != b""
    return False


def _narrow(head: bytes) -> bytes:
    """The beginning without marks and upper bytes, as far as tags are concerned."""
    return head.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").replace(b"\0", b"")


def _holds(file: BinaryIO, word: str) -> bool:
    """Whether the name is anywhere in an old container of Office."""
    needle, rest = word.encode("utf-16-le"), b""
    file.seek(0)
    while chunk := file.read(1024 * 1024):
        if needle in rest + chunk:
            return True
        rest = chunk[-len(needle) :]
    return False
