"""Documents: whatever is uploaded, it becomes passages or a reason, and nothing else happens."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import termios
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from pytest_django import DjangoCaptureOnCommitCallbacks

from knowledge import documents, entries, indexing, reasons, retrieval, tasks
from knowledge.confined import START
from knowledge.documents import child
from knowledge.models import Document, Knowledge, Passage
from tests import files
from tests.conftest import House
from tests.hostile_files import HOSTILE, Hostile
from tests.processes import started
from tests.product import wait_until
from webassistant.boot import processes
from webassistant.boot.child import Child

WORDS = "Tickets are refunded within seven days"


def upload(house: House, data: bytes, name: str, **fields: Any) -> Document:
    """A document that is saved and not yet indexed."""
    fields = {"title": "Rules", "language": "en", **fields}
    return entries.create_document(house.organization, file=ContentFile(data, name), **fields)


def index(document: Document) -> bool:
    done = indexing.index("document", document.pk, document.content_hash)
    document.refresh_from_db()
    return done


def texts(document: Document) -> list[str]:
    rows = Passage.unscoped.filter(document=document).order_by("position")
    return list(rows.values_list("text", flat=True))


def read(data: bytes, name: str) -> str:
    """All the text that is read from a file."""
    with files.on_disk(data) as file:
        return "\n".join(block.text for block in documents.read(file, name, 50 * 1024 * 1024))


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rules.pdf", files.pdf(WORDS)),
        ("rules.docx", files.word(WORDS, heading="Refunds")),
        ("rules.txt", WORDS.encode()),
        ("rules.md", f"# Refunds\n\n{WORDS}".encode()),
        ("rules.html", f"<h1>Refunds</h1><p>{WORDS}</p>".encode()),
        ("rules.csv", f"question,answer\nWhen are tickets refunded?,{WORDS}".encode()),
    ],
)
def test_file_is_read_and_found(acme: House, name: str, data: bytes) -> None:
    document = upload(acme, data, name)
    assert index(document)
    assert (document.status, document.progress) == (Knowledge.Status.READY, None)
    found = retrieval.search(acme.organization, "when are tickets refunded")
    assert [source.kind for source in found.sources] == ["document"]
    assert "seven days" in found.sources[0].text
    assert not found.is_sure


def test_headings_and_tables_of_a_word_file_keep_their_order() -> None:
    data = files.word("Seven days.", heading="Refunds")
    assert read(data, "a.docx").strip() == "# Refunds\n\nSeven days."


def test_headings_of_a_page_are_kept() -> None:
    data = b"<title>No</title><h2>Refunds</h2><p>Seven <b>days</b>.</p><ul><li>One<li>Two</ul>"
    assert read(data, "a.html").strip() == "## Refunds\n\nSeven days.\n\n- One\n- Two"


def test_table_of_questions_becomes_a_passage_a_row(acme: House) -> None:
    data = "Вопрос;Ответ\nКак вернуть?;За семь дней\nГде офис?;На Баумана\n;\nПусто?;\n"
    document = upload(acme, data.encode("cp1251"), "faq.csv", language="ru")
    index(document)
    rows = Passage.unscoped.filter(document=document).order_by("position")
    assert list(rows.values_list("heading", "text")) == [
        ("Как вернуть?", "За семь дней"),
        ("Где офис?", "На Баумана"),
    ]


def test_any_other_table_is_told_with_the_names_of_its_columns(acme: House) -> None:
    document = upload(acme, b"tour,price\nKazan,2900\nBolgar,3500\n", "prices.csv")
    index(document)
    assert texts(document) == ["tour: Kazan; price: 2900\n\ntour: Bolgar; price: 3500"]


def test_long_text_keeps_its_headings_over_all_its_blocks(acme: House) -> None:
    parts = [f"## Part {n}\n\n{f'Word{n}. ' * 900}\n\n" for n in range(30)]
    document = upload(acme, f"# Rules\n\n{''.join(parts)}".encode(), "long.md", title="Book")
    index(document)
    for number in range(30):
        rows = Passage.unscoped.filter(document=document, text__contains=f"Word{number}.")
        assert set(rows.values_list("heading", flat=True)) == {f"Book › Rules › Part {number}"}
        assert sum(row.text.count(f"Word{number}.") for row in rows) >= 900


def test_progress_is_told_as_the_reading_goes_on(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    tell = indexing._tell

    def note(item: Knowledge, progress: int) -> None:
        told.append(progress)
        tell(item, progress)

    monkeypatch.setattr(indexing, "_tell", note)
    document = upload(acme, ("Word. " * 20 + "\n\n").encode() * 5000, "long.txt")
    index(document)
    assert told[0] == 0
    assert told == sorted(set(told))
    assert len(told) > 20
    assert told[-1] == 99


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.what)
def test_hostile_file_is_refused_with_its_reason_or_read_safely(
    acme: House, settings: Any, hostile: Hostile
) -> None:
    try:
        document = upload(acme, hostile.make(), hostile.name)
    except ValidationError as refusal:
        (error,) = refusal.error_dict["file"]
        assert error.code == hostile.code
        assert not Document.unscoped.exists()
        return
    assert Path(document.file.path).is_relative_to(settings.MEDIA_ROOT / "documents")
    index(document)
    assert document.error == hostile.code
    assert document.error in {"", *reasons.REASONS}
    assert document.progress is None
    told = " ".join(texts(document))
    assert hostile.says in told
    assert bool(told) == (not hostile.code)
    assert hostile.never not in told


def test_there_are_sixty_hostile_files_and_each_its_own() -> None:
    assert len({hostile.what for hostile in HOSTILE}) == len(HOSTILE) >= 60


def test_too_large_file_is_refused_before_it_is_kept(acme: House, settings: Any) -> None:
    settings.DOCUMENT_MAX_BYTES = 10
    with pytest.raises(ValidationError) as caught:
        upload(acme, b"12345678901", "a.txt")
    assert caught.value.error_dict["file"][0].code == "file_too_large"


def test_silent_reader_is_ended_as_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents.reading, "SILENCE_SECONDS", 0)
    with pytest.raises(documents.Unreadable) as caught:
        read(WORDS.encode(), "a.txt")
    assert caught.value.code == "too_slow"


def test_reader_that_is_stopped_in_the_middle_of_a_line_says_the_whole_line(
    tmp_path: Path,
) -> None:
    file = tmp_path / "long.md"
    file.write_text("слово " * 20_000)
    with file.open("rb") as source:
        reader = subprocess.Popen(
            [sys.executable, "-m", "knowledge.documents.child", "text"],
            stdin=source,
            stdout=subprocess.PIPE,
            **START,
        )
    assert reader.stdout

    def waiting() -> int:
        assert reader.stdout
        return int.from_bytes(fcntl.ioctl(reader.stdout, termios.FIONREAD, b"\0" * 4), "little")

    def state() -> str:
        return Path(f"/proc/{reader.pid}/stat").read_text().rpartition(") ")[2][0]

    # The pipe is full, and the line is not out: the reader sleeps in the middle of it.
    wait_until(lambda: waiting() >= 65_536 and state() == "S", "the pipe is full")
    reader.send_signal(signal.SIGSTOP)
    wait_until(lambda: state() == "T", "the reader is stopped")
    reader.send_signal(signal.SIGCONT)
    said = [json.loads(line) for line in reader.communicate()[0].splitlines()]
    assert said[-1] == {"end": True}
    assert sum(one.get("text", "").count("слово") for one in said) == 20_000


def test_reader_out_of_time_is_too_slow(tmp_path: Path) -> None:
    assert documents.reading._reason_of_death(-24) == "too_slow"


def test_lost_file_fails_with_its_reason(acme: House) -> None:
    document = upload(acme, b"text", "a.txt")
    document.file.delete(save=False)
    assert not index(Document.unscoped.get())
    assert Document.unscoped.get().error == "file_missing"


@pytest.mark.parametrize(
    ("kind", "data"), [("pdf", files.pdf("Some text")), ("word", files.word("Some text"))]
)
def test_damaged_files_are_text_or_a_reason_never_a_crash(kind: str, data: bytes) -> None:
    chance = random.Random(7)
    outcomes = set()
    for _round in range(300):
        torn = bytearray(data)
        for _bite in range(chance.randint(1, 40)):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        with files.on_disk(bytes(torn)) as file:
            outcomes |= {line.get("error", "read") for line in child.lines(kind, file)}
    # Of a zip every torn byte is noticed; a PDF is often read all the same.
    assert "corrupt" in outcomes
    assert outcomes <= {"read", *reasons.REASONS}


# --- replaced and deleted -------------------------------------------------------------------------


def test_replaced_file_is_found_and_the_old_one_never_after(
    acme: House, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    document = upload(acme, b"Refunds within seven days", "rules.txt")
    index(document)
    old = Path(document.file.path)
    # The same name and as many bytes: only the content is another.
    document.file = ContentFile(b"Refunds within three days", "rules.txt")
    with django_capture_on_commit_callbacks(execute=True):
        entries.save(document)
        assert old.exists()
    assert not old.exists()
    assert texts(document) == ["Refunds within seven days"]
    assert index(document)
    assert texts(document) == ["Refunds within three days"]


def test_replacement_while_the_old_file_is_read_wins(acme: House) -> None:
    document = upload(acme, b"Refunds within seven days", "rules.txt")
    old_hash = document.content_hash
    document.file = ContentFile(b"Refunds within three days", "rules.txt")
    entries.save(document)
    assert not indexing.index("document", document.pk, old_hash)
    assert index(document)
    assert texts(document) == ["Refunds within three days"]


def test_refused_replacement_leaves_the_document_as_it_was(acme: House) -> None:
    document = upload(acme, b"Refunds within seven days", "rules.txt")
    index(document)
    document.file = ContentFile(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "rules.txt")
    with pytest.raises(ValidationError):
        entries.save(document)
    kept = Document.unscoped.get()
    assert Path(kept.file.path).read_bytes() == b"Refunds within seven days"
    assert kept.status == Knowledge.Status.READY
    assert texts(kept) == ["Refunds within seven days"]


def test_deleted_document_leaves_neither_file_nor_passage(
    acme: House, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    document = upload(acme, b"Refunds within seven days", "rules.txt")
    index(document)
    path = Path(document.file.path)
    with django_capture_on_commit_callbacks(execute=True):
        Document.objects.of(acme.organization).all().delete()
        assert path.exists()
    assert not path.exists()
    assert not Passage.unscoped.exists()


# --- the worker dies ------------------------------------------------------------------------------


def indexing_worker(folder: Path) -> AbstractContextManager[Child]:
    """The worker of the indexing queue, as the product starts it, on the tests' database."""
    process = next(p for p in processes.workers(folder) if p.name == "indexing")
    return started("indexing", process.arguments, folder)


