"""Short and long memory: what a chat is summarised as, what is kept of people, and forgotten."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

import ai
from ai.interface import AIError
from ai.scripted import ScriptedModel
from chat import tasks, views, visitor
from chat.answering import memory, private, summaries
from chat.answering.prompts import Line
from chat.consumers import VisitorConsumer
from chat.database import in_database
from chat.models import Chat, MemoryFact, Message, Turn, Visitor
from tests.answering import answer
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer
from tests.test_isolation_sockets import operator_client
from tests.test_providers import made
from tests.wire import Client, run
from webassistant.settings import CELERY_BEAT_SCHEDULE, CELERY_TASK_ROUTES

LOST = AIError("gone", code="ai_unavailable", retryable=True)
REFUSED = AIError("no key", code="ai_auth", retryable=False)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    scripted = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: scripted)
    return scripted


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The summaries that were asked for, in place of the broker."""
    asked: list[tuple[Any, ...]] = []

    def send(name: str, args: Any, **options: Any) -> None:
        if name == summaries.TASK:
            asked.append((name, *args))

    monkeypatch.setattr("chat.answering.summaries.current_app.send_task", send)
    return asked


def talk(house: House, model: ScriptedModel, questions: int, person: Visitor | None = None) -> Chat:
    """A chat of so many questions and answers, which nothing gives to people."""
    house.agent.handoff_on = []
    house.agent.save(update_fields=["handoff_on"])
    person = person or house.visitor()
    for number in range(1, questions + 1):
        said = visitor.say(person, house.visit, f"Question {number} of ours?", uuid.uuid4())
        model.enqueue(f"Answer {number}. And more.")
        answer()
    chat = said.chat
    chat.refresh_from_db()
    return chat


# --- short memory: by rule and by model -----------------------------------------------------------

lines = [
    Line("user", "How can I pay? I have cash.", 1),
    Line("assistant", "By card or in cash [1]. Anything else?", 2),
    Line("user", "And when?", 3),
    Line("user", "On Sunday?", 4),
    Line("operator", "At ten. I am Timur.", 5),
    Line("user", "Fine", 6),
]


def test_rule_keeps_questions_and_first_sentences() -> None:
    assert summaries.by_rule("- Hello → Hi.", lines).splitlines() == [
        "- Hello → Hi.",
        "- How can I pay? → By card or in cash.",
        "- And when? On Sunday? → At ten.",
        "- Fine",
    ]


@given(
    st.text(max_size=4000),
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=3000)), max_size=60
    ),
)
def test_rule_is_bounded(before: str, said: list[tuple[str, str]]) -> None:
    block = [Line(role, text, seq) for seq, (role, text) in enumerate(said, start=1)]
    assert len(summaries.by_rule(before, block)) <= summaries.LONGEST


