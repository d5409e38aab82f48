"""Each way in which a provider fails: what the visitor saw, and what was stored.

Against a server of the real protocol, through the assistant, with the pauses made short.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

import ai
from ai.fallback import FallbackModel, Patience
from ai.interface import AIError, Call, ChatRequest, Choice, Connection, PromptMessage
from ai.scripted import ScriptedModel
from chat import citations, visitor
from chat.admin import receipt
from chat.management.commands.dispatch import dispatch_once
from chat.models import Message, ModelCall, Turn
from knowledge import entries, indexing
from organizations import health
from organizations.models import Agent, ModelHealth, Provider
from tests.answering import answer as once
from tests.conftest import House
from tests.hostile_site import certificate
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.django_db(transaction=True)

KNOWN = "Which colours are there?"
SORRY = "I am sorry, I cannot answer right now. A person can help you."
QUICK = Patience(pause=0.01, seconds=1.0, first_word=0.5, longest_pause=0.1, least=0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, settings: Settings, server: OpenAIServer) -> None:
    """Short pauses, and a server that may be asked."""
    monkeypatch.setattr("ai.fallback.PATIENCE", QUICK)
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}", "127.0.0.1:9"]
    settings.KNOWLEDGE_STREAM_DELAY = 0
    server.requests.clear()


def provider_at(house: House, address: str, name: str = "own") -> Provider:
    row = Provider(
        organization=house.organization,
        name=name,
        kind="other",
        base_url=address,
        timeout=1,
        silence=1,
    )
    row.key = "sk-any-key-0123456789"
    # Shorter than a form lets an owner make it.
    row.timeout = row.silence = 0.15
    row.save()
    return row


def use(house: House, provider: Provider, model: str, *fallbacks: str) -> None:
    Agent.objects.of(house.organization).update(
        provider=provider,
        model=model,
        fallbacks=[{"provider": provider.pk, "model": name} for name in fallbacks],
    )


def teach(house: House) -> None:
    """Two entries that fit equally well, so that a model is asked first."""
    for _ in range(2):
        entry = entries.create_faq(
            house.organization, question=KNOWN, answer="Blue and green.", language="en"
        )
        indexing.index("faq", entry.pk, entry.content_hash)


def asked(house: House, text: str = KNOWN) -> Turn:
    visitor.say(house.visitor(), house.visit, text, uuid.uuid4())
    return Turn.objects.of(house.organization).latest("pk")


def to_the_end(turn: Turn) -> Turn:
    """Every attempt, and the dispatcher's word after the last."""
    for _attempt in range(4):
        Turn.unscoped.filter(pk=turn.pk, status="queued").update(due_at=Now())
        once(turn)
        dispatch_once()
        turn.refresh_from_db()
    return turn


def said(turn: Turn) -> list[str]:
    lines = Message.unscoped.filter(chat=turn.chat_id, role="assistant").order_by("seq")
    return [citations.without(line.content).strip() for line in lines]


def calls(turn: Turn) -> list[tuple[str, str]]:
    """Who was asked for a turn, and how it ended, in order."""
    rows = ModelCall.unscoped.filter(turn=turn).order_by("pk")
    return list(rows.values_list("model", "code"))


