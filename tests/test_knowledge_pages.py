"""The owner's pages over what is missing, popular, or wrong; and the one to try a question on."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

import ai
from ai.interface import AIError
from ai.scripted import ScriptedModel
from chat import lessons, visitor
from chat.models import Chat, Message
from knowledge import checkup, entries, indexing
from knowledge.models import AskedQuestion, Category, FAQEntry, Suggestion, WebPage, WebSource
from operators import desk
from tests.conftest import House, client_of
from tests.rows import fill, word_of

PAGES = ("knowledge_try", "knowledge_popular", "knowledge_checkup")


def teach(house: House, question: str, answer: str, **fields: Any) -> FAQEntry:
    """An entry that is searchable."""
    entry = entries.create_faq(
        house.organization, question=question, answer=answer, **{"language": "en", **fields}
    )
    indexing.index("faq", entry.pk, entry.content_hash)
    entry.refresh_from_db()
    return entry


@pytest.fixture
def gap(acme: House) -> Suggestion:
    """A gap with two wordings and a hostile third."""
    row: Suggestion = Suggestion.unscoped.create(
        organization=acme.organization,
        origin="gap",
        language="en",
        question="Can I bring my dog?",
        asked_count=3,
    )
    for seq, text in enumerate(("Can I bring my dog?", "Dogs allowed?", "<script>dog</script>")):
        AskedQuestion.unscoped.create(
            organization=acme.organization,
            suggestion=row,
            text=text,
            language="en",
            reason="no_knowledge",
            chat_id=uuid.uuid4(),
            seq=seq + 1,
        )
    return row


def action(name: str, row: Suggestion) -> str:
    return reverse(f"admin:knowledge_suggestion_{name}", args=[row.pk])


# --- gaps -----------------------------------------------------------------------------------------


def test_list_shows_open_ones_by_how_often_they_were_asked(acme: House, gap: Suggestion) -> None:
    for question, count, status in (("Boats?", 9, "open"), ("Cats?", 99, "dismissed")):
        Suggestion.unscoped.create(
            organization=acme.organization,
            origin="gap",
            language="en",
            question=question,
            asked_count=count,
            status=status,
        )
    client = client_of(acme.owner)
    address = reverse("admin:knowledge_suggestion_changelist")
    shown = [row.question for row in client.get(address).context["cl"].result_list]
    assert shown == ["Boats?", "Can I bring my dog?"]
    aside = client.get(address, {"status": "dismissed"}).context["cl"].result_list
    assert [row.question for row in aside] == ["Cats?"]
    assert client_of(acme.operator).get(address).status_code == 403


def test_page_shows_the_questions_the_chats_and_what_is_near(acme: House, gap: Suggestion) -> None:
    near = teach(acme, "Are pets welcome?", "Small ones are.")
    page = client_of(acme.owner).get(reverse("admin:knowledge_suggestion_change", args=[gap.pk]))
    for words in ("Dogs allowed?", "&lt;script&gt;dog", near.question, "Nothing was found"):
        assert words in page.text, words
    assert "<script>dog" not in page.text
    asked = AskedQuestion.unscoped.filter(suggestion=gap).latest("pk")
    assert f"{reverse('admin:chat_chat_change', args=[asked.chat_id])}#line-3" in page.text
    for name in ("accept", "merge", "dismiss"):
        assert action(name, gap) in page.text
    assert action("reopen", gap) not in page.text


def test_nothing_is_changed_in_place(acme: House, gap: Suggestion) -> None:
    address = reverse("admin:knowledge_suggestion_change", args=[gap.pk])
    client = client_of(acme.owner)
    assert not client.get(address).context["adminform"].form.fields
    client.post(address, {"status": "accepted", "question": "Cats?", "_save": "1"})
    gap.refresh_from_db()
    assert (gap.status, gap.question) == ("open", "Can I bring my dog?")


def test_owner_edits_and_accepts(acme: House, gap: Suggestion) -> None:
    client = client_of(acme.owner)
    form = client.get(action("accept", gap)).context["form"]
    assert form.initial["question"] == "Can I bring my dog?"
    assert form.initial["phrasings"].splitlines() == ["<script>dog</script>", "Dogs allowed?"]
    category = Category.unscoped.create(organization=acme.organization, name="Animals")
    response = client.post(
        action("accept", gap),
        {
            "question": "May dogs come?",
            "answer": "On a lead.",
            "phrasings": "Dogs allowed?\n\n dogs ALLOWED \nmay dogs come",
            "category": category.pk,
            "language": "en",
        },
    )
    assert response["Location"] == reverse("admin:knowledge_suggestion_changelist")
    entry = FAQEntry.unscoped.get()
    assert (entry.question, entry.answer, entry.category) == (
        "May dogs come?",
        "On a lead.",
        category,
    )
    assert entry.phrasings == ["Dogs allowed?"]
    gap.refresh_from_db()
    assert (gap.status, gap.entry) == ("accepted", entry)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question", ""),
        ("question", "x" * 301),
        ("answer", " "),
        ("language", "xx"),
        ("phrasings", "\n".join(f"way {number}" for number in range(51))),
        ("phrasings", "x" * 301),
        ("category", "999999"),
    ],
)
def test_wrong_words_are_told_and_nothing_is_made(
    acme: House, gap: Suggestion, field: str, value: str
) -> None:
    sent = {"question": "Dogs?", "answer": "Yes.", "language": "en", field: value}
    response = client_of(acme.owner).post(action("accept", gap), sent)
    assert response.status_code == 200
    assert field in response.context["form"].errors
    assert not FAQEntry.unscoped.exists()
    gap.refresh_from_db()
    assert gap.status == "open"


def test_owner_adds_to_an_entry(acme: House, globex: House, gap: Suggestion) -> None:
    entry, foreign = teach(acme, "Are pets welcome?", "Yes."), teach(globex, "Dogs?", "No.")
    client = client_of(acme.owner)
    offered = client.get(action("merge", gap)).context["form"].fields["entry"].queryset
    assert list(offered) == [entry]
    refused = client.post(action("merge", gap), {"entry": foreign.pk, "phrasings": "Dogs?"})
    assert "entry" in refused.context["form"].errors
    client.post(action("merge", gap), {"entry": entry.pk, "phrasings": "Dogs allowed?"})
    entry.refresh_from_db()
    assert entry.phrasings == ["Dogs allowed?"]
    assert entry.status == "pending"


def test_owner_dismisses_and_takes_up_again(acme: House, gap: Suggestion) -> None:
    client = client_of(acme.owner)
    assert client.get(action("dismiss", gap)).status_code == 200
    gap.refresh_from_db()
    assert gap.status == "open", "looking changes nothing"
    client.post(action("dismiss", gap))
    gap.refresh_from_db()
    assert gap.status == "dismissed"
    late = client.post(action("dismiss", gap), follow=True)
    assert "settled already" in late.text
    client.post(action("reopen", gap))
    gap.refresh_from_db()
    assert gap.status == "open"


def test_operator_decides_nothing(acme: House, gap: Suggestion) -> None:
    client = client_of(acme.operator)
    for name in ("accept", "merge", "dismiss", "reopen"):
        response = client.post(action(name, gap), {"question": "a", "answer": "b"})
        assert response.status_code in (302, 403), name
    gap.refresh_from_db()
    assert gap.status == "open"


def test_overview_counts_gaps_for_owners(acme: House, gap: Suggestion) -> None:
    assert "Gaps to fill" in client_of(acme.owner).get(reverse("admin:index")).text
    assert "Gaps to fill" not in client_of(acme.operator).get(reverse("admin:index")).text


# --- learning from a transcript -------------------------------------------------------------------


@pytest.fixture
def talk(acme: House) -> Chat:
    chat = visitor.say(acme.visitor(), acme.visit, "Do you have boats?", uuid.uuid4()).chat
    desk.accept(chat, acme.operator)
    desk.reply(chat, acme.operator, "Yes, two.", uuid.uuid4())
    chat.refresh_from_db()
    return chat


def test_answer_is_kept_from_the_transcript(acme: House, globex: House, talk: Chat) -> None:
    address = reverse("admin:chat_chat_learn", args=[talk.pk])
    client = client_of(acme.operator)
    page = client.get(reverse("admin:chat_chat_change", args=[talk.chat_id]))
    assert f'formaction="{address}"' in page.text
    assert client.get(address).status_code == 302
    assert not Suggestion.unscoped.exists()
    for _twice in range(2):
        page = client.post(address, {"seq": talk.seq}, follow=True)
    assert "The answer was kept" in page.text
    assert "Kept for the knowledge base" in page.text
    assert "formaction" not in page.text
    assert Suggestion.unscoped.get().answer == "Yes, two."
    refused = client.post(address, {"seq": "1"}, follow=True)
    assert "Only an operator" in refused.text
    foreign = client_of(globex.owner)
    assert foreign.post(address, {"seq": talk.seq}).status_code == 404
    page = foreign.get(reverse("admin:chat_chat_change", args=[talk.chat_id]))
    assert page.status_code == 302


# --- counts ---------------------------------------------------------------------------------------


def test_popular_lists_are_ordered_and_fair(acme: House) -> None:
    figures = {"Loved": (10, 8, 0), "Lucky": (1, 1, 0), "Hated": (5, 0, 4), "Quiet": (0, 0, 0)}
    for question, (views, good, bad) in figures.items():
        entry = teach(acme, question, "Yes.")
        FAQEntry.unscoped.filter(pk=entry.pk).update(
            views_count=views, helpful_count=good, not_helpful_count=bad
        )
    page = client_of(acme.owner).get(reverse("admin:knowledge_popular"))
    shown = [[str(item) for item, _address in items] for _title, items in page.context["lists"]]
    assert shown == [["Loved", "Hated", "Lucky"], ["Loved", "Lucky"], ["Hated"]]
    assert "Times “Loved” was shown" in client_of(acme.owner).get(reverse("admin:index")).text


# --- trying a question ----------------------------------------------------------------------------


def test_trying_a_question_shows_what_is_found_and_said(acme: House) -> None:
    entry = teach(acme, "How can I pay?", "By **card**.")
    teach(acme, "Can I bring my dog?", "Yes.")
    page = client_of(acme.owner).get(
        reverse("admin:knowledge_try"),
        {"question": "how can I pay", "agent": str(acme.agent.pk)},
    )
    assert page.context["trial"].result.is_sure
    [row, *_rest] = page.context["rows"]
    assert row["found"].item_id == entry.pk
    assert [(one["place"], [word for word, _share in one["words"]]) for one in row["words"]] == [
        ("asked", ["pay"])
    ]
    why = row["why"]
    assert why.by_rivals == 0
    assert why.by_words + why.by_vectors + why.by_priority == pytest.approx(row["found"].score)
    assert "The first one is a sure match" in page.text
    assert "<strong>card</strong>" in page.text
    assert f"{row['found'].score:.2f}" in page.text
    assert not Message.unscoped.exists(), "nothing is kept"


def test_trying_an_unknown_question_shows_what_is_near(acme: House) -> None:
    teach(acme, "How can I pay?", "By card.")
    page = client_of(acme.owner).get(reverse("admin:knowledge_try"), {"question": "Any boats?"})
    assert page.context["rows"] == []
    assert [row["found"].title for row in page.context["unused"]] == ["How can I pay?"]
    assert "not used: below the cut-off" in page.text
    assert "I do not know that" in page.text


def test_trying_a_question_tells_why_each_was_found(acme: House) -> None:
    entry = teach(acme, "Do you have tours on Sunday?", "At noon.")
    FAQEntry.unscoped.filter(pk=entry.pk).update(phrasings=["Sunday excursions?"], priority=9)
    entry.refresh_from_db()
    entries.save(entry)
    indexing.index("faq", entry.pk, entry.content_hash)
    page = client_of(acme.owner).get(
        reverse("admin:knowledge_try"), {"question": "excrusions on Saturday"}
    )
    [row] = page.context["rows"] + page.context["unused"]
    places = {one["place"]: [word for word, _share in one["words"]] for one in row["words"]}
    assert places == {"asked": ["excrusions"], "missing": ["saturday"]}
    assert "excrusions → excurs" in page.text
    assert row["why"].wording == "Sunday excursions?"
    assert row["why"].by_priority > 0
    assert not page.context["trial"].result.is_sure
    assert "no wording of the entry does" in page.text or "does not know" in page.text


def test_entry_in_another_language_tells_so(acme: House) -> None:
    teach(acme, "Wi-Fi Matryoshka", "Yes.")
    page = client_of(acme.owner).get(
        reverse("admin:knowledge_try"), {"question": "есть ли у вас Wi-Fi Matryoshka вечером?"}
    )
    [row] = page.context["rows"] + page.context["unused"]
    assert not row["why"].is_wanted
    assert "in another language" in page.text


def test_trying_a_follow_up_shows_how_it_is_understood(acme: House) -> None:
    teach(acme, "What does the boat tour for children cost?", "Half.")
    page = client_of(acme.owner).get(
        reverse("admin:knowledge_try"),
        {"question": "and for children?", "before": "What does the boat tour cost?"},
    )
    assert page.context["trial"].understood == "What does the boat tour cost for children"
    assert page.context["rows"]


def test_the_model_is_asked_by_a_button_only(acme: House, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ScriptedModel(["By <b>card</b>", ", I think."])
    monkeypatch.setattr(ai, "chat_model", lambda *names: model)
    monkeypatch.setattr(ai, "has_model", lambda: True)
    teach(acme, "How can I pay?", "By card.")
    client, asked = client_of(acme.owner), {"question": "How can I pay?"}
    page = client.get(reverse("admin:knowledge_try"), asked)
    assert "Ask the model" in page.text
    assert not model.requests
    page = client.post(reverse("admin:knowledge_try"), asked)
    assert ", I think." in page.text
    assert "<b>card" not in page.text
    page = client.post(reverse("admin:knowledge_try"), asked)
    assert "ai_unavailable" in page.text
    assert "By card." in page.text, "what knowledge says is shown all the same"


def test_an_embedder_that_is_away_is_told(acme: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        name, dimensions = "away", 1024

        def embed(self, texts: Any) -> list[list[float]]:
            raise AIError("away", code="ai_unreachable", retryable=True)

    monkeypatch.setattr(ai, "embedder", Away)
    page = client_of(acme.owner).get(reverse("admin:knowledge_try"), {"question": "Boats?"})
    assert "ai_unreachable" in page.text


@pytest.mark.parametrize("question", ["", " ", "x" * 1001])
def test_a_question_that_is_none_is_refused(acme: House, question: str) -> None:
    page = client_of(acme.owner).get(reverse("admin:knowledge_try"), {"question": question})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert "trial" not in page.context


# --- the knowledge check --------------------------------------------------------------------------


def test_check_finds_what_is_wrong_and_nothing_else(acme: House, globex: House) -> None:
    today = timezone.localdate()
    fine = teach(acme, "Where is the office?", "In Kazan.")
    one = teach(acme, "How can I pay?", "By card.")
    same = teach(acme, "how can i PAY", "By card or in cash.")
    cheap = teach(acme, "What does the Bolgar tour cost?", "3,500 rubles.")
    dear = teach(acme, "What does the Bolgar tour cost now?", "4,000 rubles.")
    old = teach(acme, "Is there a summer sale?", "Yes.", valid_until=today - timedelta(days=1))
    soon = teach(acme, "Is there skating?", "Yes.", valid_until=today + timedelta(days=3))
    stuck = entries.create_faq(acme.organization, question="Boats?", answer="Yes.", language="en")
    FAQEntry.unscoped.filter(pk=stuck.pk).update(updated_at=timezone.now() - timedelta(hours=1))
    unused = teach(acme, "Do you sell maps?", "Yes.")
    FAQEntry.unscoped.filter(pk=unused.pk).update(created_at=timezone.now() - timedelta(days=90))
    FAQEntry.unscoped.filter(pk=fine.pk).update(
        created_at=timezone.now() - timedelta(days=90), last_shown_at=timezone.now()
    )
    teach(globex, "How can I pay?", "By card.")
    empty = Category.unscoped.create(organization=acme.organization, name="Empty")
    outer = Category.unscoped.create(organization=acme.organization, name="Outer")
    inner = Category.unscoped.create(organization=acme.organization, name="Inner", parent=outer)
    FAQEntry.unscoped.filter(pk=fine.pk).update(category=inner)

    found = checkup.look(acme.organization)
    assert [(pair.one, pair.other) for pair in found.duplicates] == [(one, same)]
    [pair] = found.contradictions
    assert (pair.one, pair.other, pair.numbers) == (cheap, dear, ("3,500", "4,000"))
    assert found.expired == [old]
    assert found.expiring == [soon]
    assert found.unsearchable == [stuck]
    assert found.unused == [unused]
    assert found.empty == [empty]
    assert found.count == 7

    page = client_of(acme.owner).get(reverse("admin:knowledge_checkup"))
    for words in ("Contradictions", "3,500", "Boats?", "Do you sell maps?", "Empty"):
        assert words in page.text, words
    assert "Where is the office?" not in page.text


def test_yes_and_no_to_one_question_contradict(acme: House) -> None:
    for question, yes, no in (
        ("Can I take pictures?", "Yes, everywhere.", "No, sorry."),
        ("Is smoking allowed?", "Of course.", "Not in the bus."),
    ):
        teach(acme, question, yes)
        teach(acme, question, no)
    teach(acme, "Where is the toilet?", "No farther than the door.")
    teach(acme, "Where is the toilet?", "At the door.")
    found = checkup.look(acme.organization)
    assert [pair.is_denied for pair in found.contradictions] == [True, True]
    assert [pair.one.question for pair in found.duplicates] == ["Where is the toilet?"]
    page = client_of(acme.owner).get(reverse("admin:knowledge_checkup"))
    assert page.text.count("one says yes, the other no") == 2


def test_page_that_was_not_fetched_says_why_and_has_no_button(acme: House) -> None:
    source = WebSource.unscoped.create(organization=acme.organization, url="https://a.example/")
    WebPage.unscoped.create(
        organization=acme.organization,
        source=source,
        url="https://a.example/x",
        status="failed",
        error="empty",
        fetch_error="http_500",
        language="en",
    )
    page = client_of(acme.owner).get(reverse("admin:knowledge_checkup"))
    assert "The site answered with the code 500." in page.text
    assert 'value="index"' not in page.text


def test_phrasing_of_another_entry_is_a_duplicate(acme: House) -> None:
    one = teach(acme, "How can I pay?", "By card.", phrasings=["Do you take cards?"])
    other = teach(acme, "Do you take cards?", "Yes.")
    [pair] = checkup.look(acme.organization).duplicates
    assert {pair.one, pair.other} == {one, other}


def test_findings_are_mended_by_a_button(acme: House, globex: House) -> None:
    entry, foreign = teach(acme, "Boats?", "Yes."), teach(globex, "Boats?", "Yes.")
    client, address = client_of(acme.owner), reverse("admin:knowledge_checkup")
    client.post(address, {"do": "aside", "kind": "faq", "item": entry.pk})
    entry.refresh_from_db()
    assert not entry.is_active
    client.post(address, {"do": "index", "kind": "faq", "item": entry.pk})
    entry.refresh_from_db()
    assert entry.status == "pending"
    for wrong in (
        {"do": "aside", "kind": "faq", "item": foreign.pk},
        {"do": "aside", "kind": "faq", "item": "x"},
        {"do": "aside", "kind": "cat", "item": entry.pk},
        {"do": "delete", "kind": "faq", "item": entry.pk},
    ):
        assert client.post(address, wrong).status_code == 404, wrong
    foreign.refresh_from_db()
    assert foreign.is_active
    response = client_of(acme.operator).post(
        address, {"do": "aside", "kind": "faq", "item": entry.pk}
    )
    assert response.status_code == 403


def test_nothing_to_mend_is_said(acme: House) -> None:
    page = client_of(acme.owner).get(reverse("admin:knowledge_checkup"))
    assert "Nothing to mend" in page.text


# --- doors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_pages_hold_own_rows_and_open_for_members_only(
    acme: House, globex: House, outsider: Any, name: str
) -> None:
    fill(acme)
    fill(globex)
    lessons.learn()
    address = reverse(f"admin:{name}")
    page = client_of(acme.owner).get(address, {"question": word_of(acme)})
    assert page.status_code == 200
    assert word_of(globex) not in page.text
    expected = 200 if name == "knowledge_popular" else 403
    assert client_of(acme.operator).get(address).status_code == expected
    for nobody in (None, outsider):
        assert client_of(nobody).get(address).status_code == 302