@pytest.mark.django_db(transaction=True)
class TestSummary:
    def test_long_chat_is_summarised_after_an_answer(
        self, acme: House, model: ScriptedModel, sent: list[Any]
    ) -> None:
        chat = talk(acme, model, 8)
        assert sent == [], "nothing is to be done while all fits"
        person = chat.session.visitor
        assert person is not None
        chat = talk(acme, model, 1, person)
        assert sent == [(summaries.TASK, str(chat.chat_id), 0)]
        model.enqueue("Anna asked eight things.")
        assert tasks.summarise(str(chat.chat_id)) == 10
        chat.refresh_from_db()
        assert (chat.summary, chat.summary_upto_seq) == ("Anna asked eight things.", 10)
        told = model.requests[-1].messages[1].content
        assert "user: Question 1 of ours?" in told
        assert "Question 6" not in told, "the last lines stay word for word"

        model.enqueue("Fine.")
        visitor.say(person, acme.visit, "What was it all about?", uuid.uuid4())
        turn = answer()
        system, *rest = model.requests[-1].messages
        assert "<summary>\nAnna asked eight things.\n</summary>" in system.content
        texts = "\n".join(one.content for one in rest)
        assert "Question 6 of ours?" in texts
        assert "Question 5 of ours?" not in texts
        assert turn.prompt_parts["parts"]["summary"] > 0

    def test_next_summary_stands_on_the_one_before(self, acme: House, model: ScriptedModel) -> None:
        chat = talk(acme, model, 9)
        model.enqueue("First minutes.")
        summaries.summarise(chat.chat_id)
        person = chat.session.visitor
        chat = talk(acme, model, 6, person)
        model.enqueue("Second minutes.")
        assert summaries.summarise(chat.chat_id) == 22
        assert "<minutes>\nFirst minutes.\n</minutes>" in model.requests[-1].messages[1].content
        chat.refresh_from_db()
        assert chat.summary == "Second minutes."

    def test_late_task_overwrites_nothing(
        self, acme: House, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chat = talk(acme, model, 9)

        def meanwhile(*args: Any) -> str:
            Chat.unscoped.filter(pk=chat.pk).update(summary="Newer.", summary_upto_seq=12)
            return "Older."

        monkeypatch.setattr(summaries, "by_model", meanwhile)
        summaries.summarise(chat.chat_id)
        chat.refresh_from_db()
        assert (chat.summary, chat.summary_upto_seq) == ("Newer.", 12)

    @pytest.mark.parametrize("trouble", [LOST, REFUSED, None])
    def test_failing_model_leaves_it_to_the_rule(
        self, acme: House, model: ScriptedModel, trouble: AIError | None
    ) -> None:
        chat = talk(acme, model, 9)
        model.enqueue(*([trouble] if trouble else [" "]))
        assert summaries.summarise(chat.chat_id) == 10
        chat.refresh_from_db()
        assert chat.summary.startswith("- Question 1 of ours? → Answer 1.")

    def test_without_a_model_the_rule_does_it(self, acme: House) -> None:
        acme.agent.handoff_on = []
        acme.agent.save()
        person = acme.visitor()
        for number in range(9):
            said = visitor.say(person, acme.visit, f"Question {number}?", uuid.uuid4())
            answer()
        assert summaries.summarise(said.chat.chat_id) == 10
        said.chat.refresh_from_db()
        assert said.chat.summary.startswith("- Question 0? → I do not know that.")

    def test_what_the_window_had_no_room_for_is_summarised(
        self, acme: House, model: ScriptedModel, sent: list[Any]
    ) -> None:
        acme.agent.context_window, acme.agent.max_tokens = 2000, 100
        acme.agent.handoff_on = []
        acme.agent.save()
        person = acme.visitor()
        for number in range(3):
            words = " ".join(f"слово-{chr(1072 + one % 32)}{one}" for one in range(120))
            said = visitor.say(person, acme.visit, f"{number} {words}?", uuid.uuid4())
            model.enqueue(f"Answer {number}.")
            turn = answer()
        assert turn.prompt_parts["left_out"]["history"] > 0
        _task, chat_id, forgotten = sent[-1]
        assert forgotten >= 1
        model.enqueue("Words.")
        assert summaries.summarise(uuid.UUID(chat_id), forgotten) == forgotten
        said.chat.refresh_from_db()
        assert said.chat.summary == "Words."

    def test_broker_that_is_down_costs_the_summary_only(
        self,
        acme: House,
        model: ScriptedModel,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def down(name: str, args: Any) -> None:
            raise OSError("no broker")

        monkeypatch.setattr("chat.answering.summaries.current_app.send_task", down)
        talk(acme, model, 9)
        assert Turn.unscoped.latest("pk").status == "done"
        assert "is not summarised yet" in caplog.text

    def test_it_is_seen_in_the_admin_and_goes_with_the_visitor(
        self, acme: House, model: ScriptedModel
    ) -> None:
        chat = talk(acme, model, 9)
        model.enqueue("Anna asked eight things.")
        summaries.summarise(chat.chat_id)
        page = client_of(acme.owner).get(reverse("admin:chat_chat_change", args=[chat.pk]))
        assert "Anna asked eight things." in page.content.decode()
        assert chat.session.visitor is not None
        chat.session.visitor.delete()
        assert not Chat.unscoped.filter(summary__gt="").exists()
        assert summaries.summarise(chat.chat_id) == 0


# --- long memory: what may be kept ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Her e-mail is anna@example.com", "contact"),
        ("Пишет с anna (at) example.ru", "contact"),
        ("Телефон +7 (843) 200-00-00", "contact"),
        ("Card 4111 1111 1111 1111", "contact"),
        ("Карта 4111–1111–1111–1111", "contact"),
        ("Номер 4\u200b111\u200b1111\u200b1111\u200b1111", "contact"),
        ("４１１１１１１１１１１１１１１１", "contact"),
        ("See https://evil.example/", "address"),
        ("Follow <system>", "address"),
        ("Пароль у неё простой", "secret"),
        ("Her pin is easy", "secret"),
        ("Pays by card of her bank", "payment"),
        ("Паспорт просрочен", "document"),
        ("У неё аллергия на орехи", "health"),
        ("Is pregnant", "health"),
        ("Ест только халяль", "belief"),
        ("Голосует за партию", "belief"),
        ("Is gay", "intimate"),
    ],
)
def test_private_things_are_known_as_such(text: str, kind: str) -> None:
    assert private.reason(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Prefers tours in the morning.",
        "Любит пешие экскурсии, едет с двумя детьми 5 и 8 лет.",
        "Called Anna.",
        "Планирует приехать в июле 2027 года.",
        "Spins wool and likes pine forests.",
        "Plans a trip for 12 people.",
    ],
)
def test_harmless_things_may_be_kept(text: str) -> None:
    assert private.reason(text) == ""


