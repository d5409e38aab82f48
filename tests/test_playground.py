"""The playground: the same answers as a visitor gets, their receipts, and nothing kept of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import AsyncClient
from django.urls import reverse

import ai
from chat import lessons
from chat.models import Chat, Message, ModelCall, Reservation, Session, Turn, Visitor
from chat.protocol import Page
from chat.trials import rehearsal
from chat.visitor import Visit
from knowledge import entries, indexing
from knowledge.models import AskedQuestion, Category, ContextEntry, FAQEntry, Passage
from organizations import agents
from organizations.models import Budget, Member, ModelPrice, Organization
from tests.answering import answer as answered
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer
from tests.test_chat_assistant import ask as ask
from tests.test_chat_assistant import teach

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[OpenAIServer]:
    """A model that quotes the first source of its prompt."""
    with OpenAIServer() as running:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = running.base_url, "fake"
        yield running


def post(member: Member | None, **body: Any) -> tuple[int, list[dict[str, Any]]]:
    """What the page's script is answered: the status, and the objects of the stream."""

    async def work() -> tuple[int, bytes]:
        client = AsyncClient()
        if member:
            await client.aforce_login(member.user)
        response: Any = await client.post(
            reverse("admin:chat_playground_ask"),
            json.dumps({"language": "en", **body}),
            content_type="application/json",
            headers={"accept-language": "en"},
        )
        try:
            if not response.streaming:
                return response.status_code, response.content
            return response.status_code, b"".join([piece async for piece in response])
        finally:
            await ai.close()

    status, said = asyncio.run(work())
    if status in (302, 403):
        return status, []
    return status, [json.loads(line) for line in said.splitlines()]


def write(house: House, title: str, body: str) -> None:
    """Give an organization an article, which a model has to read."""
    article = entries.create_article(house.organization, title=title, body=body, language="en")
    indexing.index("article", article.pk, article.content_hash)


def key(house: House, which: str = "published") -> str:
    return f"{house.agent.pk}:{which}"


def keep_draft(house: House, **settings: Any) -> None:
    agents.keep_draft(house.agent, agents.drafted(house.agent) | settings)


def test_model_is_asked_as_for_a_visitor(acme: House, ask: Any, server: OpenAIServer) -> None:
    write(acme, "The tour of Kazan", "The long tour takes three hours.")
    ContextEntry.unscoped.create(organization=acme.organization, key="phone", value="5550100")
    page = Page(url="https://acme.example/t", title="T", context={"price": "3800"})
    ask("Hello there, what about tours?", Visit(acme.widget, page, "en"))
    answered()
    ask("Does the long tour take three hours or four?", Visit(acme.widget, page, "en"))
    turn = answered()
    real = server.requests[-1]
    history = [
        {"role": line.role, "text": line.content, "outcome": "answer" if line.sources else ""}
        for line in Message.unscoped.filter(chat=turn.chat, seq__lte=2).order_by("seq")
    ]
    status, said = post(
        acme.owner,
        agent=key(acme),
        text="Does the long tour take three hours or four?",
        history=history,
        page_url=page.url,
        page_title=page.title,
        page_facts="price: 3800",
    )
    assert status == 200
    assert server.requests[-1] is not real
    assert server.requests[-1] == real
    assert "".join(part["text"] for part in said[:-1]) == said[-1]["text"]


def test_receipt_names_everything(acme: House, server: OpenAIServer) -> None:
    write(acme, "The tour of Kazan", "The long tour takes three hours.")
    ModelPrice.unscoped.create(
        organization=acme.organization, model="fake", input_price=1, output_price=2
    )
    keep_draft(acme, instructions="Be kind to cats.")
    status, said = post(acme.owner, agent=key(acme, "draft"), text="Is the tour three hours long?")
    assert status == 200
    last = said[-1]
    assert last["type"] == "receipt"
    assert "The long tour takes three hours." in last["answer"]
    assert "The tour of Kazan" in last["answer"]
    receipt = last["receipt"]
    for part in ("fake", "Tokens", "0.000", "first words", "by meaning", "Be kind to cats."):
        assert part in receipt, part


