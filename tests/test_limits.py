"""Limits of tokens and money: held before a model is asked, booked after it, never passed."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

import ai
from ai.interface import AIError, Call, ChatRequest, PromptMessage, Usage
from ai.scripted import ScriptedModel
from chat import assistant, turns, visitor
from chat.accounting import accounts, bills, ledger
from chat.accounting.accounts import Account, Limit, Scope
from chat.delivery.deltas import DeltaPipe
from chat.management.commands.dispatch import dispatch_once
from chat.models import Chat, Message, ModelCall, Reservation, Turn
from knowledge import entries, indexing
from organizations.models import Agent, Budget, ModelPrice, Organization
from tests.conftest import House
from tests.openai_server import OpenAIServer
from tests.processes import started
from tests.product import wait_until
from tests.racing import racers
from webassistant.boot import processes

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "Which one is it that I should take along?"
LOST = AIError("gone", code="ai_unavailable", retryable=True)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """A model that says what the test has enqueued."""
    scripted = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: scripted)
    return scripted


def ask(house: House, text: str = QUESTION, person: Any = None) -> Turn:
    visitor.say(person or house.visitor(), house.visit, text, uuid.uuid4())
    return Turn.objects.of(house.organization).latest("pk")


def answered(*asked: Turn) -> list[Turn]:
    """Answer turns at once, as one worker would."""

    async def work() -> None:
        pipe = DeltaPipe()
        await asyncio.gather(*(assistant.answer(turn.pk, pipe) for turn in asked))
        await pipe.aclose()

    asyncio.run(work())
    for turn in asked:
        turn.refresh_from_db()
    return list(asked)


def said(turn: Turn) -> str:
    lines = Message.unscoped.filter(chat=turn.chat_id, role="assistant").order_by("seq")
    return "\n".join(line.content for line in lines)


def limit_agent(house: House, **columns: Any) -> None:
    """Set an agent's limits; it gives no chat to people by itself."""
    columns.setdefault("handoff_on", [])
    Agent.objects.of(house.organization).update(**columns)


def price(house: House, **prices: Any) -> None:
    given = {"model": "scripted", "input_price": 1000, "output_price": 2000, **prices}
    ModelPrice.unscoped.create(organization=house.organization, **given)


def budget(house: House, scope: Scope) -> Budget:
    return Budget.objects.of(house.organization).get(scope=scope)


def spent(house: House, scope: Scope, tokens: int = 0, cost: str = "0", key: str = "") -> None:
    """Say that so much was used today already."""
    Budget.unscoped.create(
        organization=house.organization,
        scope=scope,
        key=key,
        since=accounts.day_of().replace(day=1) if scope == Scope.MONTH else accounts.day_of(),
        tokens=tokens,
        cost=Decimal(cost),
    )


def account(house: House, **fields: Any) -> Account:
    house.agent.refresh_from_db()
    house.organization.refresh_from_db()
    return Account(
        organization=house.organization, day=accounts.day_of(), agent=house.agent, **fields
    )


# --- what is not limited ------------------------------------------------------------------------


def test_where_nothing_is_limited_nothing_is_held(acme: House, model: ScriptedModel) -> None:
    model.enqueue("This ", "one.")
    turn = ask(acme)
    with CaptureQueriesContext(connection) as seen:
        bill = bills.Bill(account(acme, turn=turn.pk))
        assert bill.reserve([(None, "scripted")], (), 800) == ""
    assert not [query for query in seen if "budget" in query["sql"] or "reserv" in query["sql"]]
    (turn,) = answered(turn)
    assert turn.prompt_tokens == 2
    assert turn.error == ""
    assert not Budget.unscoped.exists()
    assert not Reservation.unscoped.exists()


# --- each limit -----------------------------------------------------------------------------------


def day(column: str, value: Any) -> Callable[[House], None]:
    def set_it(house: House) -> None:
        Organization.objects.filter(pk=house.organization.pk).update(**{column: value})

    return set_it


def of_agent(column: str, value: Any) -> Callable[[House], None]:
    return lambda house: limit_agent(house, **{column: value})


