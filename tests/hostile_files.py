"""Files that mean harm, are broken, or are not what they are called; and what becomes of each."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests import files

MB = 1024 * 1024
WORDS = "Tickets are refunded within seven days"


@dataclass(frozen=True)
class Hostile:
    """A file, and the reason for which it is refused; or the words that are read, and not read."""

    what: str
    name: str
    make: Callable[[], bytes]
    code: str = ""
    says: str = ""
    never: str = "seven-secret-words"


# --- packed files ---------------------------------------------------------------------------------


def zipped(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def word_with(**replaced: bytes) -> bytes:
    """A good Word file with some of its parts replaced or added (`__` is `/`, `_dot_` is `.`)."""
    with zipfile.ZipFile(io.BytesIO(files.word(WORDS))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, data in replaced.items():
        parts[name.replace("__", "/").replace("_dot_", ".")] = data
    return zipped(parts)


def document_xml(body: str, prologue: str = "") -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    xml = f'<?xml version="1.0"?>{prologue}<w:document xmlns:w="{space}"><w:body>{body}'
    return f"{xml}</w:body></w:document>".encode()


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def billion_laughs() -> bytes:
    entities = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    return document_xml(paragraph("&j;"), f"<!DOCTYPE w [{entities}]>")


def spying_entity() -> bytes:
    return document_xml(paragraph("&x;"), '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>')


def calling_entity() -> bytes:
    return document_xml(
        paragraph("&x;"), '<!DOCTYPE w SYSTEM "http://127.0.0.1:9/x.dtd"><!-- no -->'
    )


def macro_word() -> bytes:
    with zipfile.ZipFile(io.BytesIO(files.word(WORDS))) as archive:
        types = archive.read("[Content_Types].xml")
    types = types.replace(
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    return word_with(**{"[Content_Types].xml": types, "word/vbaProject.bin": b"\xd0\xcf macro"})


def locked_zip() -> bytes:
    data = bytearray(files.word(WORDS))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(sign)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(sign, place + 4)
    return bytes(data)


def lying_zip() -> bytes:
    """A part that unpacks to 64 MB and says that it is small."""
    data = bytearray(word_with(**{"word/document.xml": b" " * (64 * MB)}))
    for sign, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.find(sign)
        while place >= 0:
            if data[place + offset : place + offset + 4] == (64 * MB).to_bytes(4, "little"):
                data[place + offset : place + offset + 4] = (1000).to_bytes(4, "little")
            place = data.find(sign, place + 4)
    return bytes(data)


def nested_zip() -> bytes:
    inner = b"\0" * (10 * MB)
    for _level in range(5):
        inner = zipped({f"{n}.zip": inner for n in range(3)})
    return inner


def deep_word(depth: int) -> bytes:
    inside = f"{'<w:sdt><w:sdtContent>' * depth}{paragraph(WORDS)}"
    return word_with(
        **{"word/document.xml": document_xml(f"{inside}{'</w:sdtContent></w:sdt>' * depth}")}
    )


def large_word() -> bytes:
    """Honest, but of more paragraphs than our memory has room for."""
    text = "".join(paragraph(f"{WORDS} {number}") for number in range(600_000))
    return word_with(**{"word/document.xml": document_xml(text)})


# --- PDF ------------------------------------------------------------------------------------------

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def page(contents: int = 4, box: bytes = b"0 0 612 792", more: bytes = b"") -> bytes:
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents %d 0 R "
        b"/Resources << /Font << /F1 5 0 R >> %s >> >>" % (box, contents, more)
    )


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(data), more, data)


def drawn(text: str = WORDS) -> bytes:
    return f"BT /F1 18 Tf 72 720 Td ({text}) Tj ET".encode()


def deflated(data: bytes, times: int = 1) -> bytes:
    for _round in range(times):
        data = zlib.compress(data, 9)
    filters = b" ".join([b"/FlateDecode"] * times)
    return stream(data, b"/Filter [%s] " % filters)


def pdf_bomb(times: int = 1) -> bytes:
    return files.pdf_of([CATALOGUE, PAGES, page(), deflated(b"0 0 m " * (40 * MB), times), FONT])


def scan() -> bytes:
    picture = stream(
        b"\0" * 100,
        b"/Type /XObject /Subtype /Image /Width 10 /Height 10 "
        b"/ColorSpace /DeviceGray /BitsPerComponent 8 ",
    )
    drawing = stream(b"q 612 0 0 792 0 0 cm /I1 Do Q")
    shown = page(more=b"/XObject << /I1 6 0 R >>")
    return files.pdf_of([CATALOGUE, PAGES, shown, drawing, FONT, picture])


def huge_picture() -> bytes:
    picture = stream(
        b"\0",
        b"/Type /XObject /Subtype /Image /Width 1000000 /Height 1000000 "
        b"/ColorSpace /DeviceRGB /BitsPerComponent 16 ",
    )
    shown = page(more=b"/XObject << /I1 6 0 R >>")
    return files.pdf_of([CATALOGUE, PAGES, shown, stream(b"/I1 Do"), FONT, picture])


def tree_loop() -> bytes:
    return files.pdf_of(
        [
            CATALOGUE,
            b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>",
            b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 9 >>",
        ]
    )


def many_pages(count: int) -> bytes:
    kids = b"3 0 R " * count
    pages = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)
    return files.pdf_of([CATALOGUE, pages, page(), stream(drawn()), FONT])


def deep_tree(depth: int) -> bytes:
    objects = [CATALOGUE]
    objects += [
        b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 3) for number in range(depth)
    ]
    objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>")
    return files.pdf_of(objects)


def form_loop() -> bytes:
    form = stream(
        b"/X1 Do",
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X1 6 0 R >> >> ",
    )
    shown = page(more=b"/XObject << /X1 6 0 R >>")
    return files.pdf_of([CATALOGUE, PAGES, shown, stream(b"/X1 Do"), FONT, form])


def with_script() -> bytes:
    catalogue = (
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript "
        b"/JS (app.alert\\('seven-secret-words'\\)) >> >>"
    )
    return files.pdf_of([catalogue, PAGES, page(), stream(drawn()), FONT])


def pdf_with(drawing: bytes) -> bytes:
    return files.pdf_of([CATALOGUE, PAGES, page(), stream(drawing), FONT])


# --- pages and tables -----------------------------------------------------------------------------


def evil_page() -> bytes:
    return (
        f"<html><head><script>seven-secret-words</script></head><body onload='x()'>"
        f"<style>seven-secret-words</style><p>{WORDS}</p><p hidden>seven-secret-words</p>"
        f"<div style='display: none'>seven-secret-words<div>seven-secret-words</div></div>"
        f"<img src=x onerror='seven-secret-words()'><!-- seven-secret-words -->"
        f"<svg><text>seven-secret-words</text></svg></body></html>"
    ).encode()


def deep_page() -> bytes:
    return b"<html><body>" + b"<div>" * 200_000 + WORDS.encode()


def endless_tag() -> bytes:
    return b"<html><body><p>" + WORDS.encode() + b"</p><a " + b'x="' * 500_000


def long_table() -> bytes:
    return b"question,answer\n" + b"Is it so?,Yes it is\n" * 1_000_000


HOSTILE = [
    # What it is called says nothing.
    Hostile("a Word file called PDF", "a.pdf", lambda: files.word(WORDS), says=WORDS),
    Hostile("a PDF called DOCX", "a.docx", lambda: files.pdf(WORDS), says=WORDS),
    Hostile("a PDF called TXT", "a.txt", lambda: files.pdf(WORDS), says=WORDS),
    Hostile("text called PDF", "a.pdf", lambda: WORDS.encode(), says=WORDS),
    Hostile("a page called TXT", "a.txt", evil_page, says=WORDS),
    Hostile("no name to speak of", "x", lambda: files.pdf(WORDS), says=WORDS),
    Hostile("a name that climbs", "../../../etc/a.txt", lambda: WORDS.encode(), says=WORDS),
    Hostile("a name that climbs, Windows", "..\\..\\a.txt", lambda: WORDS.encode(), says=WORDS),
    Hostile("a name of 300 letters", f"{'ы' * 300}.txt", lambda: WORDS.encode(), says=WORDS),
    Hostile("two endings", "a.pdf.exe", lambda: b"MZ\x90\x00\x03\0\0\0\x04\0", "program"),
    # Nothing in it, or nothing for us.
    Hostile("an empty file", "a.pdf", lambda: b"", "empty"),
    Hostile("blanks", "a.txt", lambda: b"  \n\t\r\n ", "no_text"),
    Hostile("a mark and nothing more", "a.txt", lambda: b"\xef\xbb\xbf", "no_text"),
    Hostile("NULs", "a.txt", lambda: b"\0" * 100_000, "unknown_type"),
    Hostile("noise", "a.md", lambda: bytes(range(256)) * 100, "unknown_type"),
    Hostile("PNG", "a.pdf", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0", "picture"),
    Hostile("JPEG", "a.txt", lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1", "picture"),
    Hostile(
        "SVG with a script",
        "a.html",
        lambda: b"<svg><script>seven-secret-words</script></svg>",
        "no_text",
    ),
    Hostile(
        "an old Word file",
        "a.doc",
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "old_office",
    ),
    Hostile(
        "a locked Word file",
        "a.docx",
        lambda: (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + b"\0" * 2 * MB
            + "EncryptedPackage".encode("utf-16-le")
        ),
        "encrypted",
    ),
    Hostile("RTF", "a.docx", lambda: b"{\\rtf1 words}", "rtf"),
    Hostile(
        "a spreadsheet",
        "a.docx",
        lambda: zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}),
        "spreadsheet",
    ),
    Hostile(
        "OpenDocument",
        "a.docx",
        lambda: zipped({"mimetype": b"application/x", "content.xml": b"<x/>"}),
        "open_document",
    ),
    Hostile("an archive", "a.docx", lambda: zipped({"a.txt": b"words"}), "archive"),
    Hostile("a gzip", "a.pdf", lambda: zlib.compress(b"words", wbits=31) + b"\0" * 20, "archive"),
    Hostile("a Linux program", "a.txt", lambda: b"\x7fELF\2\1\1\0\0\0\0\0", "program"),
    Hostile("a shell script", "a.txt", lambda: b"#!/bin/sh\nrm -rf /\n", says="rm -rf"),
    # Packed.
    Hostile(
        "a zip bomb",
        "a.docx",
        lambda: word_with(**{"word/media/x.bin": b"\0" * (101 * MB)}),
        "bomb",
    ),
    Hostile(
        "a small zip bomb",
        "a.docx",
        lambda: word_with(**{"word/media/x.bin": b"\0" * (50 * MB)}),
        "bomb",
    ),
    Hostile("a zip in a zip in a zip", "a.docx", nested_zip, "archive"),
    Hostile("a zip that lies about sizes", "a.docx", lying_zip, "corrupt"),
    Hostile(
        "10,000 parts",
        "a.docx",
        lambda: word_with(**{f"x/{n}.xml": b"" for n in range(10_000)}),
        "bomb",
    ),
    Hostile(
        "parts that climb",
        "a.docx",
        lambda: word_with(**{"../../../../tmp/evil.xml": b"<x/>"}),
        says=WORDS,
    ),
    Hostile("a locked zip", "a.docx", locked_zip, "encrypted"),
    Hostile("half a Word file", "a.docx", lambda: files.word(WORDS)[:5000], "corrupt"),
    Hostile(
        "a Word file without its text",
        "a.docx",
        lambda: zipped({"[Content_Types].xml": b"<x/>"}),
        "not_word",
    ),
    Hostile(
        "a Word file of rubbish",
        "a.docx",
        lambda: word_with(**{"word/document.xml": b"<<<"}),
        "corrupt",
    ),
    # XML.
    Hostile(
        "a billion laughs",
        "a.docx",
        lambda: word_with(**{"word/document.xml": billion_laughs()}),
        "xml_entities",
    ),
    Hostile(
        "an entity that reads files",
        "a.docx",
        lambda: word_with(**{"word/document.xml": spying_entity()}),
        "xml_entities",
    ),
    Hostile(
        "a DTD from elsewhere",
        "a.docx",
        lambda: word_with(**{"word/document.xml": calling_entity()}),
        "xml_entities",
    ),
    Hostile(
        "entities among the styles",
        "a.docx",
        lambda: word_with(**{"word/styles.xml": billion_laughs()}),
        "xml_entities",
    ),
    Hostile(
        "entities in two bytes a letter",
        "a.docx",
        lambda: word_with(
            **{
                "word/document.xml": billion_laughs()
                .decode()
                .replace('version="1.0"', 'version="1.0" encoding="UTF-16"')
                .encode("utf-16")
            }
        ),
        "xml_entities",
    ),
    Hostile("a Word file with macros", "a.docm", macro_word, "macros"),
    Hostile(
        "macros under a good name",
        "a.docx",
        lambda: word_with(**{"word/vbaProject.bin": b"\xd0\xcf macro"}),
        says=WORDS,
    ),
    Hostile("parts 100,000 deep", "a.docx", lambda: deep_word(100_000), "bomb"),
    Hostile("parts 1,000 deep", "a.docx", lambda: deep_word(1000), "corrupt"),
    Hostile("600,000 paragraphs", "a.docx", large_word, "too_heavy"),
    # PDF.
    Hostile("a locked PDF", "a.pdf", lambda: files.empty_pdf("secret"), "encrypted"),
    Hostile("a scan", "a.pdf", scan, "scan"),
    Hostile("a picture of a million by a million", "a.pdf", huge_picture, "scan"),
    Hostile("empty pages", "a.pdf", files.empty_pdf, "no_text"),
    Hostile("half a PDF", "a.pdf", lambda: files.pdf(WORDS)[:60], "corrupt"),
    Hostile("the name of PDF alone", "a.pdf", lambda: b"%PDF-1.7", "corrupt"),
    Hostile("a PDF bomb", "a.pdf", pdf_bomb, "bomb"),
    Hostile("a PDF bomb packed three times", "a.pdf", lambda: pdf_bomb(3), "bomb"),
    Hostile("a page tree that bites its tail", "a.pdf", tree_loop, "corrupt"),
    Hostile("a page tree 5,000 deep", "a.pdf", lambda: deep_tree(5000), "bomb"),
    Hostile("3,001 pages", "a.pdf", lambda: many_pages(3001), "too_many_pages"),
    Hostile(
        "a page as large as a town",
        "a.pdf",
        lambda: files.pdf_of(
            [CATALOGUE, PAGES, page(box=b"0 0 99999999999 99999999999"), stream(drawn()), FONT]
        ),
        says=WORDS,
    ),
    Hostile("a drawing that draws itself", "a.pdf", form_loop, "no_text"),
    Hostile("a PDF with a script", "a.pdf", with_script, says=WORDS),
    Hostile("arrays 50,000 deep", "a.pdf", lambda: pdf_with(b"[" * 50_000), "no_text"),
    Hostile("a PDF in a GIF", "a.pdf", lambda: b"GIF89a\1\0\1\0\0\0" + files.pdf(WORDS), "picture"),
    Hostile(
        "a PDF with a zip behind it",
        "a.pdf",
        lambda: files.pdf(WORDS) + zipped({"evil.html": b"seven-secret-words"}),
        says=WORDS,
    ),
    # Letters.
    Hostile("UTF-16", "a.txt", lambda: WORDS.encode("utf-16"), says=WORDS),
    Hostile(
        "UTF-16 without a mark",
        "a.txt",
        lambda: "Вернём деньги".encode("utf-16-le"),
        says="Вернём деньги",
    ),
    Hostile(
        "an old Windows", "a.txt", lambda: "Вернём деньги".encode("cp1251"), says="Вернём деньги"
    ),
    Hostile(
        "half letters",
        "a.txt",
        lambda: "Вернём \ud800деньги\udfff".encode("utf-8", "surrogatepass"),
        says="Вернём деньги",
    ),
    Hostile(
        "a few wrong bytes",
        "a.md",
        lambda: "Вернём деньги за семь дней ".encode() * 9 + b"\xff\xfe",
        says="Вернём деньги",
    ),
    Hostile(
        "a NUL in the text", "a.txt", lambda: (WORDS + " \0 " + WORDS * 9).encode(), says=WORDS
    ),
    Hostile("no encoding at all", "a.txt", lambda: b"\x98\xff\xfe words", "unknown_letters"),
    Hostile("a line of 5 MB", "a.txt", lambda: WORDS.encode() * 140_000, says=WORDS),
    # Tables and pages.
    Hostile("a table of a million rows", "a.csv", long_table, "text_too_long"),
    Hostile(
        "a cell of a megabyte",
        "a.csv",
        lambda: b"question,answer\nSo?," + b"y" * 999_000 + b"\n",
        "cell_too_long",
    ),
    Hostile(
        "a quotation that never ends",
        "a.csv",
        lambda: b'question,answer\nSo?,"' + b"yes\n" * 100_000,
        "cell_too_long",
    ),
    Hostile(
        "a formula for a spreadsheet",
        "a.csv",
        lambda: b"question,answer\n=cmd|' /C calc'!A0," + WORDS.encode(),
        says=WORDS,
    ),
    Hostile("a page with scripts and hidden words", "a.html", evil_page, says=WORDS),
    Hostile("tags 200,000 deep", "a.html", deep_page, says=WORDS),
    Hostile("a tag that never ends", "a.html", endless_tag, says=WORDS),
]
