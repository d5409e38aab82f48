"""Agents: drafts, versions, what they change and the way back; and what a turn names of them."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from chat import conversation, turns, views, visitor
from chat.answering import planning, plans
from chat.models import Chat, Mode, Turn
from knowledge.models import Category
from organizations import agents, providers
from organizations.models import Agent, AgentVersion, Provider, Tool
from tests.answering import answer as answered
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer
from tests.test_providers import agent_values, fallback, made

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def allowed(server: OpenAIServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]


def change(house: House, **fields: Any) -> Any:
    """Send the form of the house's agent."""
    address = reverse("admin:organizations_agent_change", args=[house.agent.pk])
    response = client_of(house.owner).post(address, {**agent_values(house.agent), **fields})
    house.agent.refresh_from_db()
    return response


def versions(house: House) -> list[int]:
    return list(
        AgentVersion.objects.of(house.organization)
        .filter(agent=house.agent)
        .order_by("number")
        .values_list("number", flat=True)
    )


# --- drafts and versions ----------------------------------------------------------------------


def test_new_agent_is_published_at_once(acme: House) -> None:
    address = reverse("admin:organizations_agent_add")
    values = {**agent_values(acme.agent), "name": "second", "instructions": "Be kind."}
    assert client_of(acme.owner).post(address, values).status_code == 302
    agent = Agent.objects.of(acme.organization).get(name="second")
    assert agent.draft is None
    assert agent.version is not None
    assert (agent.version.number, agent.version.author) == (1, acme.owner)
    assert agent.version.settings == agents.published(agent)
    assert agent.instructions == "Be kind."


def test_form_of_a_new_agent_offers_every_reason_for_a_handoff(acme: House) -> None:
    page = client_of(acme.owner).get(reverse("admin:organizations_agent_add"))
    chosen = page.context["adminform"].form["handoff_on"].value()
    assert chosen == list(Agent.HandoffOn.values)
    assert "There are no tools yet" in page.text
    assert "In USD. Empty: no limit." in page.text


def test_what_is_saved_is_a_draft_until_it_is_published(acme: House) -> None:
    shelf = Category.unscoped.create(organization=acme.organization, name="Tours")
    change(acme, instructions="New\r\nwords.", temperature="0.9", categories=[shelf.pk])
    assert (acme.agent.instructions, acme.agent.temperature) == ("", 0.3)
    assert list(acme.agent.categories.all()) == []
    assert acme.agent.draft == {
        "instructions": "New\nwords.",
        "temperature": 0.9,
        "categories": [shelf.pk],
    }
    client = client_of(acme.owner)
    page = client.get(reverse("admin:organizations_agent_change", args=[acme.agent.pk]))
    assert page.context["adminform"].form["instructions"].value() == "New\nwords."
    shown = [(one.label, one.before, one.after) for one in page.context["changes"]]
    assert shown == [
        ("Instructions", "", "New\nwords."),
        ("Temperature", "0.3", "0.9"),
        ("Knowledge categories", "", "Tours"),
    ]
    publish = reverse("admin:organizations_agent_publish", args=[acme.agent.pk])
    assert "New" in client.get(publish).content.decode()
    client.post(publish, {"note": "kinder"})
    acme.agent.refresh_from_db()
    assert (acme.agent.instructions, acme.agent.draft) == ("New\nwords.", None)
    assert list(acme.agent.categories.all()) == [shelf]
    version = acme.agent.version
    assert version is not None
    assert (version.number, version.note, version.author) == (2, "kinder", acme.owner)


def test_form_sent_unchanged_leaves_no_draft(acme: House) -> None:
    change(acme)
    assert acme.agent.draft is None
    change(acme, temperature="0.9")
    change(acme, temperature="0.3")
    assert acme.agent.draft is None


def test_nothing_is_published_twice(acme: House) -> None:
    publish = reverse("admin:organizations_agent_publish", args=[acme.agent.pk])
    client_of(acme.owner).post(publish, {"note": ""})
    assert versions(acme) == [1]