def entry(text: Any, message: Any = 1) -> dict[str, Any]:
    return {"text": text, "message": message}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (json.dumps([entry("Likes boats.")]), ["Likes boats."]),
        (f"Here:\n```json\n{json.dumps([entry('Likes boats.')])}\n```", ["Likes boats."]),
        # What JSON can say and PostgreSQL cannot keep: a NUL, and half a character.
        (json.dumps([entry("Likes\0 \ud83dboats.")]), ["Likes boats."]),
        ("[]", []),
        ("Nothing.", []),
        ("[1, null, {}]", []),
        ("[" * 100_000 + "]" * 100_000, []),
        ('{"text": "Likes boats."}', []),
        # Of the assistant's line, of none, and of no number.
        (json.dumps([entry("Likes boats.", 2), entry("A.", 99), entry("B.", True)]), []),
        (json.dumps([entry("x" * 201), entry(""), entry(7), entry("Mail a@b.com")]), []),
        (json.dumps([entry("Likes boats."), entry("likes  BOATS")]), ["Likes boats."]),
        (json.dumps([entry("Known already.")]), []),
        (json.dumps([entry(f"Fact {n}.") for n in range(9)]), [f"Fact {n}." for n in range(5)]),
    ],
)
def test_models_words_are_checked(said: str, kept: list[str]) -> None:
    found = memory.checked(said, {1}, ["known already"])
    assert [one.text for one in found] == kept


@given(st.text(max_size=300))
def test_no_words_of_a_model_break_it(said: str) -> None:
    assert memory.checked(f"[{said}]", {1}) == []


# --- long memory: from one chat to the next -------------------------------------------------------


@pytest.fixture
def remembering(acme: House) -> House:
    acme.agent.remembers = True
    acme.agent.save()
    return acme


def say(house: House, person: Visitor, text: str) -> Message:
    return visitor.say(person, house.visit, text, uuid.uuid4())


def close(house: House, person: Visitor, text: str = "I come with two children") -> Chat:
    """A chat in which this was said and answered, and which was closed then."""
    chat = say(house, person, text).chat
    Turn.unscoped.filter(chat=chat).update(status="done", finished_at=Now())
    visitor.end_chat(person, chat)
    chat.refresh_from_db()
    return chat


