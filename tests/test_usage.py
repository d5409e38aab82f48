"""Prices, and the figures of tokens and money: they add up to the turns, and are one's own."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from pytest_django import Settings

from ai.interface import Call, Usage
from chat import visitor
from chat.accounting import accounts, ledger, usage
from chat.accounting.accounts import Account, Price
from chat.models import Chat, ModelCall, Turn
from organizations import agents, budgets, pricing
from organizations.models import (
    Agent,
    Budget,
    ChatType,
    ModelHealth,
    ModelPrice,
    Organization,
    Provider,
)
from organizations.models.prices import cost
from organizations.templatetags.money import money
from tests import answering
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.django_db

TODAY = budgets.today


def account(house: House, turn: Turn | None = None, **fields: Any) -> Account:
    return Account(
        organization=house.organization,
        day=fields.pop("day", TODAY()),
        agent=house.agent,
        turn=turn.pk if turn else None,
        **fields,
    )


def asked(house: House, kind: ChatType | None = None) -> Turn:
    person = house.visitor()
    chat = visitor.new_chat(person, house.visit, uuid.uuid4(), "", "general")
    Chat.unscoped.filter(pk=chat.pk).update(kind=kind)
    visitor.say(person, house.visit, "Which one?", uuid.uuid4(), chat.chat_id)
    return Turn.unscoped.get(chat=chat)


def booked(house: House, turn: Turn | None = None, purpose: str = "answer", **fields: Any) -> None:
    call = Call(fields.pop("model", "m"), None, Usage(10, 5), **fields)
    ledger.book(account(house, turn, prices=PRICES), [(purpose, call)])


PRICES = {(None, "m"): Price(Decimal("0.5"), Decimal("0.05"), Decimal("2.123456"))}


# --- money ----------------------------------------------------------------------------------------


def test_cost_is_rounded_once_to_a_millionth() -> None:
    assert cost(1, 0, 0, Decimal("0.5"), None, Decimal(0)) == Decimal("0.000001")
    assert cost(1, 0, 0, Decimal("0.49"), None, Decimal(0)) == Decimal("0.000000")
    assert cost(1000, 400, 10, Decimal(10), Decimal(1), Decimal(30)) == Decimal("0.006700")
    assert cost(1000, 400, 10, Decimal(10), None, Decimal(30)) == Decimal("0.010300")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0.000001", "0.000001 USD"), ("12.5", "12.50 USD"), ("1200", "1,200.00 USD"), (None, "—")],
)
def test_money_shows_every_digit(value: str | None, shown: str) -> None:
    with translation.override("en"):
        assert money(Decimal(value) if value else None, "USD") == shown


# --- adding up ------------------------------------------------------------------------------------

CALLS = st.tuples(
    # The chat, 5: none; and whether it was for its turn, or for its result or summary.
    st.integers(0, 5),
    st.booleans(),
    st.integers(0, 3),  # days ago
    st.sampled_from(["m", "n", "free", "unknown"]),
    st.sampled_from(list(ModelCall.Purpose.values)),
    st.integers(0, 3_000_000),
    st.integers(0, 100),
    st.integers(0, 100_000),
    st.sampled_from(["", "stopped", "ai_timeout"]),
)
RANDOM_PRICES: dict[tuple[int | None, str], Price] = {
    (None, "m"): Price(Decimal("0.123457"), Decimal("0.012345"), Decimal("7.654321")),
    (None, "n"): Price(Decimal("33.333333"), None, Decimal("66.666667")),
    (None, "free"): Price(Decimal(0), None, Decimal(0)),
}


@trying(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(CALLS, max_size=40))
def test_every_grouping_adds_up_to_the_turns_to_the_last_digit(
    acme: House, globex: House, history: list[Any]
) -> None:
    ModelCall.unscoped.all().delete()
    Turn.unscoped.all().delete()
    Budget.unscoped.all().delete()
    ChatType.unscoped.all().delete()
    kinds = [
        *(ChatType.unscoped.create(organization=acme.organization, slug=slug) for slug in "ab"),
        None,
    ]
    made = [asked(acme, kinds[number % 3]) for number in range(5)]
    # What was never looked at before a call is opened with what was used by then.
    since = TODAY() - timedelta(days=9)
    for number, is_turns, days, model, purpose, prompt, cached, answer, code in history:
        chat = made[number].chat if number < 5 else None
        turn = made[number] if chat and is_turns else None
        call = Call(
            model, None, Usage(prompt, answer, prompt * cached // 100), code=code, milliseconds=1
        )
        day = TODAY() - timedelta(days=0 if turn else days)
        if chat and not turn:
            who = accounts.account_of(acme.organization, acme.agent, chat)
            who = replace(who, day=day, prices=RANDOM_PRICES)
        else:
            who = account(acme, turn, day=day, prices=RANDOM_PRICES)
        ledger.book(who, [(purpose, call)])
        booked(globex)
    total = usage.total(acme.organization, since, TODAY())
    with translation.override("en"):
        rows = {by: usage.rows(acme.organization, since, TODAY(), by) for by in usage.GROUPS}
    for by, found in rows.items():
        assert sum(row.calls for row in found) == total.calls == len(history), by
        assert sum(row.prompt for row in found) == total.prompt, by
        assert sum(row.answer for row in found) == total.answer, by
        assert sum((row.cost or Decimal() for row in found), Decimal()) == (total.cost or 0), by
    turns = Turn.objects.of(acme.organization)
    of_turns = turns.aggregate(
        prompt=Sum("prompt_tokens"), answer=Sum("completion_tokens"), cost=Sum("cost")
    )
    outside = ModelCall.objects.of(acme.organization).filter(turn=None)
    beside = outside.aggregate(
        prompt=Sum("prompt_tokens"), answer=Sum("completion_tokens"), cost=Sum("cost")
    )
    for name in ("prompt", "answer", "cost"):
        assert (of_turns[name] or 0) + (beside[name] or 0) == (getattr(total, name) or 0), name
    # And group by group.
    chats = Chat.objects.of(acme.organization)
    for row in rows["chat"]:
        if row.key is not None:
            assert row.cost == _spent_by(chats.filter(pk=row.key))
    labels = {row.label for row in rows["type"]}
    assert labels <= {"a", "b", "Without a type", "outside of chats"}
    for row in rows["type"]:
        if row.label != "outside of chats":
            assert row.cost == _spent_by(chats.filter(kind=row.key))
    for row in rows["agent"]:
        assert row.cost == total.cost
    _check_budgets(acme)
    for turn in made:
        _check_visitors_day(acme, turn.chat)


def _spent_by(chats: QuerySet[Chat]) -> Decimal | None:
    """What the turns of chats cost by their receipts, and the calls beside them."""
    costs = [
        *Turn.unscoped.filter(chat__in=chats).values_list("cost", flat=True),
        *ModelCall.unscoped.filter(chat__in=chats, turn=None).values_list("cost", flat=True),
    ]
    known = [one for one in costs if one is not None]
    return sum(known, Decimal()) if known else None


def _check_visitors_day(house: House, chat: Chat) -> None:
    """A visitor's limit that is set now finds all of today's, with or without a turn."""
    house.agent.daily_tokens_per_visitor = 10**12
    who = accounts.account_of(house.organization, house.agent, chat)
    assert ledger.reserve(who, who.limits(), 0, Decimal(), uuid.uuid4()) == ""
    house.agent.daily_tokens_per_visitor = None
    budget = Budget.objects.of(house.organization).get(scope="visitor", key=str(who.visitor))
    today = ModelCall.objects.of(house.organization).filter(chat=chat, day=TODAY())
    used = today.aggregate(
        tokens=Coalesce(Sum(F("prompt_tokens") + F("completion_tokens")), 0), cost=Sum("cost")
    )
    assert (budget.tokens, budget.cost) == (used["tokens"], used["cost"] or 0)


def _check_budgets(house: House) -> None:
    """A limit that is set now finds what the calls of its day and month add up to."""
    Agent.objects.of(house.organization).update(daily_tokens=10**12)
    Organization.objects.filter(pk=house.organization.pk).update(
        daily_cost=10**8, monthly_tokens=10**12
    )
    house.agent.refresh_from_db()
    house.organization.refresh_from_db()
    who = account(house)
    assert ledger.reserve(who, who.limits(), 0, Decimal(), uuid.uuid4()) == ""
    for scope, since in (
        ("agent", TODAY()),
        ("day", TODAY()),
        ("month", TODAY().replace(day=1)),
    ):
        budget = Budget.objects.of(house.organization).get(scope=scope)
        used = usage.total(house.organization, since, TODAY())
        assert (budget.tokens, budget.cost) == (used.tokens, used.cost or 0), scope
    Agent.objects.of(house.organization).update(daily_tokens=None)
    Organization.objects.filter(pk=house.organization.pk).update(
        daily_cost=None, monthly_tokens=None
    )
    house.agent.refresh_from_db()
    house.organization.refresh_from_db()


# --- the page -------------------------------------------------------------------------------------


def shown(who: Any, **query: Any) -> Any:
    return client_of(who).get(reverse("admin:usage"), query)


def test_page_shows_own_figures_and_adds_up(acme: House, globex: House) -> None:
    turn = asked(acme)
    booked(acme, turn)
    booked(acme, turn, "rewrite", code="ai_timeout")
    booked(globex, asked(globex), model="globexmodel")
    for by in usage.GROUPS:
        response = shown(acme.owner, by=by)
        assert response.status_code == 200
        page = response.content.decode()
        assert "globexmodel" not in page
        assert response.context["total"].calls == 2
        assert sum(row.tokens for row, _tokens, _cost in response.context["groups"]) == 30
        # 10 × 0.5 + 5 × 2.123456, twice, of a million.
        assert "0.000032 USD" in page


def test_page_is_the_owners(acme: House, outsider: Any) -> None:
    assert shown(acme.operator).status_code == 403
    for who in (None, outsider):
        assert shown(who).status_code == 302


def test_file_holds_the_same_figures(acme: House) -> None:
    booked(acme, asked(acme))
    ModelCall.unscoped.update(model="=1+1")
    response = shown(acme.owner, by="model", format="csv")
    assert response["Content-Type"].startswith("text/csv")
    text = b"".join(response).decode()
    header, row = csv.reader(io.StringIO(text))
    assert header == ["model", *usage.COLUMNS]
    assert row == ["'=1+1", "1", "0", "10", "0", "5", "0.000016"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"period": "own", "since": "2026-02-01", "until": "2026-01-01"}, "period_order"),
        ({"period": "own", "since": "2020-01-01", "until": "2026-01-01"}, "period_long"),
        ({"period": "own", "since": "yesterday"}, "invalid"),
        ({"period": "for ever"}, "invalid_choice"),
        ({"by": "visitor"}, "invalid_choice"),
    ],
)
def test_bad_question_is_refused_with_a_sentence(
    acme: House, query: dict[str, str], code: str
) -> None:
    response = shown(acme.owner, **query)
    assert response.status_code == 400
    errors = response.context["form"].errors.as_data()
    assert code in {error.code for found in errors.values() for error in found}
    assert b'role="alert"' in response.content


def test_period_holds_its_days_and_no_others(acme: House) -> None:
    for days in (0, 5, 40):
        call = Call("m", None, Usage(1, 0))
        ledger.book(account(acme, day=TODAY() - timedelta(days=days)), [("answer", call)])
    for period, calls in (("today", 1), ("7", 2), ("30", 2)):
        response = shown(acme.owner, period=period)
        assert response.context["total"].calls == calls, period
    day = (TODAY() - timedelta(days=40)).isoformat()
    response = shown(acme.owner, period="own", since=day, until=day)
    assert response.context["total"].calls == 1
    assert [row.label for row, *_bars in response.context["groups"]] == [day]


def test_owner_is_warned_from_80_percent_on(acme: House) -> None:
    Agent.objects.of(acme.organization).update(daily_tokens=100)
    Budget.unscoped.create(
        organization=acme.organization,
        scope="agent",
        key=str(acme.agent.pk),
        since=TODAY(),
        tokens=79,
    )
    start = reverse("admin:index")
    assert b"nearly used up" not in client_of(acme.owner).get(start).content
    for tokens, words in ((80, b"A limit is nearly used up"), (100, b"A limit is used up")):
        Budget.unscoped.update(tokens=tokens)
        page = client_of(acme.owner).get(start).content
        assert words in page
        assert f"{tokens} / 100 ({tokens} %)".encode() in page
        agent = reverse("admin:organizations_agent_change", args=[acme.agent.pk])
        assert f"{tokens} of 100 tokens".encode() in client_of(acme.owner).get(agent).content
    assert b"used up" not in client_of(acme.operator).get(start).content


def test_organization_page_takes_limits(acme: House) -> None:
    address = reverse("admin:organizations_organization_change", args=[acme.organization.pk])
    client = client_of(acme.owner)
    values = {"name": "Acme", "currency": "RUB", "daily_tokens": "5000", "monthly_cost": "99.50"}
    assert client.post(address, values).status_code == 302
    acme.organization.refresh_from_db()
    assert (acme.organization.currency, acme.organization.daily_tokens) == ("RUB", 5000)
    assert acme.organization.monthly_cost == Decimal("99.50")
    page = client.get(address).content
    assert b"of 5,000 tokens" in page
    # Said once, when it was another before.
    assert b"Nothing was converted" in page
    client.post(address, values)
    assert b"Nothing was converted" not in client.get(address).content
    bad = {"currency": "rubles", "daily_tokens": "-1", "daily_cost": "0.001", "monthly_cost": "x"}
    response = client.post(address, {**values, **bad})
    assert set(response.context["adminform"].form.errors) == set(bad)


def test_receipt_tells_each_attempt_and_why_it_failed(acme: House) -> None:
    turn = asked(acme)
    booked(acme, turn, code="ai_timeout")
    booked(acme, turn)
    for address in (
        reverse("admin:chat_chat_change", args=[turn.chat_id]),
        reverse("admin:chat_turn_change", args=[turn.pk]),
    ):
        page = client_of(acme.operator).get(address).content.decode()
        assert "<code>ai_timeout</code> The provider did not answer in time." in page
        assert page.count("<strong>m</strong>") == 2


# --- prices ---------------------------------------------------------------------------------------


@pytest.fixture
def server(settings: Settings) -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        settings.OUTGOING_ALLOWED = [f"127.0.0.1:{running.port}"]
        yield running


def use(house: House, server: OpenAIServer, *models: str) -> Provider:
    row = Provider(
        organization=house.organization, name="own", kind="other", base_url=server.base_url
    )
    row.key = "sk-any-key-0123456789"
    row.save()
    first, *rest = models
    agents.keep_draft(
        house.agent,
        {
            "provider": row.pk,
            "model": first,
            "fallbacks": [{"provider": row.pk, "model": name} for name in rest],
        },
    )
    agents.publish(house.agent)
    return row


PAGE = "admin:organizations_modelprice_take_from_provider"


def test_prices_are_taken_from_the_providers_list(acme: House, server: OpenAIServer) -> None:
    provider = use(acme, server, "fake", "fake-slow", "fake-old", "fake-new", "fake-empty")
    client = client_of(acme.owner)
    assert client.get(reverse(PAGE)).status_code == 200
    response = client.post(reverse(PAGE), {"provider": provider.pk}, follow=True)
    assert b"The prices of 2 models were taken." in response.content
    price = ModelPrice.objects.of(acme.organization).get(model="fake")
    assert (price.input_price, price.output_price) == (Decimal("2.5"), Decimal(10))
    assert (price.cached_price, price.origin) == (Decimal("1.25"), "provider")
    free = ModelPrice.objects.of(acme.organization).get(model="fake-slow")
    assert free.input_price == 0
    assert {model for _whose, model in pricing.missing(acme.organization)} == {
        *("fake-old", "fake-new", "fake-empty")
    }


def test_prices_of_another_currency_are_not_mixed_up(acme: House, server: OpenAIServer) -> None:
    provider = use(acme, server, "fake")
    Organization.objects.filter(pk=acme.organization.pk).update(currency="RUB")
    response = client_of(acme.owner).post(reverse(PAGE), {"provider": provider.pk}, follow=True)
    assert b"in US dollars, and yours are in RUB" in response.content
    assert not ModelPrice.unscoped.exists()


def test_list_that_cannot_be_fetched_says_why(acme: House, server: OpenAIServer) -> None:
    provider = use(acme, server, "fake")
    server.key = "another"
    response = client_of(acme.owner).post(reverse(PAGE), {"provider": provider.pk}, follow=True)
    assert b"The key is refused." in response.content
    assert client_of(acme.operator).post(reverse(PAGE), {}).status_code == 403


def test_another_organizations_provider_is_no_choice(
    acme: House, globex: House, server: OpenAIServer
) -> None:
    provider = use(globex, server, "fake")
    response = client_of(acme.owner).post(reverse(PAGE), {"provider": provider.pk})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not ModelPrice.unscoped.exists()


def test_price_is_typed_once_for_a_model(acme: House) -> None:
    client: Client = client_of(acme.owner)
    address = reverse("admin:organizations_modelprice_add")
    values = {"model": "m", "input_price": "0.15", "output_price": "0.6"}
    assert client.post(address, values).status_code == 302
    response = client.post(address, values)
    assert b"This model has a price already." in response.content
    bad = client.post(address, {**values, "model": "n", "input_price": "-1"})
    assert "input_price" in bad.context["adminform"].form.errors
    assert ModelPrice.objects.of(acme.organization).get().origin == "typed"


# --- trouble, as the owner sees it ----------------------------------------------------------------


def test_owner_sees_which_model_is_left_alone_and_why(acme: House, server: OpenAIServer) -> None:
    provider = use(acme, server, "fake")
    ModelHealth.unscoped.create(
        organization=acme.organization,
        provider=provider,
        model="fake",
        failures=5,
        since=timezone.now(),
        failed_at=timezone.now(),
        open_until=timezone.now() + timedelta(minutes=1),
        error="ai_quota",
    )
    client = client_of(acme.owner)
    address = reverse("admin:organizations_provider_change", args=[provider.pk])
    for page in (client.get(address), shown(acme.owner)):
        assert b"left alone until" in page.content
        assert b"no money or quota left" in page.content
    values = {
        "name": "own",
        "kind": "other",
        "base_url": server.base_url,
        "timeout": "20",
        "silence": "20",
        "is_active": "on",
    }
    assert client.post(address, values).status_code == 302
    assert not ModelHealth.unscoped.exists(), "it is asked at once with the new settings"


@pytest.mark.django_db(transaction=True)
def test_paid_search_is_booked_with_the_turn(
    acme: House, server: OpenAIServer, settings: Settings
) -> None:
    settings.OPENAI_EMBEDDING_MODEL = "embed"
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.base_url, "any"
    settings.OPENAI_MODEL = "fake"
    ModelPrice.unscoped.create(
        organization=acme.organization, model="embed", input_price=1000, output_price=0
    )
    visitor.say(acme.visitor(), acme.visit, "Which colours are there?", uuid.uuid4())
    turn = answering.answer()
    calls = {call.purpose: call for call in ModelCall.unscoped.filter(turn=turn)}
    assert set(calls) == {"embedding", "answer"}
    # The local server counts a token a letter.
    assert calls["embedding"].prompt_tokens == len("Which colours are there?")
    assert turn.cost == calls["embedding"].cost == Decimal("0.024")
    whole = ModelCall.unscoped.aggregate(all=Sum(F("prompt_tokens") + F("completion_tokens")))
    assert whole["all"] == (turn.prompt_tokens or 0) + (turn.completion_tokens or 0)
    assert Chat.unscoped.get().answered_seq == 1