# --- each kind of failure -------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A failure: its code, how often a model is asked in one attempt, and when it comes.

    One that takes its time is not asked again where another model waits.
    """

    code: str
    asked: int
    has_begun: bool = False

    @property
    def asked_before_another(self) -> int:
        return ONCE if self.code == "ai_timeout" else self.asked


TWICE, ONCE = 2, 1
KINDS = {
    "fake-400": Kind("ai_refused", ONCE),
    "fake-401": Kind("ai_auth", ONCE),
    "fake-402": Kind("ai_quota", ONCE),
    "fake-403": Kind("ai_auth", ONCE),
    "fake-404": Kind("ai_model_not_found", ONCE),
    "fake-quota": Kind("ai_quota", ONCE),
    "fake-408": Kind("ai_unavailable", TWICE),
    # It asks for two seconds, which is more than is waited here.
    "fake-429": Kind("ai_rate_limited", ONCE),
    "fake-429-long": Kind("ai_rate_limited", ONCE),
    "fake-429-date": Kind("ai_rate_limited", TWICE),
    "fake-429-plain": Kind("ai_rate_limited", TWICE),
    "fake-500": Kind("ai_unavailable", TWICE),
    "fake-503": Kind("ai_unavailable", TWICE),
    "fake-hang": Kind("ai_timeout", TWICE),
    "fake-thinking": Kind("ai_timeout", ONCE),
    "fake-cut": Kind("ai_broken", TWICE),
    "fake-json": Kind("ai_broken", TWICE),
    "fake-shape": Kind("ai_broken", TWICE),
    "fake-lines": Kind("ai_broken", TWICE),
    "fake-line": Kind("ai_broken", TWICE),
    "fake-html": Kind("ai_broken", TWICE),
    "fake-odd": Kind("ai_broken", TWICE),
    "fake-empty": Kind("ai_empty", TWICE),
    "fake-broken": Kind("ai_broken", ONCE, has_begun=True),
    "fake-error": Kind("ai_broken", ONCE, has_begun=True),
    "fake-silent": Kind("ai_timeout", ONCE, has_begun=True),
    "fake-drip": Kind("ai_timeout", ONCE, has_begun=True),
}
BEFORE = [name for name, kind in KINDS.items() if not kind.has_begun]
AMID = [name for name, kind in KINDS.items() if kind.has_begun]


@pytest.mark.parametrize("fault", BEFORE)
def test_model_that_cannot_begin_is_stood_in_for_by_the_next(
    acme: House, server: OpenAIServer, fault: str
) -> None:
    teach(acme)
    use(acme, provider_at(acme, server.base_url), fault, "fake")
    turn = once(asked(acme))
    kind = KINDS[fault]
    assert said(turn) == ["Blue and green."]
    assert (turn.status, turn.model, turn.error) == ("done", "fake", "")
    assert calls(turn) == [*[(fault, kind.code)] * kind.asked_before_another, ("fake", "")]
    assert [one["model"] for one in server.requests] == [
        *[fault] * kind.asked_before_another,
        "fake",
    ]


@pytest.mark.parametrize("fault", BEFORE)
def test_knowledge_stands_in_when_no_model_can_begin(
    acme: House, server: OpenAIServer, fault: str
) -> None:
    teach(acme)
    use(acme, provider_at(acme, server.base_url), fault)
    turn = once(asked(acme))
    assert said(turn) == ["Blue and green."]
    assert (turn.status, turn.model) == ("done", "knowledge")
    assert turn.error == KINDS[fault].code
    assert calls(turn) == [(fault, KINDS[fault].code)] * KINDS[fault].asked


@pytest.mark.parametrize("fault", KINDS)
def test_with_no_model_and_no_knowledge_people_are_called_with_one_apology(
    acme: House, server: OpenAIServer, fault: str
) -> None:
    use(acme, provider_at(acme, server.base_url), fault)
    turn = to_the_end(asked(acme))
    assert said(turn) == [SORRY]
    assert (turn.status, turn.error) == ("failed", KINDS[fault].code)
    turn.chat.refresh_from_db()
    assert turn.chat.mode == "waiting"
    assert turn.chat.handoffs.get().reason == "error"
    # A connection that was kept may be gone when the model is asked again.
    seen = {code for _model, code in calls(turn)} - {"ai_unreachable"}
    assert seen <= {KINDS[fault].code, health.OPEN}


@pytest.mark.parametrize("fault", AMID)
def test_model_that_fails_in_mid_sentence_is_followed_by_the_next(
    acme: House, server: OpenAIServer, fault: str
) -> None:
    """The widget was shown words: the new attempt takes their place, and is another model's."""
    use(acme, provider_at(acme, server.base_url), fault, "fake")
    turn = once(asked(acme))
    assert (turn.status, turn.failures, turn.error) == ("queued", 1, KINDS[fault].code)
    assert turn.shown_at is not None
    first = turn.attempt
    turn = to_the_end(turn)
    assert said(turn) == ["I do not know that."]
    assert (turn.status, turn.model) == ("done", "fake")
    assert turn.attempt > first, "deltas of the first attempt are void"
    assert calls(turn) == [(fault, KINDS[fault].code), ("fake", "")]
    broken = ModelCall.unscoped.filter(turn=turn).earliest("pk")
    assert broken.is_estimated
    assert broken.completion_tokens > 0


