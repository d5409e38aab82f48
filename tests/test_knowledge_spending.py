"""What models take for the knowledge itself: it is booked, and comes under the limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

import ai
from ai.interface import AIError
from ai.scripted import ScriptedModel
from chat import tasks
from chat.accounting import accounts
from chat.models import ModelCall, Reservation
from knowledge import entries, gaps, indexing, spending
from knowledge.models import AskedQuestion, FAQEntry, Passage, Reading, Suggestion
from organizations.models import Budget, Organization
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[OpenAIServer]:
    """A paid provider of chat models and embeddings."""
    with OpenAIServer() as running:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = running.base_url, "fake-schema"
        yield running


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the worker is told, as it comes out of the broker; `work` does it."""
    sent: list[Any] = []
    monkeypatch.setattr(
        entries, "tell", lambda task, *args: sent.append((task, json.loads(json.dumps(args))))
    )
    return sent


def work(told: list[Any]) -> None:
    for task, arguments in told:
        if task == spending.TASK:
            tasks.book(*arguments)


def faq(house: House, question: str = "How can I pay?") -> FAQEntry:
    return entries.create_faq(house.organization, question=question, answer="By card.")


def index(entry: FAQEntry) -> None:
    indexing.index("faq", entry.pk, entry.content_hash)


def calls(house: House) -> list[tuple[str, str]]:
    rows = ModelCall.objects.of(house.organization).order_by("pk")
    return [(row.purpose, row.model) for row in rows]


def limit(house: House, **columns: Any) -> None:
    Organization.objects.filter(pk=house.organization.pk).update(**columns)


def spent_today(house: House) -> tuple[int, int]:
    budget = Budget.objects.of(house.organization).get(scope="day")
    assert not Reservation.unscoped.exists()
    return budget.tokens, budget.held_tokens


# --- indexing -------------------------------------------------------------------------------------


def test_embedding_of_knowledge_is_booked_once(
    acme: House, globex: House, server: OpenAIServer, settings: Any, told: list[Any]
) -> None:
    settings.OPENAI_EMBEDDING_MODEL = "embed"
    index(faq(acme))
    one, another = faq(acme, "Where is it?"), faq(globex, "Where is that?")
    indexing.index_many("faq", [(one.pk, one.content_hash), (another.pk, another.content_hash)])
    for _ in range(2):
        work(told)
    assert calls(acme) == [("indexing", "embed")] * 2
    assert calls(globex) == [("indexing", "embed")]
    assert ModelCall.unscoped.filter(prompt_tokens=0).count() == 0
    assert Passage.unscoped.filter(embedder="embed").count() == 3


def test_embedder_that_fails_in_the_middle_is_paid_for_what_it_did(
    acme: House, server: OpenAIServer, settings: Any, told: list[Any]
) -> None:
    settings.OPENAI_EMBEDDING_MODEL = "embed"

    def fail() -> None:
        ai.embedder().embed(["One."])
        raise AIError("gone", code="ai_unavailable", retryable=True)

    with pytest.raises(AIError), spending.told(acme.organization.pk):
        fail()
    work(told)
    assert calls(acme) == [("indexing", "embed")]


def test_builtin_embedder_costs_nothing(acme: House, told: list[Any]) -> None:
    index(faq(acme))
    assert [task for task, _arguments in told if task == spending.TASK] == []


def test_embedding_for_a_deleted_organization_is_nobodys(acme: House) -> None:
    tasks.book(acme.organization.pk + 1000, [])
    assert not ModelCall.unscoped.exists()


# --- the graph ------------------------------------------------------------------------------------


def test_reading_for_the_graph_is_booked(acme: House, server: OpenAIServer) -> None:
    index(faq(acme))
    limit(acme, daily_tokens=100_000)
    assert tasks.read_graphs() > 0
    assert calls(acme) == [("graph", "fake-schema")]
    call = ModelCall.unscoped.get()
    assert spent_today(acme) == (call.prompt_tokens + call.completion_tokens, 0)


def test_limit_puts_the_reading_off(acme: House, server: OpenAIServer) -> None:
    index(faq(acme))
    limit(acme, daily_tokens=0)
    tasks.read_graphs()
    assert server.requests == []
    reading = Reading.unscoped.get()
    assert (reading.by_model, reading.error) == (False, "limit")
    assert reading.claimed_until is not None
    page = client_of(acme.owner).get(reverse("admin:knowledge_graph"))
    assert "A limit is used up, so no model was asked." in page.text


# --- drafts ---------------------------------------------------------------------------------------


def gap(house: House) -> Suggestion:
    row: Suggestion = Suggestion.unscoped.create(
        organization=house.organization,
        origin="gap",
        language="en",
        question="Can I bring my dog?",
    )
    return row


def test_drafts_are_booked_and_wait_for_a_limit(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda *_: model)
    monkeypatch.setattr(ai, "has_model", lambda: True)
    suggestion = gap(acme)
    limit(acme, daily_tokens=0)
    tasks.gather_gaps()
    suggestion.refresh_from_db()
    assert (suggestion.answer, suggestion.drafted_at, model.requests) == ("", None, [])
    limit(acme, daily_tokens=100_000)
    model.enqueue("Small dogs are welcome.")
    tasks.gather_gaps()
    suggestion.refresh_from_db()
    assert suggestion.answer == "Small dogs are welcome."
    assert calls(acme) == [("draft", "scripted")]
    assert spent_today(acme)[1] == 0


def test_questions_asked_in_vain_are_embedded_for_money(
    acme: House, server: OpenAIServer, settings: Any, told: list[Any]
) -> None:
    settings.OPENAI_EMBEDDING_MODEL = "embed"
    AskedQuestion.unscoped.create(
        organization=acme.organization,
        chat_id="0" * 32,
        seq=1,
        text="Can I bring my dog?",
        language="en",
        reason="unknown",
    )
    gaps.gather(acme.organization)
    gaps.nearest_passages(acme.organization, "Can I bring my dog?")
    work(told)
    assert calls(acme) == [("indexing", "embed")] * 2


# --- a question that is tried ---------------------------------------------------------------------


def test_question_that_is_tried_is_booked(
    acme: House, server: OpenAIServer, settings: Any, told: list[Any]
) -> None:
    settings.OPENAI_EMBEDDING_MODEL, settings.OPENAI_MODEL = "embed", "fake"
    index(faq(acme))
    limit(acme, daily_tokens=100_000)
    asked = {"question": "How can I pay?", "agent": str(acme.agent.pk)}
    page = client_of(acme.owner).post(reverse("admin:knowledge_try"), asked)
    assert page.context["model_name"] == "fake"
    assert sorted(set(calls(acme))) == [("trial", "embed"), ("trial", "fake")]
    today = ModelCall.objects.of(acme.organization).filter(day=accounts.day_of())
    assert sum(one.prompt_tokens + one.completion_tokens for one in today) == spent_today(acme)[0]
    assert {one.agent for one in today} == {acme.agent}


def test_limit_of_a_question_that_is_tried_is_said(acme: House, server: OpenAIServer) -> None:
    index(faq(acme))
    limit(acme, monthly_tokens=0)
    page = client_of(acme.owner).post(
        reverse("admin:knowledge_try"), {"question": "How can I pay?"}
    )
    assert "The organization&#x27;s limit of the month is used up" in page.text
    assert "By card." in page.text, "what knowledge says is shown all the same"
    assert server.requests == []