@pytest.mark.parametrize(
    ("limit", "scope"),
    [
        (of_agent("daily_tokens_per_visitor", 4), "visitor"),
        (of_agent("daily_cost_per_visitor", "0.01"), "visitor"),
        (of_agent("daily_tokens_per_ip", 4), "ip"),
        (of_agent("daily_cost_per_ip", "0.01"), "ip"),
        (of_agent("daily_tokens", 4), "agent"),
        (of_agent("daily_cost", "0.01"), "agent"),
        (day("daily_tokens", 4), "day"),
        (day("daily_cost", "0.01"), "day"),
        (day("monthly_tokens", 4), "month"),
        (day("monthly_cost", "0.01"), "month"),
    ],
)
def test_limit_that_is_used_up_leaves_knowledge_and_people(
    acme: House, globex: House, model: ScriptedModel, limit: Any, scope: str
) -> None:
    limit_agent(acme)
    limit(acme)
    price(acme, input_price=2500, output_price=2500)
    person = acme.visitor()
    person.ip = "192.0.2.0"
    person.save()
    model.enqueue("This ", "one.")
    model.enqueue("That one.")
    # Four tokens, a cent: exactly the limit, so the next answer is not the model's.
    (first,) = answered(ask(acme, person=person))
    assert (first.prompt_tokens, first.completion_tokens, first.cost) == (2, 2, Decimal("0.01"))
    (second,) = answered(ask(acme, "And what may I leave at home on that day?", person))
    assert second.status == "done"
    assert second.error == f"limit_{scope}"
    assert len(model.requests) == 1
    assert "A person can help you further" in said(second)
    line = Message.unscoped.get(turn=second)
    assert (line.model, line.offers_support) == ("knowledge", True)
    assert second.prompt_tokens == 0
    # Others' money is their own.
    (other,) = answered(ask(globex))
    assert said(other) == "That one."


def test_beyond_a_limit_knowledge_still_answers(acme: House, model: ScriptedModel) -> None:
    for _ in range(2):
        entry = entries.create_faq(
            acme.organization,
            question="Which colours are there?",
            answer="Blue and green.",
            language="en",
        )
        indexing.index("faq", entry.pk, entry.content_hash)
    limit_agent(acme, daily_tokens=1)
    spent(acme, Scope.AGENT, tokens=1, key=str(acme.agent.pk))
    (turn,) = answered(ask(acme, "Which colours are there?"))
    assert said(turn) == "Blue and green."
    assert turn.error == "limit_agent"
    assert model.requests == []


def test_beyond_a_limit_people_take_over_where_the_owner_wants_it(
    acme: House, model: ScriptedModel
) -> None:
    limit_agent(acme, daily_tokens=1, handoff_on=["limit"])
    spent(acme, Scope.AGENT, tokens=1, key=str(acme.agent.pk))
    (turn,) = answered(ask(acme))
    chat = Chat.unscoped.get(pk=turn.chat_id)
    assert (chat.mode, turn.error) == ("waiting", "limit_agent")
    assert chat.handoffs.get().reason == "limit"


def test_visitors_have_limits_of_their_own(acme: House, model: ScriptedModel) -> None:
    limit_agent(acme, daily_tokens_per_visitor=4)
    model.enqueue("This ", "one.")
    model.enqueue("That ", "one.")
    first, second = answered(ask(acme), ask(acme))
    assert {first.error, second.error} == {""}
    assert len(model.requests) == 2


def test_rewriting_is_not_paid_for_beyond_a_limit(acme: House, model: ScriptedModel) -> None:
    person = acme.visitor()
    model.enqueue("At ten.")
    answered(ask(acme, "Do you have tours on Saturday?", person))
    limit_agent(acme, daily_tokens=1)
    spent(acme, Scope.AGENT, tokens=1, key=str(acme.agent.pk))
    (turn,) = answered(ask(acme, "and on Sunday?", person))
    assert turn.error == "limit_agent"
    assert len(model.requests) == 1


def test_server_has_a_limit_over_all(
    acme: House, globex: House, model: ScriptedModel, settings: Settings
) -> None:
    settings.AI_DAILY_TOKENS = 4
    model.enqueue("This ", "one.")
    answered(ask(acme))
    (turn,) = answered(ask(globex))
    assert turn.error == "limit_server"
    assert len(model.requests) == 1