@pytest.mark.parametrize("fault", AMID)
def test_model_that_keeps_failing_in_mid_sentence_gives_way_to_knowledge(
    acme: House, server: OpenAIServer, fault: str
) -> None:
    teach(acme)
    use(acme, provider_at(acme, server.base_url), fault)
    turn = to_the_end(asked(acme))
    assert said(turn) == ["Blue and green."]
    assert (turn.status, turn.model, turn.failures) == ("done", "knowledge", 2)
    assert calls(turn) == [(fault, KINDS[fault].code)] * 2


@pytest.mark.parametrize(
    ("address", "code", "tries"),
    [
        ("http://127.0.0.1:9/v1", "ai_unreachable", 2),
        ("http://no-such-host.invalid/v1", "ai_unreachable", 2),
        ("http://10.0.0.1/v1", "ai_address", 1),
    ],
)
def test_address_that_leads_nowhere(acme: House, address: str, code: str, tries: int) -> None:
    teach(acme)
    use(acme, provider_at(acme, address), "any")
    turn = once(asked(acme))
    assert said(turn) == ["Blue and green."]
    assert turn.error == code
    assert calls(turn) == [("any", code)] * tries


def test_certificate_that_is_not_to_be_trusted(
    acme: House, tmp_path: Path, settings: Settings
) -> None:
    teach(acme)
    _public, tls = certificate(tmp_path, "127.0.0.1")
    with OpenAIServer(tls=tls) as own:
        settings.OUTGOING_ALLOWED = [f"127.0.0.1:{own.port}"]
        use(acme, provider_at(acme, own.base_url), "fake")
        turn = once(asked(acme))
        assert own.requests == []
    assert said(turn) == ["Blue and green."]
    assert calls(turn) == [("fake", "ai_tls")]


def test_model_that_is_back_at_the_second_try_answers(acme: House, server: OpenAIServer) -> None:
    use(acme, provider_at(acme, server.base_url), "fake-once")
    turn = once(asked(acme))
    assert said(turn) == ["I do not know that."]
    assert calls(turn) == [("fake-once", "ai_unavailable"), ("fake-once", "")]


def test_answer_that_never_ends_is_cut_off(acme: House, server: OpenAIServer) -> None:
    Agent.objects.of(acme.organization).update(max_tokens=100)
    use(acme, provider_at(acme, server.base_url), "fake-huge")
    turn = once(asked(acme))
    assert turn.status == "done"
    assert 1200 < len(said(turn)[0]) < 100_000
    assert calls(turn) == [("fake-huge", "ai_too_long")]
    assert ModelCall.unscoped.get().is_estimated


@pytest.mark.parametrize(
    ("model", "code"), [("fake-short", "ai_cut"), ("fake-filtered", "ai_filtered")]
)
def test_answer_that_the_provider_cuts_off_is_shown_and_marked(
    acme: House, server: OpenAIServer, model: str, code: str
) -> None:
    use(acme, provider_at(acme, server.base_url), model)
    turn = once(asked(acme))
    assert said(turn) == ["I do not know that."]
    assert calls(turn) == [(model, code)]
    assert {"code": code} in turn.flags
    assert receipt.flags_of(turn)[-1]["label"]
    assert not ModelHealth.unscoped.exists()


def test_model_that_only_thinks_until_its_tokens_end_gives_way_to_the_next(
    acme: House, server: OpenAIServer
) -> None:
    use(acme, provider_at(acme, server.base_url), "fake-pensive", "fake")
    turn = once(asked(acme))
    assert said(turn) == ["I do not know that."]
    assert calls(turn) == [("fake-pensive", "ai_cut"), ("fake", "")]
    assert turn.flags == [{"code": "no_source"}]