@pytest.mark.django_db(transaction=True)
def test_killed_worker_leaves_everything_to_be_indexed_once(
    tmp_path: Path, acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_text = "".join(f"## Part {n}\n\n{'Words and words. ' * 50}\n\n" for n in range(2000))
    document = upload(acme, long_text.encode(), "long.md")
    answers = [
        entries.create_faq(acme.organization, question=f"Is it {n}?", answer="Yes", language="en")
        for n in range(20)
    ]

    def is_under_way() -> bool:
        document.refresh_from_db()
        return 10 < (document.progress or 0) < 90

    with indexing_worker(tmp_path) as worker:
        wait_until(is_under_way, "the document is being indexed")
        os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    document.refresh_from_db()
    assert document.status == Knowledge.Status.PENDING
    assert texts(document) == []

    def are_ready() -> bool:
        assert worker.is_alive()
        pieces = [document, *answers]
        for piece in pieces:
            piece.refresh_from_db()
        return all(piece.status == Knowledge.Status.READY for piece in pieces)

    with indexing_worker(tmp_path) as worker:
        # What the clock does every half minute, for what is older than its patience; twice, so
        # that whatever was sent already is sent again.
        monkeypatch.setattr(tasks, "PATIENCE", timedelta(0))
        for _time in range(2):
            tasks.index_pending()
        wait_until(are_ready, "all are indexed")
    assert len(texts(document)) == 2000
    positions = Passage.unscoped.filter(document=document).values_list("position", flat=True)
    assert sorted(positions) == list(range(2000))
    for answer in answers:
        assert Passage.unscoped.filter(faq=answer).count() == 1
    assert document.progress is None