def test_draft_answers_beside_what_is_published(acme: House, server: OpenAIServer) -> None:
    keep_draft(acme, instructions="Be kind to cats.")
    for which, is_told in (("draft", True), ("published", False)):
        post(acme.owner, agent=key(acme, which), text="What is there to see in Kazan?")
        assert ("cats" in server.requests[-1]["messages"][0]["content"]) is is_told


def test_drafts_own_categories_are_searched(acme: House) -> None:
    teach(acme, "How can I pay?", "By card or in cash.")
    shelf, other = (
        Category.unscoped.create(organization=acme.organization, name=name)
        for name in ("shelf", "other")
    )
    FAQEntry.unscoped.update(category=shelf)
    Passage.unscoped.update(category=shelf)
    keep_draft(acme, categories=[other.pk])
    assert "By card" in post(acme.owner, agent=key(acme), text="How can I pay?")[1][-1]["text"]
    said = post(acme.owner, agent=key(acme, "draft"), text="How can I pay?")[1][-1]
    assert "do not know" in said["text"]
    keep_draft(acme, categories=[shelf.pk])
    assert (
        "By card"
        in post(acme.owner, agent=key(acme, "draft"), text="How can I pay?")[1][-1]["text"]
    )


def test_nothing_is_kept_and_nothing_counts(acme: House, server: OpenAIServer) -> None:
    teach(acme, "How can I pay?", "By card or in cash.")
    post(acme.owner, agent=key(acme), text="How can I pay?")
    post(acme.owner, agent=key(acme), text="What is the weather on Mars?")
    lessons.learn()
    for model in (Visitor, Session, Chat, Turn, Message, AskedQuestion):
        assert not model.unscoped.exists(), model
    assert FAQEntry.unscoped.get().views_count == 0


def test_what_is_tried_is_booked_and_is_nobodys(acme: House, server: OpenAIServer) -> None:
    write(acme, "The tour of Kazan", "The long tour takes three hours.")
    ModelPrice.unscoped.create(
        organization=acme.organization, model="fake", input_price=1, output_price=2
    )
    Organization.objects.update(daily_tokens=100_000)
    said = post(acme.owner, agent=key(acme), text="Is the tour three hours long?")[1]
    call = ModelCall.unscoped.get()
    assert (call.purpose, call.organization, call.agent) == ("trial", acme.organization, acme.agent)
    assert (call.turn, call.chat, call.code) == (None, None, "")
    assert f"{call.prompt_tokens} + {call.completion_tokens}" in said[-1]["receipt"]
    assert str(call.cost) in said[-1]["receipt"]
    used = Budget.unscoped.get(scope="day")
    assert used.tokens == call.prompt_tokens + call.completion_tokens
    assert (used.held_tokens, Reservation.unscoped.count()) == (0, 0)


def test_failing_model_is_booked_and_frees_what_was_held(
    acme: House, server: OpenAIServer, settings: Any
) -> None:
    settings.OPENAI_MODEL = "fake-broken"
    Organization.objects.update(daily_tokens=100_000)
    said = post(acme.owner, agent=key(acme), text="What is there to see in Kazan?")[1][-1]
    assert said["outcome"] == "failed"
    calls = list(ModelCall.unscoped.all())
    assert {(call.purpose, call.code) for call in calls} == {("trial", "ai_broken")}
    used = Budget.unscoped.get(scope="day")
    assert used.tokens == sum(call.prompt_tokens + call.completion_tokens for call in calls) > 0
    assert (used.held_tokens, Reservation.unscoped.count()) == (0, 0)