def test_tokens_that_a_provider_does_not_count_are_estimated(
    acme: House, server: OpenAIServer
) -> None:
    use(acme, provider_at(acme, server.base_url), "fake-uncounted")
    turn = once(asked(acme))
    call = ModelCall.unscoped.get()
    assert (call.code, call.is_estimated) == ("", True)
    assert call.prompt_tokens > 50
    assert call.completion_tokens == 7
    assert (turn.prompt_tokens, turn.completion_tokens) == (call.prompt_tokens, 7)


def test_cached_tokens_are_counted_apart(acme: House, server: OpenAIServer) -> None:
    use(acme, provider_at(acme, server.base_url), "fake-cached")
    once(asked(acme))
    call = ModelCall.unscoped.get()
    assert call.cached_tokens == call.prompt_tokens // 2 > 0
    assert not call.is_estimated


# --- patience -------------------------------------------------------------------------------------


def failure(code: str = "ai_unavailable", after: float | None = None) -> AIError:
    return AIError("no", code=code, retryable=True, retry_after=after)


def test_pauses_grow_and_are_drawn_and_bounded() -> None:
    patience = Patience(tries=4, pause=1, longest_pause=10)
    for asked_before, least, most in ((1, 0.5, 1), (2, 1, 2), (3, 2, 4)):
        drawn = [patience.wait(failure(), asked_before, 100) for _ in range(50)]
        assert all(one is not None and least <= one <= most for one in drawn)
        assert len(set(drawn)) > 1
    assert patience.wait(failure(), 4, 100) is None
    assert patience.wait(failure(after=5), 1, 100) == 5
    assert patience.wait(failure(after=11), 1, 100) is None
    assert patience.wait(failure(after=5), 1, 5.2) is None, "no time would be left to ask"
    slow = failure("ai_timeout")
    assert patience.wait(slow, 1, 100) is not None
    assert patience.wait(slow, 1, 100, has_next=True) is None
    refused = AIError("no", code="ai_auth", retryable=False)
    assert patience.wait(refused, 1, 100) is None


def test_all_models_together_are_waited_for_so_long_and_no_longer(server: OpenAIServer) -> None:
    """Each could take 30 seconds to fail."""
    names = ["fake-hang", "fake-thinking", "fake-hang", "fake-hang"]
    choices = [Choice(name, _connection(server)) for name in names]
    model = ai.chat_model(choices[0], choices[1:])
    assert isinstance(model, FallbackModel)
    model.patience = Patience(seconds=0.3, pause=0.01, least=0.05)
    request = ChatRequest((PromptMessage("user", "Hi"),))
    with pytest.raises(AIError) as failed:
        ai.whole(model, request, seconds=20)
    assert failed.value.code == "ai_timeout"
    assert 1 <= len(request.calls) <= 2
    assert sum(call.milliseconds for call in request.calls) < 20_000


def _connection(server: OpenAIServer) -> Any:
    return Connection(base_url=server.base_url, timeout=30, is_guarded=False)


# --- the circuit breaker --------------------------------------------------------------------------


def failed_calls(count: int, code: str = "ai_unavailable") -> list[Call]:
    return [Call("m", None, code=code) for _ in range(count)]


def state(house: House) -> ModelHealth:
    return ModelHealth.objects.of(house.organization).get()


def note(house: House, *calls: Call) -> None:
    health.note(house.organization.pk, calls, health.of(house.organization))


def may_ask(house: House) -> bool:
    (choice,) = health.usable([Choice("m")], health.of(house.organization))
    return not choice.problem


def pass_by(house: House, seconds: float) -> None:
    """Let time pass for the breaker."""
    rows = ModelHealth.objects.of(house.organization)
    for column in ("since", "open_until", "probing_until", "failed_at"):
        rows.update(**{column: F(column) - timedelta(seconds=seconds)})


