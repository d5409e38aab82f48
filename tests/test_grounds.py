"""What an answer rests on: the sources it cites, its receipt, and what is said without any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from ai.scripted import ScriptedModel
from chat import lessons, snapshots, turns, visitor
from chat.answering.planning import prepare
from chat.answering.plans import Plan
from chat.delivery import events
from chat.models import Chat, ModelCall, Turn
from chat.protocol import Page
from chat.visitor import Visit
from knowledge.models import AskedQuestion, ContextEntry
from tests.answering import answer
from tests.conftest import client_of
from tests.test_chat_assistant import ask, last, model, teach

__all__ = ["ask", "model"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def near(acme: Any) -> None:
    """Two entries that fit equally well: nothing is sure, so the model is asked."""
    teach(acme, "Which colours are there?", "Blue.")
    teach(acme, "Which colours are there?", "Green.")


def pieces(chat: Chat, work: Callable[[], Turn]) -> tuple[Turn, str]:
    """The turn, and the text as the pieces put it together."""
    sent: list[tuple[int, str]] = []
    packed = events.Pieces.packed

    def noting(self: events.Pieces, offset: int, text: str) -> Any:
        sent.append((offset, text))
        return packed(self, offset, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events.Pieces, "packed", noting)
        turn = work()
    text = ""
    for offset, piece in sent:
        assert offset == len(text)
        text += piece
    return turn, text


def test_only_cited_sources_are_shown_and_in_that_order(
    ask: Any, model: ScriptedModel, near: None
) -> None:
    model.enqueue("Green [", "2", "], also blue[1, 9] and no", " red [7].")
    chat = ask("Which colours are there?").chat
    turn, streamed = pieces(chat, answer)
    message = last(chat)
    assert message.content == streamed == "Green [2], also blue[1] and no red."
    assert [source["number"] for source in message.sources] == [2, 1]
    given = {source["number"]: source["quote"] for source in turn.sources}
    assert [source["quote"] for source in message.sources] == [given[2], given[1]]
    assert turn.flags == [{"code": "unknown_source", "numbers": [9, 7]}]
    assert not message.offers_support
    body = snapshots.message_body(message, chat.session.widget)
    assert 'Green <a class="citation" href="#source-2-1">1</a>' in body.html
    assert 'blue<a class="citation" href="#source-2-2">2</a>' in body.html
    assert [source.number for source in body.sources] == [2, 1]


def test_answer_that_cites_nothing_is_flagged_and_shows_no_source(
    ask: Any, model: ScriptedModel, near: None
) -> None:
    model.enqueue("There is blue and also green. ", "Do you like them?")
    chat = ask("Which colours are there?").chat
    turn = answer()
    assert last(chat).sources == []
    assert turn.flags == [{"code": "uncited", "sentences": ["There is blue and also green."]}]
    assert not last(chat).offers_support


def test_model_that_does_not_know_offers_a_person(
    acme: Any, ask: Any, model: ScriptedModel, near: None
) -> None:
    model.enqueue("К сожалению, я этого не знаю.")
    chat = ask("Which colours are there?").chat
    answer()
    assert last(chat).offers_support
    lessons.learn()
    assert AskedQuestion.objects.of(acme.organization).get().text == "Which colours are there?"


def test_stopped_answer_shows_what_its_part_cites(
    ask: Any, model: ScriptedModel, near: None
) -> None:
    chat = ask("Which colours are there?").chat
    claim = turns.claim(Turn.unscoped.get().pk)
    assert isinstance(claim, turns.Claim)
    plan = prepare(claim)
    assert isinstance(plan, Plan)
    turns.show(claim, plan.grounds)
    turns.renew({claim: "Green [2] and"})
    visitor.stop(ask.person, chat)
    (source,) = last(chat).sources
    assert source["number"] == 2
    assert {"title", "quote", "kind", "item"} <= source.keys()


def test_owners_own_words_keep_their_brackets(acme: Any, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card [1] or see rule [7].")
    chat = ask("How can I pay?").chat
    turn, streamed = pieces(chat, answer)
    assert last(chat).content == streamed == "By card [1] or see rule [7]."
    assert (turn.flags, turn.prompt_parts) == ([], {})
    body = snapshots.message_body(last(chat), chat.session.widget)
    assert "citation" not in body.html


def test_receipt_tells_what_the_prompt_was_made_of(
    acme: Any, ask: Any, model: ScriptedModel, near: None
) -> None:
    acme.agent.instructions = "Be kind."
    acme.agent.save()
    model.enqueue("Green [2] and blue [1].")
    chat = ask("Which colours are there?").chat
    turn = answer()
    parts = turn.prompt_parts
    assert parts["budget"] == 16_000 - 800
    assert parts["estimated"] == sum(parts["parts"].values())
    assert {"rules", "instructions", "question", "sources"} <= parts["parts"].keys()
    client = client_of(acme.owner)
    for address in (
        reverse("admin:chat_turn_change", args=[turn.pk]),
        reverse("admin:chat_chat_change", args=[chat.pk]),
    ):
        page = client.get(address).content.decode()
        assert "Tokens, estimated" in page
        assert f"{parts['estimated']:,} of {parts['budget']:,}" in page
    assert f'id="source-{last(chat).seq}-1"' in page


def test_provider_that_counts_more_than_estimated_is_believed(
    ask: Any, model: ScriptedModel, near: None
) -> None:
    model.enqueue("Blue [1].")
    ask("Which colours are there?")
    first = answer()
    assert first.prompt_parts["strictness"] == 1.0
    counted = ModelCall.unscoped.filter(turn=first, purpose="answer")
    counted.update(prompt_tokens=first.prompt_parts["estimated"] * 1.25, is_estimated=False)
    model.enqueue("Blue [1].")
    ask("Which colours are there now and here?")
    assert answer().prompt_parts["strictness"] == pytest.approx(1.25, abs=0.01)
    ModelCall.unscoped.filter(purpose="answer").update(prompt_tokens=10**6)
    model.enqueue("Blue [1].")
    ask("Which colours are there today and here?")
    assert answer().prompt_parts["strictness"] == 1.5


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "I do not know that. Shall I ask a person to help?"),
        ("ru", "Этого я не знаю. Позвать человека?"),
    ],
)
def test_agent_that_may_not_talk_freely_says_that_it_does_not_know(
    acme: Any, ask: Any, model: ScriptedModel, language: str, said: str
) -> None:
    acme.agent.only_from_sources = True
    acme.agent.save()
    teach(acme, "How can I pay?", "By card or in cash.")
    visit = Visit(acme.widget, Page(), language)
    chat = ask("Кто построил пирамиды на Марсе?", visit).chat
    turn = answer()
    assert model.requests == [], "a model that is not asked invents nothing"
    assert last(chat).content == said
    assert last(chat).offers_support
    assert (last(chat).model, turn.prompt_version) == ("knowledge", "")


def test_agent_that_may_not_talk_freely_asks_the_model_where_there_are_grounds(
    acme: Any, ask: Any, model: ScriptedModel, near: None
) -> None:
    acme.agent.only_from_sources = True
    acme.agent.save()
    model.enqueue("Blue [1].")
    chat = ask("Which colours are there?").chat
    answer()
    assert last(chat).content == "Blue [1]."
    model.enqueue("Which colours are there, in short?", "")
    model.enqueue("Blue.")
    # It leans on an answer that had a source.
    ask("and for children?")
    answer()
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    ("words", "said", "is_shown"),
    [
        (["It costs ", "five hundred roubles."], "Этого я не знаю. Позвать человека?", False),
        (["It costs ", "five hundred [7]."], "Этого я не знаю. Позвать человека?", False),
        (["Call ", "+7 843 200 [1]", ", please."], "Call +7 843 200 [1], please.", True),
    ],
)
def test_what_only_the_owners_facts_could_tell_must_cite_them(
    acme: Any, ask: Any, model: ScriptedModel, words: list[str], said: str, is_shown: bool
) -> None:
    acme.agent.only_from_sources = True
    acme.agent.save()
    ContextEntry.unscoped.create(organization=acme.organization, key="phone", value="+7 843 200")
    model.enqueue(*words)
    chat = ask("Сколько стоит Луна?", Visit(acme.widget, Page(), "ru")).chat
    turn, streamed = pieces(chat, answer)
    message = last(chat)
    assert message.content == streamed == said, "nothing was shown that is not so"
    assert message.offers_support is not is_shown
    shown = [{"title": "Acme", "url": "", "quote": "", "number": 1}] if is_shown else []
    assert message.sources == shown
    assert [flag["code"] for flag in turn.flags] == ([] if is_shown else ["refused"])


def test_answer_without_any_source_offers_a_person_and_is_flagged(
    ask: Any, model: ScriptedModel
) -> None:
    model.enqueue("It costs five hundred roubles [1].")
    chat = ask("What does the moon cost?").chat
    turn = answer()
    assert last(chat).content == "It costs five hundred roubles."
    assert last(chat).offers_support
    assert [flag["code"] for flag in turn.flags] == ["unknown_source", "no_source"]