def test_draft_is_discarded(acme: House) -> None:
    change(acme, temperature="0.9")
    discard = reverse("admin:organizations_agent_discard", args=[acme.agent.pk])
    client_of(acme.owner).get(discard)
    acme.agent.refresh_from_db()
    assert acme.agent.draft is not None
    client_of(acme.owner).post(discard)
    acme.agent.refresh_from_db()
    assert acme.agent.draft is None


def test_older_version_is_published_again_as_a_new_one(acme: House) -> None:
    agents.keep_draft(acme.agent, {"instructions": "Second."})
    agents.publish(acme.agent)
    agents.keep_draft(acme.agent, {"instructions": "A draft."})
    first = AgentVersion.objects.of(acme.organization).get(agent=acme.agent, number=1)
    back = reverse("admin:organizations_agentversion_roll_back", args=[first.pk])
    client = client_of(acme.owner)
    assert "Second." in client.get(back).content.decode()
    client.post(back)
    acme.agent.refresh_from_db()
    assert versions(acme) == [1, 2, 3]
    assert (acme.agent.instructions, acme.agent.draft) == ("", None)
    third = acme.agent.version
    assert third is not None
    assert (third.number, third.settings, third.note) == (3, first.settings, "As version 1")


def test_version_of_a_deleted_provider_becomes_the_draft(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    agents.keep_draft(acme.agent, {"provider": provider.pk, "model": "fake"})
    second = agents.publish(acme.agent)
    agents.keep_draft(acme.agent, {"provider": None, "model": ""})
    agents.publish(acme.agent)
    gone = provider.pk
    provider.delete()
    with pytest.raises(ValidationError) as refused:
        agents.roll_back(acme.agent, second)
    assert refused.value.code == "provider_gone"
    back = reverse("admin:organizations_agentversion_roll_back", args=[second.pk])
    page = client_of(acme.owner).post(back, follow=True).content.decode()
    assert "has been deleted" in page
    acme.agent.refresh_from_db()
    assert acme.agent.draft == {"provider": gone, "model": "fake"}
    assert versions(acme) == [1, 2, 3]


def test_version_of_a_deleted_category_is_not_published(acme: House) -> None:
    """Without its only shelf the agent would find everything."""
    shelf = Category.unscoped.create(organization=acme.organization, name="Tours")
    agents.keep_draft(acme.agent, {"categories": [shelf.pk]})
    shelf.delete()
    with pytest.raises(ValidationError) as refused:
        agents.publish(acme.agent)
    assert refused.value.code == "category_gone"
    assert versions(acme) == [1]


def test_published_version_never_changes(acme: House) -> None:
    version = acme.agent.version
    assert version is not None
    version.note = "another"
    with pytest.raises(TypeError):
        version.save()


def test_every_setting_is_in_a_version_and_back_again(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    shelf = Category.unscoped.create(organization=acme.organization, name="Tours")
    tool = Tool.unscoped.create(
        organization=acme.organization, name="t", label="T", url="https://acme.example/"
    )
    fields: dict[str, Any] = {
        "avatar": SimpleUploadedFile("face.png", PIXEL, "image/png"),
        "instructions": "Say it.",
        "tone": "formal",
        "languages": ["ru"],
        "greeting_0": "Привет",
        "greeting_1": "Hello",
        "suggested_questions_0": "Где?\n\nКогда?\nГде?",
        "provider": provider.pk,
        "model": "fake",
        **fallback(provider, "fake-slow"),
        "fallbacks_2_model": "server-model",
        "temperature": "1",
        "top_p": "0.5",
        "max_tokens": "100",
        "context_window": "9000",
        "only_from_sources": "on",
        "remembers": "on",
        "reply_delay": "2",
        "categories": [shelf.pk],
        "handoff_on": ["error"],
        "daily_turns_per_visitor": "7",
        "daily_tokens_per_visitor": "5000",
        "daily_cost_per_visitor": "0.5",
        "daily_tokens_per_ip": "50000",
        "daily_cost_per_ip": "5",
        "daily_tokens": "500000",
        "daily_cost": "50",
        "tools": [tool.pk],
    }
    assert change(acme, **by_name(fields)).status_code == 302
    expected = agents.drafted(acme.agent)
    assert set(acme.agent.draft or {}) == {*agents.FIELDS, agents.CATEGORIES}
    agents.publish(acme.agent)
    assert agents.published(acme.agent) == expected
    assert acme.agent.suggested_questions == {"ru": ["Где?", "Когда?"]}
    assert acme.agent.fallbacks == [
        {"provider": provider.pk, "model": "fake-slow"},
        {"provider": None, "model": "server-model"},
    ]
    assert acme.agent.avatar.read() == PIXEL
    acme.agent.avatar.delete(save=False)


def by_name(fields: dict[str, Any]) -> dict[str, Any]:
    """Inputs by language are named after it."""
    return {
        name.replace("_0", "_ru").replace("_1", "_en")
        if name[:-2] in ("greeting", "suggested_questions")
        else name: value
        for name, value in fields.items()
    }


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"suggested_questions_ru": "\n".join(map(str, range(7)))}, "suggested_questions"),
        ({"suggested_questions_en": "x" * 121}, "suggested_questions"),
        ({"greeting_en": "x" * 1001}, "greeting"),
        ({"fallbacks_1_provider": "999999", "fallbacks_1_model": "m"}, "fallbacks"),
        ({"fallbacks_1_provider": "x", "fallbacks_1_model": "m"}, "fallbacks"),
        ({"top_p": "1.5"}, "top_p"),
        ({"languages": ["xx"]}, "languages"),
        ({"handoff_on": ["never"]}, "handoff_on"),
        ({"categories": ["999999"]}, "categories"),
        ({"provider": "999999"}, "provider"),
    ],
)
def test_bad_value_is_refused(acme: House, fields: dict[str, Any], name: str) -> None:
    response = change(acme, **fields)
    assert list(response.context["adminform"].form.errors) == [name]
    assert acme.agent.draft is None