def test_breaker_opens_after_failures_and_lets_one_try(acme: House, globex: House) -> None:
    note(acme, *failed_calls(health.OPENS_AFTER - 1))
    assert may_ask(acme)
    note(acme, *failed_calls(1, "ai_timeout"))
    assert not may_ask(acme)
    assert state(acme).error == "ai_timeout"
    assert may_ask(globex), "others have their own"
    pass_by(acme, health.REST_SECONDS + 1)
    assert [may_ask(acme) for _ in range(3)] == [True, False, False], "one tries for all"
    # It fails still: the rest is twice as long.
    note(acme, *failed_calls(1))
    pass_by(acme, health.REST_SECONDS + 1)
    assert not may_ask(acme)
    pass_by(acme, health.REST_SECONDS)
    assert may_ask(acme)
    note(acme, Call("m"))
    assert may_ask(acme)
    assert may_ask(acme)
    assert (state(acme).failures, state(acme).opened) == (0, 0)


def test_breaker_forgets_failures_that_are_far_apart(acme: House) -> None:
    for _ in range(3 * health.OPENS_AFTER):
        note(acme, *failed_calls(1))
        pass_by(acme, health.WINDOW_SECONDS + 1)
    assert may_ask(acme)


@pytest.mark.parametrize("code", ["ai_refused", "ai_empty", "stopped", "ai_address"])
def test_breaker_stays_closed_for_what_is_not_the_models_fault(acme: House, code: str) -> None:
    note(acme, *failed_calls(3 * health.OPENS_AFTER, code))
    assert may_ask(acme)
    assert not ModelHealth.unscoped.exists()


def test_who_tries_and_dies_does_not_keep_the_others_out(acme: House) -> None:
    note(acme, *failed_calls(health.OPENS_AFTER))
    pass_by(acme, health.REST_SECONDS + 1)
    assert [may_ask(acme), may_ask(acme)] == [True, False]
    pass_by(acme, health.PROBE.total_seconds() + 1)
    assert may_ask(acme)


def test_open_breaker_spares_visitors_the_wait(acme: House, server: OpenAIServer) -> None:
    teach(acme)
    use(acme, provider_at(acme, server.base_url), "fake-500", "fake")
    for _ in range(3):
        once(asked(acme))
    server.requests.clear()
    turn = once(asked(acme))
    assert [one["model"] for one in server.requests] == ["fake"]
    assert calls(turn) == [("fake-500", health.OPEN), ("fake", "")]
    assert said(turn) == ["Blue and green."]


def test_healthy_model_costs_no_statement(acme: House) -> None:
    with CaptureQueriesContext(connection) as seen:
        assert may_ask(acme)
        note(acme, Call("m"), Call("m"))
    assert len(seen) == 2, "only the reading of the rows, which comes with the question"


def test_deleted_provider_is_remembered_by_nobody(acme: House) -> None:
    health.note(acme.organization.pk, [Call("m", 987_654, code="ai_timeout")], {})
    assert not ModelHealth.unscoped.exists()


# --- scripted -------------------------------------------------------------------------------------


def test_followup_and_answer_are_booked_apart(acme: House, monkeypatch: pytest.MonkeyPatch) -> None:
    Agent.objects.of(acme.organization).update(only_from_sources=False, handoff_on=[])
    model = ScriptedModel(["At ten."], ["Do you have tours on Sunday?"], ["At ", "noon."])
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    person = acme.visitor()
    for text in ("Do you have tours on Saturday?", "and on Sunday?"):
        visitor.say(person, acme.visit, text, uuid.uuid4())
        turn = once(Turn.objects.of(acme.organization).latest("pk"))
    rows = ModelCall.unscoped.filter(turn=turn).order_by("pk")
    assert list(rows.values_list("purpose", flat=True)) == ["rewrite", "answer"]
    assert turn.prompt_tokens == sum(row.prompt_tokens for row in rows)
    assert turn.completion_tokens == sum(row.completion_tokens for row in rows) == 3