def test_money_of_another_currency_is_not_the_servers(
    acme: House, globex: House, model: ScriptedModel, settings: Settings
) -> None:
    settings.AI_DAILY_COST, settings.AI_CURRENCY = 0.001, "EUR"
    Organization.objects.filter(pk=globex.organization.pk).update(currency="EUR")
    for house in (acme, globex):
        price(house)
    for _ in range(3):
        model.enqueue("This ", "one.")
    answered(ask(acme))
    assert answered(ask(globex))[0].error == ""
    assert answered(ask(acme))[0].error == "limit_server"


def test_limit_counts_what_was_used_before_it_was_set(acme: House, model: ScriptedModel) -> None:
    person = acme.visitor()
    model.enqueue("This ", "one.")
    answered(ask(acme, person=person))
    for columns in (
        {"daily_tokens_per_visitor": 4},
        {"daily_tokens_per_visitor": None, "daily_tokens": 4},
    ):
        limit_agent(acme, **columns)
        (turn,) = answered(ask(acme, "And what else may I take along?", person))
        assert turn.error.startswith("limit_"), columns
    assert len(model.requests) == 1


# --- holding and freeing --------------------------------------------------------------------------


def test_what_is_held_is_the_most_that_the_dearest_model_can_take(acme: House) -> None:
    limit_agent(acme, daily_cost=10)
    prices = {
        (None, "cheap"): accounts.Price(Decimal(1), None, Decimal(1)),
        (None, "dear"): accounts.Price(Decimal(1_000_000), None, Decimal(2_000_000)),
    }
    turn = ask(acme)
    bill = bills.Bill(account(acme, turn=turn.pk, prices=prices))
    assert bill.reserve([(None, "cheap"), (None, "dear"), (None, "unknown")], (), 3) == ""
    held = Reservation.unscoped.get()
    assert (held.tokens, held.cost) == (3, Decimal(6))
    assert budget(acme, Scope.AGENT).held_cost == 6
    bill.settle()
    assert budget(acme, Scope.AGENT).held_cost == 0
    assert not Reservation.unscoped.exists()


@pytest.mark.parametrize("failure", [LOST, AIError("no", code="ai_auth", retryable=False)])
def test_failure_frees_what_was_held(acme: House, model: ScriptedModel, failure: AIError) -> None:
    limit_agent(acme, daily_tokens=5000)
    model.enqueue(failure)
    answered(ask(acme))
    used = budget(acme, Scope.AGENT)
    assert (used.tokens, used.held_tokens) == (0, 0)
    assert not Reservation.unscoped.exists()


def test_answer_that_breaks_off_is_paid_for_and_freed(acme: House, model: ScriptedModel) -> None:
    limit_agent(acme, daily_tokens=5000)
    model.enqueue("It is the", LOST)
    (turn,) = answered(ask(acme))
    call = ModelCall.unscoped.get()
    assert (call.code, call.is_estimated) == ("ai_unavailable", True)
    assert call.prompt_tokens > 10
    assert call.completion_tokens == 3
    used = budget(acme, Scope.AGENT)
    assert used.tokens == call.prompt_tokens + call.completion_tokens
    assert used.held_tokens == 0
    assert turn.prompt_tokens == call.prompt_tokens


def test_what_a_dead_worker_held_is_freed(acme: House, model: ScriptedModel) -> None:
    limit_agent(acme, daily_tokens=5000)
    turn = ask(acme)
    claim = turns.claim(turn.pk)
    assert isinstance(claim, turns.Claim)
    bills.Bill(account(acme, turn=turn.pk, attempt=claim.attempt)).reserve([], (), 800)
    Reservation.unscoped.update(created_at=F("created_at") - timedelta(minutes=1))
    dispatch_once()
    assert budget(acme, Scope.AGENT).held_tokens == 800, "the worker may still be alive"
    Turn.unscoped.update(lease_until=Now() - timedelta(seconds=1))
    dispatch_once()
    assert budget(acme, Scope.AGENT).held_tokens == 0
    assert not Reservation.unscoped.exists()


def test_what_is_held_outside_of_turns_is_freed_at_once(acme: House, model: ScriptedModel) -> None:
    limit_agent(acme, daily_tokens=5000)
    acme.agent.refresh_from_db()
    who = accounts.account_of(acme.organization, acme.agent)
    model.enqueue("Yes.")
    request = ChatRequest(messages=(PromptMessage("user", "Is it?"),), max_tokens=800)
    assert bills.whole(who, "summary", model, request, 10) == "Yes."
    used = budget(acme, Scope.AGENT)
    assert used.tokens == 2
    assert used.held_tokens == 0
    assert not Reservation.unscoped.exists()