def test_form_shows_the_fallbacks_that_are_stored(acme: House) -> None:
    fallbacks = [{"provider": None, "model": name} for name in ("second", "third")]
    agents.keep_draft(acme.agent, {"fallbacks": fallbacks})
    address = reverse("admin:organizations_agent_change", args=[acme.agent.pk])
    form = client_of(acme.owner).get(address).context["adminform"].form
    rows = form["fallbacks"].field.widget.get_context("fallbacks", form["fallbacks"].value(), {})
    shown = [model["value"] for _provider, model in rows["widget"]["rows"]]
    assert shown == ["second", "third", None, None]


def test_words_that_differ_are_marked(acme: House) -> None:
    before = {"instructions": "Answer briefly and kindly."}
    after = {"instructions": "Answer kindly."}
    (change_,) = agents.differences(acme.agent, before, after)
    left, right = change_.pieces()
    assert left == [("Answer", False), (" briefly and", True), (" kindly.", False)]
    assert right == [("Answer", False), (" kindly.", False)]


def test_migration_publishes_what_was_there(acme: House) -> None:
    """Run again on rows of today, of which it knows what was there then."""
    migration = importlib.import_module("organizations.migrations.0004_publish_agents")
    shelf = Category.unscoped.create(organization=acme.organization, name="Tours")
    shelf.agents.add(acme.agent)
    AgentVersion.objects.of(acme.organization).delete()
    former = {"fallback_model": "old-fallback", "input_price": None, "output_price": None}
    for name, value in former.items():
        setattr(Agent, name, value)
    try:
        migration.publish(apps, None)
    finally:
        for name in former:
            delattr(Agent, name)
    acme.agent.refresh_from_db()
    assert acme.agent.version is not None
    assert acme.agent.fallbacks == [{"provider": None, "model": "old-fallback"}]
    now, then = agents.published(acme.agent), acme.agent.version.settings
    assert then.items() >= {name: now[name] for name in now if name in then}.items()
    assert {"instructions", "model", "fallbacks", agents.CATEGORIES} <= then.keys()


# --- answering --------------------------------------------------------------------------------


