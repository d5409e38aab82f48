"""What knowledge learns from chats: counts, questions asked in vain, operators' answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F, Sum

import ai
from ai.interface import AIError, Embedder
from ai.scripted import ScriptedModel
from chat import lessons, visitor
from chat.models import Chat, Handoff, Message, Turn, Visitor
from chat.refusals import Refused
from chat.tasks import gather_gaps
from knowledge import entries, gaps, indexing, retrieval, suggestions
from knowledge.models import AskedQuestion, FAQEntry, Suggestion
from operators import desk
from tests.answering import answer
from tests.conftest import House
from tests.racing import RACES, racers

pytestmark = pytest.mark.django_db(transaction=True)


def teach(house: House, question: str, answer: str, language: str = "en") -> FAQEntry:
    """An entry that is searchable."""
    entry = entries.create_faq(
        house.organization, question=question, answer=answer, language=language
    )
    indexing.index("faq", entry.pk, entry.content_hash)
    return entry


@pytest.fixture
def ask(acme: House) -> Callable[..., Message]:
    """Have somebody ask Acme something and be answered; returns the answer."""

    def asked(text: str, person: Visitor | None = None, house: House = acme) -> Message:
        said = visitor.say(person or house.visitor(), house.visit, text, uuid.uuid4())
        turn = answer(Turn.unscoped.get(chat=said.chat, upto_seq=said.seq))
        return Message.unscoped.select_related("chat").get(turn=turn)

    return asked


def gather(house: House) -> list[Suggestion]:
    """Run both periodic tasks, and see what is open."""
    while lessons.learn():
        pass
    gather_gaps()
    rows = Suggestion.objects.of(house.organization).filter(status="open")
    return list(rows.order_by("-asked_count", "pk"))


def counts(entry: FAQEntry) -> tuple[int, int, int]:
    entry.refresh_from_db()
    return entry.views_count, entry.helpful_count, entry.not_helpful_count


# --- counts ---------------------------------------------------------------------------------------


def test_answer_counts_what_it_showed_once(acme: House, ask: Any) -> None:
    entry = teach(acme, "How can I pay?", "By card.")
    other = teach(acme, "Can I bring my dog?", "Yes.")
    ask("How can I pay?")
    assert counts(entry) == (0, 0, 0), "nobody counts while a visitor waits"
    assert lessons.learn() == 1
    assert lessons.learn() == 0
    ask("how can i pay")
    lessons.learn()
    assert counts(entry) == (2, 0, 0)
    assert entry.last_shown_at is not None
    assert counts(other) == (0, 0, 0)


def test_two_workers_count_each_answer_once(acme: House, ask: Any) -> None:
    entry = teach(acme, "How can I pay?", "By card.")
    for _number in range(6):
        ask("How can I pay?")
    with racers(2) as threads:
        learnt = threads.race(lambda: lessons.learn(3), lambda: lessons.learn(3))
    learnt.append(lessons.learn())
    assert sum(learnt) == 6
    assert counts(entry) == (6, 0, 0)


def test_thumb_counts_once_and_moves(acme: House, ask: Any) -> None:
    entry = teach(acme, "How can I pay?", "By card.")
    answer = ask("How can I pay?")
    visitor.judge(answer.chat, answer.seq, True)
    visitor.judge(answer.chat, answer.seq, True)
    assert counts(entry) == (0, 1, 0)
    visitor.judge(answer.chat, answer.seq, False)
    assert counts(entry) == (0, 0, 1)
    with pytest.raises(Refused):
        visitor.judge(answer.chat, 1, True)
    assert counts(entry) == (0, 0, 1)


def test_racing_thumbs_leave_one(acme: House, ask: Any) -> None:
    entry = teach(acme, "How can I pay?", "By card.")
    answer = ask("How can I pay?")
    with racers(4) as threads:
        for _number in range(RACES):
            works = [
                lambda helpful=helpful: visitor.judge(answer.chat, answer.seq, helpful)
                for helpful in (True, False, True, False)
            ]
            assert threads.race(*works) == [None] * 4
            answer.refresh_from_db()
            expected = (0, 1, 0) if answer.helpful else (0, 0, 1)
            assert counts(entry) == expected


def test_deleted_entry_is_passed_over(acme: House, ask: Any) -> None:
    entry = teach(acme, "How can I pay?", "By card.")
    answer = ask("How can I pay?")
    entry.delete()
    assert lessons.learn() == 1
    visitor.judge(answer.chat, answer.seq, True)


# --- gaps -----------------------------------------------------------------------------------------


def test_unanswered_questions_gather_into_one_suggestion(acme: House, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    for text in ("Can I bring my dog?", "Is it ok to bring a dog?", "How can I pay?"):
        ask(text)
    [suggestion] = gather(acme)
    assert (suggestion.asked_count, suggestion.origin, suggestion.language) == (2, "gap", "en")
    assert suggestion.question in ("Can I bring my dog?", "Is it ok to bring a dog?")
    assert suggestion.last_asked_at
    assert [row.reason for row in suggestion.questions.all()] == ["no_knowledge"] * 2


def test_question_that_called_a_person_is_a_gap_too(acme: House, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    person = acme.visitor()
    ask("Can I come by balloon?", person)
    said = visitor.say(person, acme.visit, "Do you have a heliport?", uuid.uuid4())
    turn = answer(Turn.unscoped.get(chat=said.chat, upto_seq=said.seq))
    handoff = Handoff.unscoped.get()
    assert (handoff.reason, handoff.turn) == (Handoff.Reason.NO_KNOWLEDGE, turn)
    # The request names its turn; when it was made tells nothing.
    Handoff.unscoped.update(requested_at=F("requested_at") - timedelta(days=1))
    asked = visitor.say(acme.visitor(), acme.visit, "Call a person", uuid.uuid4())
    answer(Turn.unscoped.get(chat=asked.chat, upto_seq=asked.seq))
    assert {row.question for row in gather(acme)} == {
        "Can I come by balloon?",
        "Do you have a heliport?",
    }


def test_other_topics_languages_and_organizations_stay_apart(
    acme: House, globex: House, ask: Any
) -> None:
    ask("Can I bring my dog?")
    ask("Is there a warranty?")
    ask("Можно с собакой?")
    ask("Can I bring my dog?", house=globex)
    assert [row.asked_count for row in gather(acme)] == [1, 1, 1]
    assert len(gather(globex)) == 1


def test_gathered_questions_stay_where_they_are(acme: House, ask: Any) -> None:
    ask("Can I bring my dog?")
    [first] = gather(acme)
    before = list(first.questions.values_list("pk", flat=True))
    ask("May I bring my dog?")
    [again] = gather(acme)
    assert again.pk == first.pk
    assert again.asked_count == 2
    assert set(before) < set(again.questions.values_list("pk", flat=True))
    assert gather(acme) == [again]


def test_two_gatherings_at_once_place_each_question_once(acme: House, ask: Any) -> None:
    for _number in range(3):
        ask("Can I bring my dog?")
    lessons.learn()
    work = lambda: gaps.gather(acme.organization)  # noqa: E731
    with racers(2) as threads:
        placed = threads.race(work, work)
    placed.append(gaps.gather(acme.organization))
    assert sum(placed) == 3
    assert Suggestion.unscoped.get().asked_count == 3


@pytest.mark.parametrize("text", ["Hello", "Thank you!", "?!", "а вы?"])
def test_words_that_ask_nothing_are_no_gap(acme: House, ask: Any, text: str) -> None:
    ask(text)
    assert gather(acme) == []
    assert not AskedQuestion.unscoped.exists()


def test_bad_answer_is_a_gap_until_the_visitor_thinks_better_of_it(acme: House, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    answer = ask("How can I pay?")
    visitor.judge(answer.chat, answer.seq, False)
    [suggestion] = gather(acme)
    assert suggestion.questions.get().reason == "not_helpful"
    visitor.judge(answer.chat, answer.seq, True)
    assert gather(acme) == []
    assert not AskedQuestion.unscoped.exists()


def test_unanswered_and_badly_rated_is_one_question(acme: House, ask: Any) -> None:
    answer = ask("Can I bring my dog?")
    lessons.learn()
    visitor.judge(answer.chat, answer.seq, False)
    [suggestion] = gather(acme)
    assert suggestion.asked_count == 1
    visitor.judge(answer.chat, answer.seq, True)
    assert gather(acme) == [suggestion], "it was not answered, whatever the thumb says"


def test_erased_chat_leaves_none_of_its_words(acme: House, ask: Any) -> None:
    person = acme.visitor()
    ask("Can I bring my dog Ivanov?", person)
    ask("May I bring a dog?")
    [suggestion] = gather(acme)
    person.delete()
    suggestion.refresh_from_db()
    assert (suggestion.question, suggestion.asked_count) == ("May I bring a dog?", 1)
    assert AskedQuestion.unscoped.count() == 1
    Visitor.unscoped.all().delete()
    assert not AskedQuestion.unscoped.exists()
    assert not Suggestion.unscoped.exists()


def test_chat_erased_before_it_was_learnt_from_teaches_nothing(acme: House, ask: Any) -> None:
    person = acme.visitor()
    ask("Can I bring my dog?", person)
    person.delete()
    assert gather(acme) == []


def test_another_embedder_gathers_into_the_same_suggestion(
    acme: House, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("Can I bring my dog?")
    [first] = gather(acme)
    old = ai.embedder()

    class Other(Embedder):
        name, dimensions = "other", 1024

        def embed(self, texts: Any) -> list[list[float]]:
            # The same space turned around, which no old vector fits.
            return [vector[::-1] for vector in old.embed(texts)]

    monkeypatch.setattr(ai, "embedder", Other)
    ask("May I bring my dog?")
    [again] = gather(acme)
    assert (again.pk, again.asked_count) == (first.pk, 2)


def test_embedder_that_is_away_leaves_the_questions_for_later(
    acme: House, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        name, dimensions = "away", 1024

        def embed(self, texts: Any) -> list[list[float]]:
            raise AIError("away", code="ai_unreachable", retryable=True)

    ask("Can I bring my dog?")
    with monkeypatch.context() as patch:
        patch.setattr(ai, "embedder", Away)
        assert gather(acme) == []
    assert len(gather(acme)) == 1


# --- drafts ---------------------------------------------------------------------------------------


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """A model for drafts; visitors are answered from knowledge alone."""
    scripted, knowledge = ScriptedModel(), ai.knowledge_model()
    monkeypatch.setattr(ai, "chat_model", lambda *names: knowledge if names else scripted)
    monkeypatch.setattr(ai, "has_model", lambda: True)
    return scripted


def test_model_drafts_from_what_is_near(acme: House, ask: Any, model: ScriptedModel) -> None:
    teach(acme, "Are pets welcome in the hotel?", "Small pets are.")
    ask("Can I bring my <b>dog</b>?")
    model.enqueue("Small dogs ", "are welcome.")
    [suggestion] = gather(acme)
    assert (suggestion.answer, suggestion.drafted_by) == ("Small dogs are welcome.", "scripted")
    system, user = model.requests[0].messages
    assert "invent nothing" in system.content
    assert "Small pets are." in user.content
    assert "<b>" not in user.content
    assert gather(acme) == [suggestion], "it is drafted once"
    assert len(model.requests) == 1


def test_model_without_an_answer_leaves_the_draft_empty(
    acme: House, ask: Any, model: ScriptedModel
) -> None:
    ask("Can I bring my dog?")
    model.enqueue("NOTHING.")
    [suggestion] = gather(acme)
    assert (suggestion.answer, suggestion.drafted_by) == ("", "")
    gather(acme)
    assert len(model.requests) == 1


def test_busy_model_is_asked_again_by_the_next_run(
    acme: House, ask: Any, model: ScriptedModel
) -> None:
    ask("Can I bring my dog?")
    model.enqueue(AIError("busy", code="ai_rate_limited", retryable=True))
    [suggestion] = gather(acme)
    assert suggestion.answer == ""
    model.enqueue("Yes.")
    [suggestion] = gather(acme)
    assert suggestion.answer == "Yes."


# --- what an owner decides ------------------------------------------------------------------------


@pytest.fixture
def gap(acme: House, ask: Any) -> Suggestion:
    """A gap that two visitors fell into."""
    ask("Can I bring my dog?")
    ask("May I bring my dog?")
    [suggestion] = gather(acme)
    return suggestion


def index(entry: FAQEntry) -> None:
    indexing.index("faq", entry.pk, entry.content_hash)


def test_accepted_suggestion_answers_the_next_visitor(
    acme: House, ask: Any, gap: Suggestion
) -> None:
    entry = suggestions.accept(
        gap,
        question=gap.question,
        answer="On a lead, yes.",
        language="en",
        phrasings=suggestions.wordings(gap),
    )
    index(entry)
    assert {entry.question, *entry.phrasings} == {"Can I bring my dog?", "May I bring my dog?"}
    assert ask("may I bring my dog").content == "On a lead, yes."
    gap.refresh_from_db()
    assert (gap.status, gap.entry) == ("accepted", entry)
    assert gather(acme) == []


def test_merged_suggestion_adds_its_wordings_to_the_entry(acme: House, gap: Suggestion) -> None:
    entry = teach(acme, "Are pets welcome?", "Small ones.")
    words = ["are PETS welcome", gap.question, *suggestions.wordings(gap)]
    merged = suggestions.merge(gap, entry, words)
    assert merged.pk == entry.pk
    assert (merged.question, merged.answer) == ("Are pets welcome?", "Small ones.")
    assert sorted(merged.phrasings) == ["Can I bring my dog?", "May I bring my dog?"]
    index(merged)
    found = retrieval.search(acme.organization, "Can I bring my dog?").sources[0]
    assert found.item_id == entry.pk


def test_dismissed_gap_takes_what_is_like_it_and_does_not_come_back(
    acme: House, ask: Any, gap: Suggestion
) -> None:
    suggestions.dismiss(gap)
    ask("Is it ok if I bring my dog?")
    assert gather(acme) == []
    gap.refresh_from_db()
    assert (gap.status, gap.asked_count) == ("dismissed", 3)
    suggestions.reopen(gap)
    assert [row.pk for row in gather(acme)] == [gap.pk]


def test_accepted_gap_that_is_asked_in_vain_again_is_a_new_one(
    acme: House, ask: Any, gap: Suggestion
) -> None:
    entry = suggestions.accept(gap, question="Dogs?", answer="Yes.", language="en")
    index(entry)
    entries.set_active(entry, False)
    ask("Can I bring my dog?")
    [again] = gather(acme)
    assert again.pk != gap.pk


def test_wrong_words_are_refused_and_change_nothing(gap: Suggestion) -> None:
    with pytest.raises(ValidationError):
        suggestions.accept(gap, question="", answer="Yes.", language="en")
    gap.refresh_from_db()
    assert gap.status == "open"
    assert not FAQEntry.unscoped.exists()


def test_first_of_two_owners_decides(acme: House, gap: Suggestion) -> None:
    same = Suggestion.unscoped.get(pk=gap.pk)
    with racers(2) as threads:
        results = threads.race(
            lambda: suggestions.accept(gap, question="Dogs?", answer="Yes.", language="en"),
            lambda: suggestions.dismiss(same),
        )
    settled = [result for result in results if isinstance(result, suggestions.Settled)]
    assert len(settled) == 1
    gap.refresh_from_db()
    accepted = gap.status == "accepted"
    assert FAQEntry.unscoped.count() == (1 if accepted else 0)


# --- an operator's answer -------------------------------------------------------------------------


@pytest.fixture
def talk(acme: House) -> Chat:
    """A chat in which an operator greeted, was asked, and answered."""
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat
    desk.accept(chat, acme.operator)
    visitor.say(person, acme.visit, "Do you have boats?", uuid.uuid4(), chat.chat_id)
    visitor.say(person, acme.visit, "For ten people", uuid.uuid4(), chat.chat_id)
    desk.reply(chat, acme.operator, "One moment.", uuid.uuid4())
    desk.reply(chat, acme.operator, "Yes, two of them.", uuid.uuid4())
    chat.refresh_from_db()
    return chat


def test_operator_proposes_an_answer_once(acme: House, talk: Chat) -> None:
    first = desk.learn(talk, acme.operator, talk.seq)
    again = desk.learn(talk, acme.owner, talk.seq)
    assert first.pk == again.pk
    row = Suggestion.unscoped.get()
    assert (row.origin, row.status, row.author) == ("chat", "open", acme.operator)
    assert (row.question, row.answer) == ("Do you have boats? For ten people", "Yes, two of them.")
    assert lessons.kept_of(talk) == [talk.seq]
    assert not FAQEntry.unscoped.exists(), "it is the owner's to accept"


def test_accepted_answer_closes_the_gap_that_asks_the_same(acme: House, ask: Any) -> None:
    ask("Do you sell kites?")
    ask("May I bring my dog?")
    same, other = sorted(gather(acme), key=lambda gap: "dog" in gap.question)
    lesson = suggestions.propose(
        acme.operator,
        chat_id=uuid.uuid4(),
        seq=3,
        question="Kites?",
        answer="In the shop.",
        language="en",
    )
    entry = suggestions.accept(
        lesson,
        question=lesson.question,
        answer=lesson.answer,
        language="en",
        phrasings=["do you sell KITES"],
    )
    same.refresh_from_db()
    other.refresh_from_db()
    assert (same.status, same.entry) == ("accepted", entry)
    assert other.status == "open"


def test_racing_clicks_give_one_suggestion(acme: House, talk: Chat) -> None:
    with racers(4) as threads:
        threads.race(*[lambda: desk.learn(talk, acme.operator, talk.seq)] * 4)
    assert Suggestion.unscoped.count() == 1


@pytest.mark.parametrize("line", [1, 2, 999])
def test_only_an_operators_answer_is_kept(acme: House, talk: Chat, line: int) -> None:
    with pytest.raises(lessons.NothingToKeep):
        desk.learn(talk, acme.operator, line)


def test_answer_to_no_question_is_not_kept(acme: House) -> None:
    chat = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4()).chat
    desk.accept(chat, acme.operator)
    Message.unscoped.filter(role="user").update(role="system")
    greeting = desk.reply(chat, acme.operator, "Good day!", uuid.uuid4())
    with pytest.raises(lessons.NothingToKeep):
        desk.learn(chat, acme.operator, greeting.seq)


def test_outsider_cannot_propose(globex: House, talk: Chat) -> None:
    with pytest.raises(desk.UnknownChat):
        desk.learn(talk, globex.operator, talk.seq)
    with pytest.raises(lessons.NothingToKeep):
        lessons.keep(talk, talk.seq, globex.operator)
    assert not Suggestion.unscoped.exists()


def test_erased_chat_takes_its_proposal_along_but_not_the_entry(acme: House, talk: Chat) -> None:
    row = desk.learn(talk, acme.operator, talk.seq)
    entry = suggestions.accept(row, question="Boats?", answer=row.answer, language="en")
    Visitor.unscoped.all().delete()
    assert not Suggestion.unscoped.exists()
    assert FAQEntry.unscoped.get() == entry


def test_nothing_is_counted_for_an_operators_answer(acme: House, talk: Chat) -> None:
    teach(acme, "How can I pay?", "By card.")
    visitor.judge(talk, talk.seq, False)
    assert FAQEntry.unscoped.aggregate(sum=Sum("not_helpful_count"))["sum"] == 0
    assert gather(acme) == []