def test_what_is_held_outside_of_turns_is_not_swept_while_it_may_be_asked(acme: House) -> None:
    limit_agent(acme, daily_tokens=5000)
    one, another = (bills.Bill(account(acme)) for _ in range(2))
    for bill in (one, another):
        assert bill.reserve([], (), 800) == ""
    Reservation.unscoped.update(created_at=F("created_at") - timedelta(minutes=9))
    dispatch_once()
    assert budget(acme, Scope.AGENT).held_tokens == 1600
    one.settle()
    assert budget(acme, Scope.AGENT).held_tokens == 800, "the other's is its own"
    Reservation.unscoped.update(until=Now() - timedelta(seconds=1))
    dispatch_once()
    assert budget(acme, Scope.AGENT).held_tokens == 0
    assert not Reservation.unscoped.exists()


def test_what_an_erased_chat_held_is_freed(acme: House, model: ScriptedModel) -> None:
    limit_agent(acme, daily_tokens=5000)
    person = acme.visitor()
    turn = ask(acme, person=person)
    bills.Bill(account(acme, turn=turn.pk)).reserve([], (), 800)
    Reservation.unscoped.update(created_at=F("created_at") - timedelta(minutes=1))
    person.delete()
    dispatch_once()
    assert budget(acme, Scope.AGENT).held_tokens == 0


def test_calls_of_an_erased_chat_are_still_paid_for(acme: House) -> None:
    person = acme.visitor()
    turn = ask(acme, person=person)
    bill = bills.Bill(account(acme, turn=turn.pk))
    bill.of("answer").append(Call("scripted", 987_654, Usage(5, 7)))
    person.delete()
    bill.settle()
    call = ModelCall.unscoped.get()
    assert (call.turn, call.provider, call.prompt_tokens) == (None, None, 5)


def test_booking_twice_counts_once(acme: House) -> None:
    turn = ask(acme)
    call = Call("scripted", None, Usage(5, 7))
    who = account(acme, turn=turn.pk)
    for _ in range(2):
        ledger.book(who, [("answer", call)])
    turn.refresh_from_db()
    assert (turn.prompt_tokens, turn.completion_tokens) == (5, 7)
    assert ModelCall.unscoped.count() == 1


def test_turn_belongs_to_the_day_on_which_it_was_asked_for(
    acme: House, model: ScriptedModel
) -> None:
    limit_agent(acme, daily_tokens=5000)
    turn = ask(acme)
    Turn.unscoped.update(created_at=F("created_at") - timedelta(days=1))
    model.enqueue("This one.")
    answered(turn)
    yesterday = accounts.day_of() - timedelta(days=1)
    assert ModelCall.unscoped.get().day == yesterday
    assert budget(acme, Scope.AGENT).since == yesterday


# --- races ----------------------------------------------------------------------------------------

CROWD = 20


@pytest.mark.parametrize("has_row", [True, False])
def test_twenty_at_99_percent_pass_a_limit_by_one_reply_at_most(acme: House, has_row: bool) -> None:
    """Real transactions that start together; each reply takes all that was held for it."""
    limit_agent(acme, daily_tokens=1000)
    who = account(acme)
    asked = [ask(acme) for _ in range(CROWD)]
    if has_row:
        spent(acme, Scope.AGENT, tokens=990, key=str(acme.agent.pk))
    else:
        ledger.book(who, [("answer", Call("scripted", None, Usage(990, 0)))])
    own = [bills.Bill(Account(**{**vars(who), "turn": turn.pk})) for turn in asked]
    with racers(CROWD) as threads:
        verdicts = threads.race(*(lambda bill=bill: bill.reserve([], (), 200) for bill in own))
        assert sorted(verdicts) == ["", *["agent"] * (CROWD - 1)]
        for bill in own:
            if bill.holds:
                bill.of("answer").append(Call("scripted", None, Usage(100, 100)))
        threads.race(*(bill.settle for bill in own))
    used = budget(acme, Scope.AGENT)
    assert (used.tokens, used.held_tokens) == (1190, 0)