def test_who_leaves_in_the_middle_has_it_booked(acme: House, server: OpenAIServer) -> None:
    Organization.objects.update(daily_tokens=100_000)
    asked = rehearsal.Asked(acme.agent, "What is there to see in Kazan?", "en")

    async def leave() -> None:
        pieces = rehearsal.stream(asked)
        assert isinstance(await anext(pieces), str)
        await pieces.aclose()
        await ai.close()

    Organization.objects.filter(pk=acme.organization.pk).first()
    acme.agent.refresh_from_db()
    asyncio.run(leave())
    call = ModelCall.unscoped.get()
    assert (call.purpose, call.code) == ("trial", "stopped")
    assert call.prompt_tokens > 0
    used = Budget.unscoped.get(scope="day")
    assert (used.tokens, used.held_tokens) == (call.prompt_tokens + call.completion_tokens, 0)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"daily_tokens": 0}, "The organization&#x27;s limit of the day is used up"),
        ({"monthly_cost": 0}, "The organization&#x27;s limit of the month is used up"),
    ],
)
def test_limit_that_is_used_up_is_said(
    acme: House, server: OpenAIServer, columns: dict[str, int], words: str
) -> None:
    Organization.objects.update(**columns)
    status, said = post(acme.owner, agent=key(acme), text="What is there to see in Kazan?")
    assert status == 200
    assert (said[-1]["type"], said[-1]["outcome"]) == ("receipt", "limit")
    assert words in said[-1]["answer"]
    assert server.requests == []


def test_request_for_a_person_hands_over(acme: House, server: OpenAIServer) -> None:
    said = post(acme.owner, agent=key(acme), text="I want to talk to a human")[1]
    assert "would be given to people" in said[-1]["answer"]
    keep_draft(acme, handoff_on=[])
    said = post(acme.owner, agent=key(acme, "draft"), text="I want to talk to a human")[1]
    assert "Talk to a person" in said[-1]["answer"]


def test_failing_model_shows_its_code(acme: House, server: OpenAIServer, settings: Any) -> None:
    for name, code in (
        ("fake-401", "ai_auth"),
        ("fake-broken", "ai_broken"),
        ("fake-empty", "ai_empty"),
    ):
        settings.OPENAI_MODEL = name
        said = post(acme.owner, agent=key(acme), text="Is the long tour three hours?")[1]
        assert code in said[-1]["receipt"], name


def test_markup_of_a_hostile_model_is_cleaned(
    acme: House, server: OpenAIServer, settings: Any
) -> None:
    settings.OPENAI_MODEL = "fake-hostile"
    html = post(acme.owner, agent=key(acme), text="What is there to see?")[1][-1]["answer"]
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript:' not in html


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"text": " "}, "bad_question"),
        ({"text": "x" * 4001}, "bad_question"),
        ({"history": [{"role": "user", "text": "x"}] * 61}, "long_dialogue"),
        ({"history": "x"}, "long_dialogue"),
        ({"language": "xx"}, "bad_request"),
        ({"agent": "7"}, "no_agent"),
        ({"page_facts": "cheap"}, "bad_facts"),
    ],
)
def test_bad_input_is_refused_in_words(acme: House, change: dict[str, Any], code: str) -> None:
    status, said = post(acme.owner, **{"agent": key(acme), "text": "Hello", **change})
    assert (status, said[0]["code"]) == (400, code)
    assert said[0]["message"]


def test_only_owners_of_the_agent_try_it(acme: House, globex: House) -> None:
    assert post(acme.operator, agent=key(acme), text="Hello")[0] == 403
    assert post(None, agent=key(acme), text="Hello")[0] == 302
    status, said = post(acme.owner, agent=key(globex), text="Hello")
    assert (status, said[0]["code"]) == (400, "no_agent")
    page = reverse("admin:chat_playground")
    assert client_of(acme.operator).get(page).status_code == 403
    shown = client_of(acme.owner).get(page).content.decode()
    assert key(acme) in shown
    assert key(globex) not in shown


def test_trouble_in_the_middle_is_told(
    acme: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr(rehearsal, "imagined", fail)
    status, said = post(acme.owner, agent=key(acme), text="Hello")
    assert (status, said[-1]["type"], said[-1]["code"]) == (200, "error", "failed")
    assert "secret" not in said[-1]["message"]