def keep(house: House, person: Visitor, text: str = "Comes with two children.") -> MemoryFact:
    kept: MemoryFact = MemoryFact.unscoped.create(
        organization=house.organization,
        visitor=person,
        customer=person.customer,
        text=text,
        expires_at=timezone.now() + timedelta(days=1),
    )
    return kept


TWO_CHILDREN = json.dumps([entry("Comes with two children.")])


@pytest.mark.django_db(transaction=True)
class TestFacts:
    def test_closed_chat_is_remembered_in_the_next_one(
        self, remembering: House, model: ScriptedModel
    ) -> None:
        person = remembering.visitor()
        chat = close(remembering, person)
        model.enqueue(TWO_CHILDREN)
        assert tasks.remember() == 1
        fact = MemoryFact.objects.of(remembering.organization).get()
        assert (fact.text, fact.visitor, fact.used_at) == ("Comes with two children.", person, None)
        assert fact.message is not None
        assert (fact.message.chat, fact.message.seq) == (chat, 1)
        assert "1 user: I come with two children" in model.requests[0].messages[1].content
        assert tasks.remember() == 0
        assert len(model.requests) == 1, "a chat is looked through once"

        say(remembering, person, "Which boats go there at all?")
        model.enqueue("All.")
        turn = answer()
        told = model.requests[-1].messages[0].content
        assert "<memory>\n- Comes with two children.\n</memory>" in told
        assert turn.prompt_parts["parts"]["memory"] > 0
        fact.refresh_from_db()
        assert fact.used_at is not None

    def test_it_is_off_by_default(self, acme: House, model: ScriptedModel) -> None:
        person = acme.visitor()
        close(acme, person)
        keep(acme, person)
        assert tasks.remember() == 0
        assert model.requests == []
        say(acme, person, "Which boats go there at all?")
        model.enqueue("All.")
        answer()
        assert "two children" not in model.requests[-1].messages[0].content

    def test_silent_chat_is_looked_through_and_a_lively_one_is_not(
        self, remembering: House, model: ScriptedModel
    ) -> None:
        chat = say(remembering, remembering.visitor(), "I come with two children").chat
        assert tasks.remember() == 0
        Chat.unscoped.filter(pk=chat.pk).update(updated_at=Now() - timedelta(minutes=11))
        model.enqueue(TWO_CHILDREN)
        assert tasks.remember() == 1

    def test_chat_is_looked_through_later_where_the_model_was_away(
        self, remembering: House, model: ScriptedModel
    ) -> None:
        close(remembering, remembering.visitor())
        model.enqueue(LOST)
        assert tasks.remember() == 0
        model.enqueue(TWO_CHILDREN)
        assert tasks.remember() == 1
        close(remembering, remembering.visitor())
        model.enqueue(REFUSED)
        assert tasks.remember() == 0
        assert tasks.remember() == 0
        assert len(model.requests) == 3

    def test_two_tasks_pay_for_a_chat_once(
        self, remembering: House, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        close(remembering, remembering.visitor())
        asked: list[int] = []

        def meanwhile(*args: Any) -> list[memory.Found]:
            asked.append(memory.learn())
            return [memory.Found("Comes with two children.", 1)]

        monkeypatch.setattr(memory, "by_model", meanwhile)
        assert memory.learn() == 1
        assert asked == [0]

    def test_what_is_forgotten_meanwhile_is_not_kept(
        self, remembering: House, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = remembering.visitor()
        close(remembering, person)

        def meanwhile(*args: Any) -> list[memory.Found]:
            visitor.be_forgotten(person)
            return [memory.Found("Comes with two children.", 1)]

        monkeypatch.setattr(memory, "by_model", meanwhile)
        assert memory.learn() == 0
        assert visitor.remembered(person) == []

    def test_what_was_said_before_is_never_remembered_again(
        self, remembering: House, model: ScriptedModel
    ) -> None:
        person = remembering.visitor()
        close(remembering, person)
        visitor.be_forgotten(person)
        assert tasks.remember() == 0
        assert model.requests == []

    def test_nobody_elses_facts_are_told_or_forgotten(
        self, remembering: House, globex: House, model: ScriptedModel
    ) -> None:
        globex.agent.remembers = True
        globex.agent.save()
        anna, boris, theirs = remembering.visitor(), remembering.visitor(), globex.visitor()
        keep(remembering, boris, "Likes ships.")
        keep(globex, theirs, "Likes trains.")
        say(remembering, anna, "Which boats go there at all?")
        model.enqueue("All.")
        answer()
        told = model.requests[-1].messages[0].content
        assert "Likes" not in told
        visitor.be_forgotten(anna)
        assert MemoryFact.unscoped.count() == 2

    def test_customer_is_known_on_every_device_and_forgotten_on_every_one(
        self, remembering: House, model: ScriptedModel
    ) -> None:
        laptop, phone = remembering.visitor(), remembering.visitor()
        keep(remembering, laptop)
        for device in (laptop, phone):
            visitor.become_customer(device, email="anna@example.com")
        assert [fact.text for fact in visitor.remembered(phone)] == ["Comes with two children."]
        say(remembering, phone, "Which boats go there at all?")
        model.enqueue("All.")
        answer()
        assert "two children" in model.requests[-1].messages[0].content
        visitor.be_forgotten(phone)
        assert visitor.remembered(laptop) == []

    def test_it_goes_with_the_visitor_and_in_time(self, remembering: House) -> None:
        person = remembering.visitor()
        keep(remembering, person)
        old = keep(remembering, remembering.visitor(), "Old.")
        MemoryFact.unscoped.filter(pk=old.pk).update(expires_at=Now() - timedelta(seconds=1))
        assert old.visitor is not None
        assert visitor.remembered(old.visitor) == []
        tasks.remember()
        assert MemoryFact.unscoped.get().visitor == person
        person.delete()
        assert not MemoryFact.unscoped.exists()

    def test_only_so_much_is_kept_of_one_person(
        self, remembering: House, model: ScriptedModel
    ) -> None:
        person = remembering.visitor()
        for number in range(memory.MOST):
            keep(remembering, person, f"Fact {number}.")
        close(remembering, person)
        model.enqueue(TWO_CHILDREN)
        tasks.remember()
        texts = {fact.text for fact in visitor.remembered(person)}
        assert len(texts) == memory.MOST
        assert "Comes with two children." in texts
        assert "Fact 0." not in texts

    def test_without_a_model_nothing_is_looked_for(self, remembering: House) -> None:
        close(remembering, remembering.visitor())
        assert tasks.remember() == 0
        assert Chat.unscoped.get().facts_upto_seq == Chat.unscoped.get().seq

    def test_real_model_over_the_wire(self, remembering: House) -> None:
        with (
            OpenAIServer() as server,
            override_settings(OUTGOING_ALLOWED=[f"127.0.0.1:{server.port}"]),
        ):
            remembering.agent.provider = made(remembering, server)
            remembering.agent.model = "fake-facts"
            remembering.agent.save()
            person = remembering.visitor()
            close(remembering, person)
            assert tasks.remember() == 1
            close(remembering, person, "My mail is anna@example.com")
            assert tasks.remember() == 0
        assert [fact.text for fact in visitor.remembered(person)] == ["I come with two children"]


# --- long memory: who sees it ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestSeen:
    def test_operator_and_owner_mend_it_in_the_admin(self, acme: House) -> None:
        fact = keep(acme, acme.visitor())
        address = reverse("admin:chat_memoryfact_change", args=[fact.pk])
        for member in (acme.operator, acme.owner):
            client = client_of(member)
            assert client.post(address, {"text": f"Comes with {member.pk}."}).status_code == 302
            fact.refresh_from_db()
            assert fact.text == f"Comes with {member.pk}."
            page = client.post(address, {"text": "Card 4111 1111 1111 1111"})
            assert page.context["adminform"].form.errors["text"].as_data()[0].code == "private"
        people = reverse("admin:chat_visitor_change", args=[fact.visitor_id])
        assert "Comes with" in client_of(acme.operator).get(people).content.decode()
        delete = reverse("admin:chat_memoryfact_delete", args=[fact.pk])
        client_of(acme.operator).post(delete, {"post": "yes"})
        assert not MemoryFact.unscoped.exists()

    def test_visitor_reads_it_and_has_it_forgotten(self, acme: House) -> None:
        async def scenario() -> None:
            client = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
            await client.open()
            await client.register(acme.widget.key)
            await client.send("get_memory")
            assert (await client.expect("memory"))["facts"] == [], "of somebody unknown"
            await client.send("message", client_id=uuid.uuid4(), text="Hello")
            await client.expect("message_saved")
            person = await in_database(Visitor.unscoped.select_related("organization").get)
            await in_database(keep, acme, person)
            await client.send("get_memory")
            (fact,) = (await client.expect("memory"))["facts"]
            assert fact["text"] == "Comes with two children."
            await client.send("forget_memory")
            assert (await client.expect("memory"))["facts"] == []
            await client.send("get_memory")
            assert (await client.expect("memory"))["facts"] == []
            await client.close()

        run(scenario)
        assert not MemoryFact.unscoped.exists()

    def test_visitor_has_one_thing_forgotten_and_the_rest_kept(
        self, acme: House, globex: House
    ) -> None:
        theirs = keep(globex, globex.visitor(), "Comes by bus.")

        async def scenario() -> None:
            client = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
            await client.open()
            await client.register(acme.widget.key)
            await client.send("forget_memory", fact=theirs.pk)
            assert (await client.expect("memory"))["facts"] == [], "of somebody unknown"
            await client.send("message", client_id=uuid.uuid4(), text="Hello")
            await client.expect("message_saved")
            mine = Visitor.unscoped.select_related("organization").filter(
                organization=acme.organization
            )
            person = await in_database(mine.get)
            others = await in_database(keep, acme, await in_database(acme.visitor), "Likes tea.")
            for text in ("Comes with two children.", "Wants vegetarian lunch."):
                await in_database(keep, acme, person, text)
            await client.send("get_memory")
            newest, older = (await client.expect("memory"))["facts"]
            for foreign in (theirs, others):
                await client.send("forget_memory", fact=foreign.pk)
                assert len((await client.expect("memory"))["facts"]) == 2
            await client.send("forget_memory", fact=newest["id"])
            assert (await client.expect("memory"))["facts"] == [older]
            # Twice is once.
            await client.send("forget_memory", fact=newest["id"])
            assert (await client.expect("memory"))["facts"] == [older]
            await client.send("forget_memory", fact=0)
            assert (await client.expect("error"))["code"] == "bad_frame"
            await client.close()

        run(scenario)
        left = set(MemoryFact.unscoped.values_list("text", flat=True))
        assert left == {"Comes by bus.", "Likes tea.", "Comes with two children."}

    def test_widget_offers_it_where_the_agent_remembers(self, acme: House) -> None:
        for is_on in (False, True):
            acme.agent.remembers = is_on
            assert views.frame_config(acme.widget, "en")["remembers"] is is_on

    def test_console_shows_it(self, acme: House) -> None:
        person = acme.visitor()
        chat = say(acme, person, "Hello").chat
        keep(acme, person)

        async def scenario() -> None:
            client = operator_client(acme.operator.user)
            await client.open()
            await client.send("watch", chat_id=chat.chat_id)
            facts = (await client.expect("watching"))["visitor"]["memory"]
            await client.close()
            assert [fact["text"] for fact in facts] == ["Comes with two children."]

        run(scenario)


def test_tasks_wait_in_no_visitors_queue() -> None:
    for task in (summaries.TASK, "chat.tasks.remember"):
        assert CELERY_TASK_ROUTES[task] == {"queue": "background"}
    assert CELERY_BEAT_SCHEDULE["remember"]["task"] == "chat.tasks.remember"