def test_races_over_many_limits_end_and_add_up(acme: House, globex: House) -> None:
    """Reserving, booking and sweeping at once, in other orders: no deadlock, and nothing leaks."""
    limits = {
        "daily_tokens": 40_000,
        "daily_tokens_per_ip": 30_000,
        "daily_tokens_per_visitor": 20_000,
    }
    limit_agent(acme, **limits)
    Organization.objects.filter(pk=acme.organization.pk).update(monthly_tokens=50_000)
    asked = [ask(acme) for _ in range(8)]
    people = [turn.chat.session.visitor_id for turn in asked]

    def work(turn: Turn, person: int) -> int:
        used = 0
        for attempt in range(25):
            who = account_of(turn.pk, attempt, person)
            bill = bills.Bill(who)
            if bill.reserve([], (), 150):
                break
            bill.of("answer").append(Call("scripted", None, Usage(100, attempt)))
            used += 100 + attempt
            bill.settle()
            ledger.sweep()
        return used

    acme.agent.refresh_from_db()
    acme.organization.refresh_from_db()

    def account_of(turn: int, attempt: int, person: int) -> Account:
        return Account(
            organization=acme.organization,
            day=accounts.day_of(),
            agent=acme.agent,
            turn=turn,
            attempt=attempt,
            # Two share an address, and four a person: locks that are taken in many orders.
            visitor=people[person % 4],
            ip=f"192.0.{person % 3}.0",
        )

    with racers(len(asked)) as threads:
        used = threads.race(
            *(
                lambda turn=turn, number=number: work(turn, number)
                for number, turn in enumerate(asked)
            )
        )
    assert all(isinstance(one, int) for one in used), used
    total = sum(used)
    rows = Budget.objects.of(acme.organization)
    assert rows.aggregate(held=Sum("held_tokens"))["held"] == 0
    for scope in (Scope.MONTH, Scope.AGENT, Scope.IP, Scope.VISITOR):
        assert rows.filter(scope=scope).aggregate(all=Sum("tokens"))["all"] == total
    booked = ModelCall.unscoped.aggregate(all=Sum(F("prompt_tokens") + F("completion_tokens")))
    assert booked["all"] == total
    assert not Reservation.unscoped.exists()