def asked(house: House, text: str) -> Turn:
    """A visitor's question as the turn that answers it."""
    visitor.say(house.visitor(), house.visit, text, uuid.uuid4())
    return Turn.objects.of(house.organization).latest("pk")


@pytest.mark.django_db(transaction=True)
def test_turn_names_the_version_that_answered(acme: House, settings: Settings) -> None:
    settings.KNOWLEDGE_STREAM_DELAY = 0
    first = answered(asked(acme, "Where are you?"))
    assert first.agent_version == acme.agent.version
    agents.keep_draft(acme.agent, {"temperature": 0.9})
    assert answered(asked(acme, "Where are you?")).agent_version == first.agent_version
    agents.publish(acme.agent)
    second = answered(asked(acme, "Where are you?"))
    assert second.agent_version == acme.agent.version
    assert second.agent_version != first.agent_version


def planned(turn: Turn) -> plans.Plan:
    claim = turns.claim(turn.pk)
    assert isinstance(claim, turns.Claim)
    plan = planning.prepare(claim)
    assert isinstance(plan, plans.Plan)
    return plan


def test_draft_and_versions_cost_no_statement(
    acme: House, server: OpenAIServer, allowed: None
) -> None:
    """Nor do providers: all is read in the one that reads the question."""

    def statements() -> int:
        turn = asked(acme, "Where are you?")
        with CaptureQueriesContext(connection) as seen:
            planned(turn)
        return len(seen)

    plain = statements()
    agents.keep_draft(acme.agent, {"temperature": 0.9})
    assert statements() == plain
    first, second = made(acme, server), made_second(acme, server)
    agents.keep_draft(
        acme.agent,
        {
            "provider": first.pk,
            "model": "fake",
            "fallbacks": [
                {"provider": second.pk, "model": "fake"},
                {"provider": first.pk, "model": "fake-slow"},
            ],
        },
    )
    agents.publish(acme.agent)
    assert statements() == plain


def made_second(house: House, server: OpenAIServer) -> Provider:
    provider = Provider(
        organization=house.organization, name="Second", kind="other", base_url=server.base_url
    )
    provider.key = "sk-second-0123456789"
    provider.save()
    return provider


@pytest.mark.django_db(transaction=True)
def test_fallbacks_are_asked_in_order_with_their_own_keys(
    acme: House, server: OpenAIServer, allowed: None
) -> None:
    first, second = made(acme, server), made_second(acme, server)
    agents.keep_draft(
        acme.agent,
        {
            "provider": first.pk,
            "model": "fake-500",
            "fallbacks": [
                {"provider": first.pk, "model": "fake-404"},
                {"provider": second.pk, "model": "fake"},
            ],
        },
    )
    agents.publish(acme.agent)
    server.requests.clear()
    server.headers.clear()
    turn = answered(asked(acme, "Where are you?"))
    assert [request["model"] for request in server.requests] == [
        *("fake-500", "fake-500"),
        *("fake-404", "fake"),
    ]
    assert server.headers[-1]["Authorization"] == "Bearer sk-second-0123456789"
    assert (turn.status, turn.model) == (Turn.Status.DONE, "fake")


