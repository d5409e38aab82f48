"""Large documents through the real worker: how long, and how much memory at the worst moment.

A worker as the product starts it indexes one file at a time. The memory is the kernel's own
high-water mark of each of its processes: the worker, its pool, and the child that meets the file.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from pathlib import Path

from django.core.files import File

from bench import measure
from bench.measure import Table
from bench.place import Place
from knowledge import entries
from knowledge.models import Document, Passage
from organizations.models import Organization

MB = 1024 * 1024
GOAL_MB = 300
SENTENCE = "Билет возвращают за семь дней до тура, а место {n} остаётся за группой {m}. "
LATIN = "The ticket for tour {n} is refunded within seven days, and group {m} keeps its place. "


def run(place: Place) -> list[Table]:
    """A PDF of 300 pages, texts up to 50 MB, and a table of questions."""
    organization = Organization.objects.create(name="bench-documents", slug="bench-documents")
    pages, size, rows = place.size((300, 50 * MB, 10_000), (3, 60_000, 10))
    made = [
        (f"PDF of {pages} pages", pdf(place.var / "pages.pdf", pages)),
        (f"PDF of {pages} pages and {size / MB:.3g} MB", pdf(place.var / "big.pdf", pages, size)),
        (f"text of {size / MB:.3g} MB", text(place.var / "long.txt", size)),
        (f"table of {rows} questions", questions(place.var / "faq.csv", rows)),
    ]
    table = Table(
        "Documents through the worker",
        ("file", "seconds", "passages", "told", "worker MB", "reader MB", "state"),
    )
    arguments = ("-m", "celery", "-A", "webassistant", "worker", "-Q", "indexing", "-P", "prefork")
    with place.process((*arguments, "-c", "1"), cores=(0, 1)) as worker, Memory(worker.pid) as peak:
        for name, path in made:
            peak.forget()
            began = time.perf_counter()
            with path.open("rb") as file:
                document = entries.create_document(
                    organization, title=name, file=File(file, path.name)
                )
            told: set[int] = set()
            while document.status == Document.Status.PENDING:
                time.sleep(0.1)
                document.refresh_from_db()
                told.add(document.progress or 0)
                if worker.poll() is not None:
                    raise RuntimeError("the worker ended")
            table.add(
                name,
                time.perf_counter() - began,
                str(Passage.unscoped.filter(document=document).count()),
                f"{len(told)} times",
                measure.against(peak.of("worker") / MB, GOAL_MB),
                peak.of("reader") / MB,
                document.error or document.status,
            )
    table.note("told: so many different figures of progress were seen, looking 10 times a second")
    return [table]


class Memory:
    """Watches the processes below one: the high-water mark of each kind."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._peaks: dict[str, int] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def forget(self) -> None:
        """Begin anew, for the next file; the kernel's marks of living processes too."""
        for pid in measure.children_of(self._root):
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._peaks.clear()

    def of(self, kind: str) -> int:
        """The highest mark of this kind of process, in bytes."""
        return self._peaks.get(kind, 0)

    def _watch(self) -> None:
        while not self._is_over.wait(0.05):
            for pid in measure.children_of(self._root):
                try:
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                kind = "reader" if "knowledge.documents.child" in command else "worker"
                mark = [line for line in status.splitlines() if line.startswith("VmHWM:")]
                if mark:
                    found = int(mark[0].split()[1]) * 1024
                    self._peaks[kind] = max(self._peaks.get(kind, 0), found)


# --- files ----------------------------------------------------------------------------------------


def text(path: Path, size: int) -> Path:
    """Paragraphs in Russian under headings."""
    written = number = 0
    with path.open("wb") as file:
        while not written or written < size - 20_000:
            number += 1
            words = "".join(SENTENCE.format(n=number, m=m) for m in range(60))
            written += file.write(f"# Часть {number}\n\n{words}\n\n".encode())
    return path


def questions(path: Path, rows: int) -> Path:
    """A table of questions and answers."""
    with path.open("w") as file:
        file.write("question;answer\n")
        for number in range(rows):
            file.write(f"Сколько стоит тур {number}?;Тур {number} стоит {number * 10} рублей.\n")
    return path


def pdf(path: Path, pages: int, size: int = 0) -> Path:
    """Pages of 3,000 characters each; pictures fill the rest of the size."""
    filler = max(0, size - pages * 2500 - 100_000) // pages
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (pages, b" ".join(b"%d 0 R" % (4 + 3 * n) for n in range(pages))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number in range(pages):
        lines = (LATIN.format(n=number, m=m) for m in range(36))
        drawing = zlib.compress(
            "".join(
                f"BT /F1 9 Tf 40 {760 - 20 * n} Td ({line}) Tj ET\n" for n, line in enumerate(lines)
            ).encode()
        )
        own = 4 + 3 * number
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources "
            b"<< /Font << /F1 3 0 R >> /XObject << /I %d 0 R >> >> >>" % (own + 1, own + 2),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream"
            % (len(drawing), drawing),
            b"<< /Type /XObject /Subtype /Image /Width 9 /Height 9 /ColorSpace /DeviceGray "
            b"/BitsPerComponent 8 /Length %d >>\nstream\n%s\nendstream"
            % (filler, os.urandom(filler)),
        ]
    write(path, objects)
    return path


def write(path: Path, objects: list[bytes]) -> None:
    """A PDF of these objects, the first of which is its catalogue."""
    places = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        for number, body in enumerate(objects, 1):
            places.append(file.tell())
            file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        table = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
        file.writelines(b"%010d 00000 n \n" % place for place in places)
        file.write(b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1))
        file.write(b"startxref\n%d\n%%%%EOF\n" % table)
