"""Knowledge: written, read from files, indexed by a worker, found by those who may, never stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.utils import translation
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks

import ai
from ai.interface import AIError, Embedder
from knowledge import entries, indexing, reasons, retrieval, tasks
from knowledge.models import Article, Category, FAQEntry, Knowledge, Passage
from tests.conftest import House, client_of
from tests.processes import started
from tests.product import wait_until
from webassistant.boot import processes
from webassistant.boot.child import Child

REFUNDS = {"question": "Will I get a refund?", "answer": "Within 7 days.", "language": "en"}


def faq(house: House, **fields: Any) -> FAQEntry:
    """An entry that is indexed already."""
    entry = entries.create_faq(house.organization, **{**REFUNDS, **fields})
    indexing.index("faq", entry.pk, entry.content_hash)
    entry.refresh_from_db()
    return entry


def titles(house: House, question: str, **options: Any) -> list[str]:
    """What the organization's assistant would find."""
    result = retrieval.search(house.organization, question, **options)
    return [found.title for found in result.sources]


# --- writing --------------------------------------------------------------------------------------


def test_new_entry_is_pending_until_its_passages_are_there(acme: House) -> None:
    entry = entries.create_faq(acme.organization, **REFUNDS)
    assert entry.status == Knowledge.Status.PENDING
    assert titles(acme, "refund?") == []
    assert indexing.index("faq", entry.pk, entry.content_hash)
    entry.refresh_from_db()
    assert entry.status == Knowledge.Status.READY
    assert entry.indexed_at
    assert titles(acme, "Will I get a refund?") == ["Will I get a refund?"]


def test_wrong_entry_is_refused_and_changes_nothing(acme: House) -> None:
    with pytest.raises(ValidationError):
        entries.create_faq(acme.organization, **{**REFUNDS, "priority": 11})
    assert not FAQEntry.objects.of(acme.organization).exists()


def test_edit_of_a_flag_needs_no_new_passages(acme: House) -> None:
    entry = faq(acme)
    before = Passage.unscoped.get(faq=entry)
    entry.priority = 9
    entries.save(entry)
    entry.refresh_from_db()
    after = Passage.unscoped.get(faq=entry)
    assert entry.status == Knowledge.Status.READY
    assert (after.pk, after.priority) == (before.pk, 9)


def test_edited_answer_is_found_and_the_old_one_is_not(acme: House) -> None:
    entry = faq(acme)
    entry.answer = "Within 14 days."
    entries.save(entry)
    indexing.index("faq", entry.pk, entry.content_hash)
    texts = [f.text for f in retrieval.search(acme.organization, "refund").sources]
    assert texts == ["Within 14 days."]


def test_deleted_entry_is_not_found(acme: House) -> None:
    faq(acme).delete()
    assert titles(acme, "Will I get a refund?") == []


def test_put_aside_entry_is_not_found_until_it_is_back(acme: House) -> None:
    entry = faq(acme)
    entries.set_active(entry, False)
    assert titles(acme, "Will I get a refund?") == []
    entries.set_active(entry, True)
    assert titles(acme, "Will I get a refund?") == [entry.question]


# --- indexing -------------------------------------------------------------------------------------


class MeddlingEmbedder(Embedder):
    """Has something happen while it works."""

    dimensions = 1024
    trust = 0.5

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.own = ai.embedder()
        self.name = self.own.name
        self.meanwhile = meanwhile

    def embed(self, texts: Any) -> list[list[float]]:
        self.meanwhile()
        return self.own.embed(texts)