def test_server_limit_is_not_passed_by_racing_organizations(
    acme: House, globex: House, settings: Settings
) -> None:
    settings.AI_DAILY_TOKENS = 1000
    spent(acme, Scope.DAY, tokens=990)
    asked = [(house, ask(house)) for house in (acme, globex) for _ in range(CROWD // 2)]
    own = [bills.Bill(account(house, turn=turn.pk)) for house, turn in asked]
    with racers(CROWD) as threads:
        verdicts = threads.race(*(lambda bill=bill: bill.reserve([], (), 200) for bill in own))
    assert sorted(verdicts) == ["", *["server"] * (CROWD - 1)]


def test_one_visitor_in_twenty_chats_passes_a_limit_by_one_reply_at_most(
    acme: House, model: ScriptedModel
) -> None:
    """Through the assistant itself: a turn in each chat, and all are answered at once."""
    limit_agent(acme, daily_tokens_per_visitor=400)
    person = acme.visitor()
    # Each reply takes four tokens, the missing percent; what is held for it is far more.
    spent(acme, Scope.VISITOR, tokens=396, key=str(person.pk))
    asked = []
    for _ in range(CROWD):
        chat = visitor.new_chat(person, acme.visit, uuid.uuid4(), "", "general")
        visitor.say(person, acme.visit, QUESTION, uuid.uuid4(), chat.chat_id)
        asked.append(Turn.unscoped.get(chat=chat))
        model.enqueue("This ", "one.")
        # The limit of messages a minute is another one.
        Message.unscoped.update(timestamp=F("timestamp") - timedelta(minutes=2))
        Chat.unscoped.update(created_at=F("created_at") - timedelta(minutes=2))
    answered(*asked)
    assert len(model.requests) == 1
    assert sorted(turn.error for turn in asked) == ["", *["limit_visitor"] * (CROWD - 1)]
    assert {turn.status for turn in asked} == {"done"}
    assert all(said(turn) for turn in asked), "nobody is left in silence"
    used = budget(acme, Scope.VISITOR)
    assert (used.tokens, used.held_tokens) == (400, 0)


def test_one_visitor_in_twenty_chats_gets_no_more_answers_than_allowed(
    acme: House, model: ScriptedModel
) -> None:
    limit_agent(acme, daily_turns_per_visitor=3)
    person = acme.visitor()
    asked = []
    for _ in range(CROWD):
        chat = visitor.new_chat(person, acme.visit, uuid.uuid4(), "", "general")
        visitor.say(person, acme.visit, QUESTION, uuid.uuid4(), chat.chat_id)
        asked.append(Turn.unscoped.get(chat=chat))
        model.enqueue("This ", "one.")
        Message.unscoped.update(timestamp=F("timestamp") - timedelta(minutes=2))
        Chat.unscoped.update(created_at=F("created_at") - timedelta(minutes=2))
    answered(*reversed(asked))
    for turn in asked:
        turn.refresh_from_db()
    assert len(model.requests) == 3
    assert [turn.error for turn in asked] == ["", "", "", *["limit_answers"] * (CROWD - 3)]
    assert {turn.status for turn in asked} == {"done"}
    assert all(said(turn) for turn in asked), "nobody is left in silence"


def test_workers_processes_pass_a_limit_by_one_reply_at_most(acme: House, tmp_path: Path) -> None:
    """Two real workers, which share twenty questions that wait for them."""
    limit_agent(acme, daily_tokens=400, model="fake")
    spent(acme, Scope.AGENT, tokens=396, key=str(acme.agent.pk))
    reply = processes.workers(tmp_path)[0]
    names = ("one", "two")
    arguments = [
        [f"{name}@%h" if one == "reply@%h" else one for one in reply.arguments if one != "-B"]
        for name in names
    ]
    with OpenAIServer() as server, ExitStack() as stack:
        environment = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": server.base_url}
        for name, line in zip(names, arguments, strict=True):
            stack.enter_context(started(name, line, tmp_path, **environment))
        with racers(CROWD) as threads:
            people = [acme.visitor() for _ in range(CROWD)]
            asked = threads.race(*(functools.partial(ask_as, acme, one) for one in people))
        assert all(isinstance(one, Message) for one in asked), asked
        wait_until(lambda: Turn.unscoped.filter(status="done").count() == CROWD, "all are answered")
        assert len(server.requests) == 1
    assert Turn.unscoped.filter(error="limit_agent").count() == CROWD - 1
    assert Message.unscoped.filter(role="assistant").exclude(content="").count() == CROWD
    used = budget(acme, Scope.AGENT)
    assert used.tokens == 396 + sum(
        call.prompt_tokens + call.completion_tokens for call in booked()
    )
    assert used.held_tokens == 0


def booked() -> list[ModelCall]:
    return list(ModelCall.unscoped.all())


def ask_as(house: House, person: Any) -> Message:
    return visitor.say(person, house.visit, QUESTION, uuid.uuid4())


def test_limits_are_looked_at_in_one_statement(acme: House) -> None:
    limit_agent(acme, daily_tokens=5000, daily_tokens_per_visitor=5000)
    person = acme.visitor()
    who = account(acme, turn=ask(acme, person=person).pk, visitor=person.pk)
    bills.Bill(who).reserve([], (), 10)
    with CaptureQueriesContext(connection) as seen:
        bills.Bill(who).reserve([], (), 10)
    assert len(seen) == 1
    with CaptureQueriesContext(connection) as seen:
        ledger.book(who, [("answer", Call("scripted", None, Usage(1, 1)))])
    assert len(seen) == 1


def test_limit_of_none_at_all_asks_no_model(acme: House, model: ScriptedModel) -> None:
    limit_agent(acme, daily_tokens=0)
    assert answered(ask(acme))[0].error == "limit_agent"
    assert model.requests == []


def test_budgets_are_of_the_scopes_that_count(acme: House) -> None:
    who = account(acme, visitor=5, ip="192.0.2.0")
    assert [one.scope for one in who.budgets()] == ["day", "month", "agent", "ip", "visitor"]
    assert who.limits() == []
    limit_agent(acme, daily_cost_per_ip=3)
    (limit,) = account(acme, visitor=5, ip="192.0.2.0").limits()
    assert limit == Limit(Scope.IP, "192.0.2.0", accounts.day_of(), None, Decimal(3))