@pytest.mark.django_db(transaction=True)
def test_settings_reach_the_model(acme: House, server: OpenAIServer, allowed: None) -> None:
    provider = made(acme, server)
    provider.site_url, provider.site_title = "https://example.com", "Example"
    provider.headers = "X-Team: a"
    provider.save()
    agents.keep_draft(
        acme.agent,
        {
            "provider": provider.pk,
            "model": "fake",
            "top_p": 0.5,
            "tone": "formal",
            "languages": ["ru"],
            "instructions": "Mention the weather.",
        },
    )
    agents.publish(acme.agent)
    answered(asked(acme, "Where are you?"))
    request, sent = server.requests[-1], server.headers[-1]
    assert request["top_p"] == 0.5
    prompt = request["messages"][0]["content"]
    for words in ("Mention the weather.", "Be formal", "Answer only in Russian"):
        assert words in prompt
    shown = {name: sent.get(name) for name in ("HTTP-Referer", "X-Title", "X-Team")}
    assert shown == {"HTTP-Referer": "https://example.com", "X-Title": "Example", "X-Team": "a"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("problem", ["ai_key_unreadable", "ai_provider_off"])
def test_provider_that_cannot_be_asked_leaves_knowledge_alone(
    acme: House, server: OpenAIServer, allowed: None, settings: Settings, problem: str
) -> None:
    settings.KNOWLEDGE_STREAM_DELAY = 0
    provider = made(acme, server)
    agents.keep_draft(acme.agent, {"provider": provider.pk, "model": "fake"})
    agents.publish(acme.agent)
    entry(acme)
    if problem == "ai_provider_off":
        Provider.objects.of(acme.organization).update(is_active=False)
    else:
        settings.ENCRYPTION_KEYS = ["another long random text"]
    server.requests.clear()
    turn = answered(asked(acme, "May I bring my violin on board, please?"))
    assert server.requests == []
    assert (turn.status, turn.model, turn.error) == (Turn.Status.DONE, "knowledge", problem)


def entry(house: House) -> None:
    """A piece of knowledge that answers less than surely."""
    from knowledge import entries, indexing
    from knowledge.models import Article

    article = Article(
        organization=house.organization,
        title="Music on board",
        body="Instruments such as a violin are welcome on board in their cases.",
    )
    entries.save(article)
    indexing.index("article", article.pk, article.content_hash)


def test_provider_of_a_fallback_that_is_gone_is_passed_over(acme: House) -> None:
    acme.agent.fallbacks = [{"provider": 999_999, "model": "m"}]
    first, (second,) = providers.models_of(acme.agent, {})
    assert (first.problem, second.problem) == ("", "ai_provider_gone")


# --- handing over -----------------------------------------------------------------------------


def test_owner_may_keep_wishes_in_words_with_the_assistant(acme: House) -> None:
    turn = asked(acme, "I want to talk to a person")
    claim = turns.claim(turn.pk)
    assert isinstance(claim, turns.Claim)
    assert isinstance(planning.prepare(claim), plans.HandOver)
    agents.keep_draft(acme.agent, {"handoff_on": ["error"]})
    agents.publish(acme.agent)
    plan = planned(asked(acme, "I want to talk to a person"))
    assert plan.offers_support
    assert "press" in plan.request.fallback


def test_owner_may_keep_failures_with_the_assistant(acme: House) -> None:
    agents.keep_draft(acme.agent, {"handoff_on": ["asked"]})
    agents.publish(acme.agent)
    turn = asked(acme, "Where are you?")
    Turn.objects.of(acme.organization).update(failures=turns.MAX_FAILURES)
    assert conversation.give_up(turn.pk)
    chat = Chat.objects.of(acme.organization).get(pk=turn.chat_id)
    assert chat.mode == Mode.AI
    last = chat.messages.order_by("seq").last()
    assert last is not None
    assert last.offers_support


# --- the widget -------------------------------------------------------------------------------


def test_widget_shows_greeting_and_questions_of_its_agent(acme: House) -> None:
    agents.keep_draft(
        acme.agent,
        {
            "greeting": {"ru": "Привет", "en": "Hi there"},
            "suggested_questions": {"ru": ["Где вы?"]},
        },
    )
    widget = acme.widget
    widget.agent = acme.agent
    assert views.frame_config(widget, "ru")["suggested_questions"] == []
    agents.publish(acme.agent)
    assert views.frame_config(widget, "ru")["suggested_questions"] == ["Где вы?"]
    assert views.frame_config(widget, "en")["suggested_questions"] == []
    assert views.frame_config(widget, "en")["welcome_message"] == "Hi there"
    widget.welcome_message = "Own words"
    assert views.frame_config(widget, "en")["welcome_message"] == "Own words"


def test_a_long_text_of_the_same_few_words_is_compared_at_once() -> None:
    """Word by word it would take minutes, and a process with it."""
    before, after = " a b" * 1000, " a a b b" * 500
    left, right = agents.Difference("instructions", "", before, after).pieces()
    assert ("".join(text for text, _is_other in left), "".join(t for t, _o in right)) == (
        before,
        after,
    )