def test_edit_while_the_old_text_is_embedded_wins(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entries.create_faq(acme.organization, **REFUNDS)
    old_hash = entry.content_hash

    def edit() -> None:
        entry.answer = "Within 14 days."
        entries.save(entry)

    meddling = MeddlingEmbedder(edit)
    with monkeypatch.context() as patch:
        patch.setattr(ai, "embedder", lambda: meddling)
        assert not indexing.index("faq", entry.pk, old_hash)
    entry.refresh_from_db()
    assert entry.status == Knowledge.Status.PENDING
    assert not Passage.unscoped.filter(faq=entry).exists()
    assert indexing.index("faq", entry.pk, entry.content_hash)
    assert Passage.unscoped.get(faq=entry).text == "Within 14 days."


def test_deletion_while_it_is_embedded_leaves_no_passage(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entries.create_faq(acme.organization, **REFUNDS)
    meddling = MeddlingEmbedder(lambda: FAQEntry.unscoped.get(pk=entry.pk).delete() and None)
    monkeypatch.setattr(ai, "embedder", lambda: meddling)
    assert not indexing.index("faq", entry.pk, entry.content_hash)
    assert not Passage.unscoped.exists()


def test_second_task_for_the_same_text_does_nothing(acme: House) -> None:
    entry = faq(acme)
    passage = Passage.unscoped.get(faq=entry)
    assert not indexing.index("faq", entry.pk, entry.content_hash)
    assert Passage.unscoped.get(faq=entry).pk == passage.pk


def test_refusing_embedder_is_a_reason_and_not_a_crash(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AIError("no key", code="ai_auth", retryable=False)

    entry = entries.create_faq(acme.organization, **REFUNDS)
    meddling = MeddlingEmbedder(refuse)
    monkeypatch.setattr(ai, "embedder", lambda: meddling)
    tasks.index.apply(args=["faq", entry.pk, entry.content_hash], throw=True)
    entry.refresh_from_db()
    assert (entry.status, entry.error) == (Knowledge.Status.FAILED, "ai_auth")


def test_busy_embedder_is_asked_again_and_then_the_reason_is_kept(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def busy() -> None:
        calls.append(1)
        raise AIError("busy", code="ai_rate_limited", retryable=True, retry_after=0.001)

    entry = entries.create_faq(acme.organization, **REFUNDS)
    meddling = MeddlingEmbedder(busy)
    monkeypatch.setattr(ai, "embedder", lambda: meddling)
    tasks.index.apply(args=["faq", entry.pk, entry.content_hash])
    entry.refresh_from_db()
    assert len(calls) == tasks.MAX_RETRIES + 1
    assert (entry.status, entry.error) == (Knowledge.Status.FAILED, "ai_rate_limited")


def test_piece_lost_on_its_way_is_sent_again(
    acme: House,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sent: list[Any] = []

    def down(*args: Any, **kwargs: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr(current_app, "send_task", down)
        entry = entries.create_faq(acme.organization, **REFUNDS)
    monkeypatch.setattr(current_app, "send_task", lambda *args, **kwargs: sent.append(args))
    assert tasks.index_pending() == 0
    FAQEntry.unscoped.filter(pk=entry.pk).update(updated_at="2026-01-01T00:00Z")
    assert tasks.index_pending() == 1
    assert sent == [(entries.TASK_MANY, ["faq", [(entry.pk, entry.content_hash)]])]


def test_passages_of_another_embedder_are_made_anew_and_not_compared(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = faq(acme)
    other = MeddlingEmbedder(lambda: None)
    other.name = "other"
    monkeypatch.setattr(ai, "embedder", lambda: other)
    # The old vectors serve until all are made anew.
    assert titles(acme, "Will I get a refund?") == [entry.question]
    assert tasks.index_pending() == 1
    entry.refresh_from_db()
    assert entry.status == Knowledge.Status.PENDING
    assert indexing.change_embedders() == 0
    indexing.index("faq", entry.pk, entry.content_hash)
    names = Passage.objects.of(acme.organization).values_list("embedder", flat=True)
    assert sorted(names) == ["builtin-4", "other"]
    assert titles(acme, "Will I get a refund?") == [entry.question]
    assert indexing.change_embedders() == 1
    assert list(names.all()) == ["other"]
    assert titles(acme, "Will I get a refund?") == [entry.question]


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[Child]:
    """The worker of the indexing queue, as the product starts it, on the tests' database."""
    process = next(p for p in processes.workers(tmp_path) if p.name == "indexing")
    with started("indexing", process.arguments, tmp_path) as running:
        yield running


@pytest.mark.django_db(transaction=True)
def test_worker_takes_an_edit_from_pending_to_ready_or_failed(worker: Child, acme: House) -> None:
    good = entries.create_faq(acme.organization, **REFUNDS)
    bad = entries.create_document(
        acme.organization, title="Prices", file=ContentFile(b"%PDF-1.4 torn", "prices.pdf")
    )

    def are_done() -> bool:
        assert worker.is_alive()
        for item in (good, bad):
            item.refresh_from_db()
        return Knowledge.Status.PENDING not in (good.status, bad.status)

    wait_until(are_done, "both are indexed or refused")
    assert good.status == Knowledge.Status.READY
    assert (bad.status, bad.error) == (Knowledge.Status.FAILED, "corrupt")
    assert titles(acme, "Will I get a refund?") == [good.question]


def test_article_is_found_by_its_parts(acme: House) -> None:
    article = entries.create_article(
        acme.organization,
        title="Terms",
        language="en",
        url="https://acme.example/terms",
        body="# Refunds\n\nWithin seven days.\n\n# Luggage\n\nOne suitcase of 20 kg.",
    )
    indexing.index("article", article.pk, article.content_hash)
    found = retrieval.search(acme.organization, "suitcase luggage").sources
    assert [(f.title, f.url) for f in found] == [("Terms › Luggage", "https://acme.example/terms")]


def test_article_without_words_fails_with_its_reason(acme: House) -> None:
    article = entries.create_article(acme.organization, title="Terms", body="# Only a heading")
    indexing.index("article", article.pk, article.content_hash)
    assert Article.unscoped.get().error == "no_text"


# --- finding --------------------------------------------------------------------------------------


def test_other_organizations_knowledge_is_never_found(acme: House, globex: House) -> None:
    faq(globex)
    assert titles(acme, "Will I get a refund?") == []
    assert titles(globex, "Will I get a refund?") == ["Will I get a refund?"]


def test_agent_finds_only_in_the_categories_it_may_use(acme: House) -> None:
    own = Category.unscoped.create(organization=acme.organization, name="own")
    others = Category.unscoped.create(organization=acme.organization, name="others")
    own.agents.add(acme.agent)
    question = "Will I get a refund?"
    entry = faq(acme, category=others)
    assert titles(acme, question) == [entry.question]
    assert titles(acme, question, agent=acme.agent) == []
    entry.category = own
    entries.save(entry)
    assert titles(acme, question, agent=acme.agent) == [entry.question]
    entry.category = None
    entries.save(entry)
    assert titles(acme, question, agent=acme.agent) == [entry.question]


def test_answer_in_the_questions_language_comes_first(acme: House) -> None:
    faq(acme, question="Hotel Kazan", answer="English.")
    faq(acme, question="Отель Kazan", answer="По-русски.", language="ru")
    answers = [f.text for f in retrieval.search(acme.organization, "Отель Kazan").sources]
    assert answers == ["По-русски."]


def test_what_is_written_in_the_other_language_only_is_still_found(acme: House) -> None:
    faq(acme, question="Wi-Fi Matryoshka", answer="English.")
    found = retrieval.search(acme.organization, "Wi-Fi Matryoshka", language="ru").sources
    assert [f.language for f in found] == ["en"]


def test_of_equal_matches_the_higher_priority_is_first(acme: House) -> None:
    faq(acme, answer="Low.", priority=2)
    faq(acme, answer="High.", priority=8)
    found = retrieval.search(acme.organization, "Will I get a refund?")
    assert [f.text for f in found.sources] == ["High.", "Low."]
    assert not found.is_sure


@pytest.mark.parametrize(
    "question", ["", "   ", "?!", "'; DROP TABLE", "\\' & ! | :* <->", "a\x00b", "я" * 5000, "🙂"]
)
def test_any_text_may_be_searched_for(acme: House, question: str) -> None:
    faq(acme)
    assert titles(acme, question) == []


def test_words_of_other_scripts_do_not_hurt(acme: House) -> None:
    faq(acme, question="Back\\slash 'quoted'", answer="Yes.")
    assert titles(acme, "Back\\slash 'quoted'") == ["Back\\slash 'quoted'"]


# --- what the owner sees --------------------------------------------------------------------------


def test_owner_reads_why_indexing_failed(acme: House) -> None:
    document = entries.create_document(
        acme.organization, title="Prices", file=ContentFile(b"%PDF-1.4 torn", "prices.pdf")
    )
    indexing.index("document", document.pk, document.content_hash)
    page = client_of(acme.owner).get("/admin/knowledge/document/")
    with translation.override("en"):
        assert reasons.reason("corrupt") in page.text
