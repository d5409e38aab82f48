"""Many entries indexed together: each once, none stale, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ai.builtin_embedder import BuiltinEmbedder
from ai.interface import AIError
from knowledge import entries, indexing, retrieval, tasks
from knowledge.models import Category, FAQEntry, Knowledge, Passage
from organizations.models import Organization
from tests.conftest import House
from tests.product import wait_until
from tests.test_documents import indexing_worker

Pairs = list[tuple[int, str]]


def written(organization: Organization, count: int, phrasings: int = 1, **more: Any) -> Pairs:
    """Entries as an import saves them; their ids and hashes."""
    fresh = [
        FAQEntry(
            organization=organization,
            question=f"How much is tour number {n}?",
            phrasings=[f"Price {m} of tour {n}" for m in range(phrasings)],
            answer=f"Tour {n} is {n} roubles.",
            **{"language": "en", **more},
        )
        for n in range(count)
    ]
    entries.save_many(fresh)
    return [(entry.pk, entry.content_hash) for entry in fresh]


def stored(pairs: Pairs) -> list[tuple[Any, ...]]:
    """What the passages of entries are, but for their ids."""
    rows = Passage.unscoped.filter(faq__in=[pk for pk, _hash in pairs])
    fields = ("heading", "text", "language", "position", "is_wording", "wordings", "embedder")
    made = rows.order_by("faq", "position").values_list(
        *fields, "search", "category", "priority", "embedding"
    )
    return [(*row[:-1], list(row[-1])) for row in made]


def test_together_they_are_what_they_are_alone(acme: House) -> None:
    shelf = Category.unscoped.create(organization=acme.organization, name="Tours")
    pairs = written(acme.organization, 5, category=shelf, priority=8, keywords=["price"])
    pairs += written(acme.organization, 2, phrasings=0, language="ru")
    assert indexing.index_many("faq", pairs) == 7
    together = stored(pairs)
    FAQEntry.unscoped.update(status=Knowledge.Status.PENDING)
    assert [indexing.index("faq", *pair) for pair in pairs] == [True] * 7
    alone = stored(pairs)
    assert [row[:-1] for row in alone] == [row[:-1] for row in together]
    for one, other in zip(alone, together, strict=True):
        assert one[-1] == pytest.approx(other[-1], abs=1e-3)
    assert len(together) == 5 * 3 + 2
    # A wording is found by its vector only; an entry by the words of all its wordings.
    assert all(bool(row[7]) != row[4] for row in together)


def test_statements_do_not_grow_with_the_entries(acme: House) -> None:
    def statements(count: int) -> int:
        pairs = written(acme.organization, count)
        with CaptureQueriesContext(connection) as queries:
            assert indexing.index_many("faq", pairs) == count
        return len(queries)

    statements(1)
    # The floor is measured anew while there are few.
    assert statements(50) <= statements(2) + 2


def test_many_wordings_are_written_in_parts(acme: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    embed = BuiltinEmbedder.embed

    def counted(self: BuiltinEmbedder, texts: Any) -> Any:
        asked.append(len(texts))
        return embed(self, texts)

    monkeypatch.setattr(BuiltinEmbedder, "embed", counted)
    pairs = written(acme.organization, 30, phrasings=50)
    assert indexing.index_many("faq", pairs) == 30
    assert len(asked) > 1
    assert max(asked) <= indexing.TOGETHER
    assert len(stored(pairs)) == 30 * 52


def test_one_edited_meanwhile_is_left_to_its_own_task(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = written(acme.organization, 3)
    edited = FAQEntry.unscoped.get(pk=pairs[1][0])
    embed = BuiltinEmbedder.embed

    def edit(self: BuiltinEmbedder, texts: Any) -> Any:
        edited.answer = "Something else."
        entries.save(edited)
        return embed(self, texts)

    monkeypatch.setattr(BuiltinEmbedder, "embed", edit)
    assert indexing.index_many("faq", pairs) == 2
    monkeypatch.undo()
    assert not Passage.unscoped.filter(faq=edited).exists()
    assert indexing.index("faq", edited.pk, edited.content_hash)
    assert {row[1] for row in stored(pairs[1:2])} == {"Something else.", ""}
    # What is told twice is done once.
    assert indexing.index_many("faq", pairs) == 0


def test_old_passages_go_with_the_same_commit(acme: House) -> None:
    pairs = written(acme.organization, 3)
    indexing.index_many("faq", pairs)
    again = list(FAQEntry.unscoped.order_by("pk"))
    for entry in again:
        entry.answer = "Sold out."
    entries.save_many(again)
    indexing.index_many("faq", [(entry.pk, entry.content_hash) for entry in again])
    found = retrieval.search(acme.organization, "How much is tour number 1?").sources
    assert {one.text for one in found} == {"Sold out."}
    assert len(stored(pairs)) == 9


def test_of_several_organizations_each_gets_its_own(acme: House, globex: House) -> None:
    ours, theirs = written(acme.organization, 3), written(globex.organization, 2)
    assert indexing.index_many("faq", [*ours, *theirs]) == 5
    owners = Passage.unscoped.filter(faq__in=[pk for pk, _hash in theirs])
    assert set(owners.values_list("organization", flat=True)) == {globex.organization.pk}


@pytest.mark.parametrize("is_retryable", [True, False])
def test_trouble_of_the_model_leaves_nothing_half_done(
    acme: House, monkeypatch: pytest.MonkeyPatch, is_retryable: bool
) -> None:
    embed = BuiltinEmbedder.embed

    def fail(self: BuiltinEmbedder, texts: Any) -> Any:
        if any("number 1?" in text for text in texts):
            raise AIError("no", code="ai_refused", retryable=is_retryable)
        return embed(self, texts)

    pairs = written(acme.organization, 3)
    monkeypatch.setattr(BuiltinEmbedder, "embed", fail)
    if is_retryable:
        with pytest.raises(AIError):
            indexing.index_many("faq", pairs)
        assert not Passage.unscoped.exists()
        return
    # One at fault does not keep the others.
    assert indexing.index_many("faq", pairs) == 2
    states = FAQEntry.unscoped.order_by("pk").values_list("status", "error")
    assert list(states) == [("ready", ""), ("failed", "ai_refused"), ("ready", "")]


@pytest.mark.django_db(transaction=True)
def test_killed_worker_leaves_every_entry_to_be_indexed_once(
    tmp_path: Path, acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = FAQEntry.unscoped.filter(status=Knowledge.Status.READY)
    with indexing_worker(tmp_path) as worker:
        pairs = written(acme.organization, 1200)
        wait_until(lambda: 0 < ready.count() < 1200, "some are indexed")
        os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    done = set(ready.values_list("pk", flat=True))
    # Nothing stands half written: an entry that is ready has all of it, another has nothing.
    owners = Passage.unscoped.values_list("faq", flat=True)
    assert set(owners) == done
    assert len(owners) == 3 * len(done)
    with indexing_worker(tmp_path):
        monkeypatch.setattr(tasks, "PATIENCE", timedelta(0))
        for _time in range(2):
            tasks.index_pending()
        wait_until(lambda: ready.count() == 1200, "all are indexed")
    assert Passage.unscoped.filter(is_wording=False).count() == 1200
    assert len(stored(pairs)) == 3 * 1200
