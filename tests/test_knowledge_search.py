"""The search by its parts: wordings, words, slips, categories, days, floors and graphs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import ai
from ai.interface import Embedder
from knowledge import asked, entries, explanations, indexing, retrieval, tasks, upkeep
from knowledge.models import Category, FAQEntry, Passage, SearchIndex, Word
from organizations.models import Organization
from tests.conftest import House


def faq(house: House, question: str, answer: str = "Yes.", **fields: Any) -> FAQEntry:
    """An indexed entry."""
    fields = {"language": "en", **fields}
    entry = entries.create_faq(house.organization, question=question, answer=answer, **fields)
    assert indexing.index("faq", entry.pk, entry.content_hash)
    return entry


def found(house: House, question: str, **options: Any) -> list[str]:
    """The questions of the entries that are found."""
    return [one.title for one in retrieval.search(house.organization, question, **options).sources]


def counts(house: House) -> dict[str, int]:
    """What the database counted of an organization's words."""
    rows = Word.objects.of(house.organization).filter(passages__gt=0)
    return dict(rows.values_list("word", "passages"))


# --- wordings and words ---------------------------------------------------------------------------


def test_every_wording_finds_the_entry_once(acme: House) -> None:
    wordings = ["Is there somewhere to leave the car?", "Do you have a garage?"]
    faq(acme, "Where can I park?", phrasings=wordings)
    faq(acme, "Do you have a kitchen?")
    for question in ["Where can I park?", *wordings]:
        result = retrieval.search(acme.organization, question)
        assert [one.title for one in result.sources].count("Where can I park?") == 1
        assert result.sources[0].title == "Where can I park?"
        assert result.is_sure


def test_keyword_finds_its_entry(acme: House) -> None:
    faq(acme, "Which documents do I bring?", keywords=["zagran"])
    faq(acme, "Which shoes do I bring?")
    assert found(acme, "zagran")[:1] == ["Which documents do I bring?"]


@pytest.mark.parametrize("typed", ["ljcnfdrf", "dostavka", "доствка", "ДОСТАВКУ?"])
def test_slips_are_mended_by_what_the_organization_says(acme: House, typed: str) -> None:
    faq(acme, "Сколько стоит доставка?", language="ru")
    faq(acme, "Как вернуть деньги?", language="ru")
    assert found(acme, typed)[:1] == ["Сколько стоит доставка?"]


def test_question_in_the_wrong_layout_is_understood_as_a_whole(acme: House) -> None:
    faq(acme, "Сколько стоит доставка?", language="ru")
    made = asked.understand(acme.organization.pk, "crjkmrj cnjbn ljcnfdrf")
    assert made.text == "сколько стоит доставка"


def test_known_word_is_left_as_it_is(acme: House) -> None:
    faq(acme, "Do you have gift cards?")
    assert asked.understand(acme.organization.pk, "gift cards").text == "gift cards"


ODD = ("'", "a\\'b", ":*", "!&|()", "'; DROP TABLE x; --", "<->", "?!…", "🙂🙂", "@1", "%_")


@pytest.mark.parametrize("question", ODD)
def test_any_question_can_be_asked(acme: House, question: str) -> None:
    faq(acme, f"What is {question} here?")
    found(acme, question)
    assert found(acme, f"What is {question} here?") == [f"What is {question} here?"]


@pytest.mark.parametrize(
    "question",
    [
        *("", "\x00\x01\x1b[31m\x7f", "\u202eоплата\u200b", "dоstаvkа доcтaвка 配送 配達 שלום"),
        *("a" * 8000, "слово " * 1300, "’" * 8000, "1 " * 4000, "👨\u200d" * 2000, "ﷺ" * 8000),
    ],
    ids=lambda question: ascii(question[:12]),
)
def test_question_of_anything_finds_nothing_and_breaks_nothing(acme: House, question: str) -> None:
    faq(acme, "Do you have a kitchen?")
    result = retrieval.search(acme.organization, question)
    assert result.sources == ()
    assert result.trace is not None
    assert len(result.trace.asked.text) <= retrieval.LONGEST_QUESTION


def test_words_are_counted_as_passages_come_and_go(acme: House, globex: House) -> None:
    first = faq(acme, "Is lunch included?")
    faq(acme, "Is dinner included?")
    faq(globex, "Is lunch served?")
    assert counts(acme)["includ"] == 2
    assert counts(acme)["lunch"] == 1
    assert counts(acme)[f"@{acme.organization.pk}"] == 2
    first.question = "Is breakfast included?"
    entries.save(first)
    indexing.index("faq", first.pk, first.content_hash)
    assert "lunch" not in counts(acme)
    first.delete()
    assert counts(acme)["includ"] == 1
    assert counts(globex)["lunch"] == 1


# --- how surely -----------------------------------------------------------------------------------


def rivals(house: House, *answers: str) -> retrieval.Result:
    """What a question finds that is like three entries with these answers, and is none of them."""
    for place, answer in zip(("Berlin", "Madrid", "Vienna"), answers, strict=True):
        faq(house, f"Can I cancel my booked museum tour of {place}?", answer)
    return retrieval.search(house.organization, "Can I pay for my booked museum tour by cheque?")


def test_question_like_many_entries_is_less_surely_one_of_theirs(acme: House) -> None:
    result = rivals(acme, "By noon.", "A day before.", "Never.")
    cut_off = retrieval.cut_off_of(ai.embedder().trust)
    assert len(result.sources) == 3, "whatever is good enough stays found"
    assert all(one.lost > 0 and one.score > cut_off for one in result.sources)
    scores = [one.score for one in result.sources]
    assert scores == sorted(scores, reverse=True)
    assert result.best == scores[0]
    whys = explanations.explain(acme.organization, result)
    for why in whys:
        parts = why.by_words + why.by_vectors + why.by_priority - why.by_rivals
        assert parts == pytest.approx(why.found.score)


def test_entries_with_one_answer_are_no_rivals(acme: House) -> None:
    result = rivals(acme, "By noon.", "By noon.", "By noon.")
    assert len(result.sources) == 3
    assert [one.lost for one in result.sources] == [0, 0, 0]


def test_passages_of_one_text_are_no_rivals(acme: House) -> None:
    parts = [f"# Refunds {n}\n\nA refund of the fare takes {n} days to arrive." for n in range(3)]
    article = entries.create_article(
        acme.organization, title="Refunds", body="\n\n".join(parts), language="en"
    )
    assert indexing.index("article", article.pk, article.content_hash)
    result = retrieval.search(acme.organization, "When does a refund of the fare arrive?")
    assert len(result.sources) == 3
    assert {one.lost for one in result.sources} == {0}


def test_vectors_decide_more_of_several_wordings(acme: House) -> None:
    """One way to ask gives the built-in embedder little to go by."""
    faq(acme, "Where can I park the car?")
    faq(acme, "Where can I leave my car?", phrasings=["Is there a garage?", "A place to park?"])
    trusts = {
        len(one.wordings): one.trust
        for one in retrieval.search(acme.organization, "Where do I park the car?").sources
    }
    embedder = ai.embedder()
    assert trusts[1] == pytest.approx(embedder.trust * embedder.alone)
    assert trusts[1] < trusts[3] < embedder.trust


# --- what may be found ----------------------------------------------------------------------------


def test_chosen_category_brings_those_inside_it(acme: House) -> None:
    shelf = Category.unscoped.create(organization=acme.organization, name="Trips")
    inside = Category.unscoped.create(organization=acme.organization, name="Boats", parent=shelf)
    other = Category.unscoped.create(organization=acme.organization, name="Staff")
    faq(acme, "When does the boat leave?", category=inside)
    faq(acme, "When does the boat crew leave?", category=other)
    shelf.agents.add(acme.agent)
    asked_for = "When does the boat leave?"
    assert found(acme, asked_for, agent=acme.agent) == ["When does the boat leave?"]
    assert len(found(acme, asked_for)) == 2


def test_entry_is_found_on_its_days_only(acme: House) -> None:
    today = timezone.now().date()
    day = timedelta(days=3)
    faq(acme, "Is there a winter sale?", valid_until=today - day)
    faq(acme, "Is there a summer sale?", valid_from=today + day)
    faq(acme, "Is there a sale?", valid_from=today - day, valid_until=today + day)
    assert found(acme, "Is there a sale?") == ["Is there a sale?"]


# --- embedders, floors and graphs -----------------------------------------------------------------


class CountingEmbedder(Embedder):
    """The built-in one, which tells what it was asked."""

    name, dimensions, trust = "counting", 1024, 0.5

    def __init__(self) -> None:
        self.own = ai.embedder()
        self.texts: list[str] = []

    def embed(self, texts: Any) -> list[list[float]]:
        self.texts += texts
        return self.own.embed(texts)


def test_unchanged_text_is_never_embedded_twice(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingEmbedder()
    monkeypatch.setattr(ai, "embedder", lambda: counting)
    entry = faq(acme, "Where is it?", phrasings=["How do I get there?"])
    assert counting.texts == ["Where is it?", "How do I get there?"]
    counting.texts.clear()
    entry.phrasings = ["How do I get there?", "What is the address?"]
    entry.answer = "5 Garden Street."
    entries.save(entry)
    assert indexing.index("faq", entry.pk, entry.content_hash)
    assert counting.texts == ["What is the address?"]


def test_floor_is_what_unlike_passages_have_in_common(acme: House) -> None:
    for question in ("Is lunch included?", "Where do we meet?", "Can I bring a dog?"):
        faq(acme, question)
    index = SearchIndex.objects.of(acme.organization).get()
    assert 0 <= index.floor < 0.3
    assert index.passages == 3


@pytest.mark.django_db(transaction=True)
def test_large_organization_gets_a_graph_that_finds_the_same(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRAPH_FROM", 5)
    names = ["lunch", "dinner", "parking", "shoes", "tickets", "dogs", "boats", "rain", "cash"]
    for name in names:
        faq(acme, f"What about {name}?")
    exact = {name: found(acme, f"about {name}") for name in names}
    assert tasks.keep_graphs() == 1
    assert SearchIndex.objects.of(acme.organization).get().has_graph
    assert tasks.keep_graphs() == 0
    assert {name: found(acme, f"about {name}") for name in names} == exact
    Passage.objects.of(acme.organization).exclude(faq__question__contains="lunch").delete()
    upkeep.measure(acme.organization.pk)
    assert tasks.keep_graphs() == 1
    assert not graphs()


@pytest.mark.django_db(transaction=True)
def test_search_is_planned_once_for_each_organization(
    acme: House, globex: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRAPH_FROM", 3)
    for name in ("lunch", "dinner", "parking", "shoes", "tickets"):
        faq(acme, f"What about {name}?")
    faq(globex, "What about money?")
    assert tasks.keep_graphs() == 1
    first = {name: found(acme, f"about {name}") for name in ("shoes", "lunch")}
    for _ in range(10):
        assert {name: found(acme, f"about {name}") for name in first} == first
        assert found(globex, "about shoes, lunch and money") == ["What about money?"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans > 0 FROM pg_prepared_statements "
            "WHERE statement LIKE '%knowledge_passage%'"
        )
        assert cursor.fetchall() == [(True,), (True,)]


def test_graph_goes_with_its_organization(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRAPH_FROM", 1)
    organization = Organization.objects.create(name="Short-lived", slug="short-lived")
    for question in ("Is lunch included?", "Where do we meet?"):
        entry = entries.create_faq(organization, question=question, answer="Yes.", language="en")
        indexing.index("faq", entry.pk, entry.content_hash)
    tasks.keep_graphs()
    assert graphs() == [upkeep.graph_name(organization.pk)]
    organization.delete()
    tasks.keep_graphs()
    assert not graphs()


def graphs() -> list[str]:
    """The graphs in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'passage_graph_%'")
        return [row[0] for row in cursor.fetchall()]


# --- other writings -------------------------------------------------------------------------------

ENTRIES = {
    "ru": [
        "Сколько стоит доставка?",
        "Как оплатить заказ?",
        "Как вернуть деньги?",
        "Есть ли гарантия?",
        "Где ваш магазин?",
    ],
    "en": [
        "How much is delivery?",
        "How do I pay for an order?",
        "How do I get a refund?",
        "Is there a warranty?",
        "Where is your store?",
    ],
}
WRITINGS = [
    # The wrong keyboard layout, a word and whole questions.
    ("ljcnfdrf", "Сколько стоит доставка?"),
    ("Ljcnfdrf?", "Сколько стоит доставка?"),
    ("rfr jgkfnbnm", "Как оплатить заказ?"),
    ("rfr dthyenm ltymub", "Как вернуть деньги?"),
    ("ult dfi vfufpby", "Где ваш магазин?"),
    ("вудшмукн", "How much is delivery?"),
    ("рщц вщ ш зфн", "How do I pay for an order?"),
    ("куагтв", "How do I get a refund?"),
    # Russian in Latin letters.
    ("dostavka", "Сколько стоит доставка?"),
    ("skolko stoit dostavka", "Сколько стоит доставка?"),
    ("skolko stoit dostavka dvuh shkafov", "Сколько стоит доставка?"),
    ("kak oplatit zakaz", "Как оплатить заказ?"),
    ("garantiya", "Есть ли гарантия?"),
    ("vernut dengi", "Как вернуть деньги?"),
    # Slips: two letters changed places, one missing, one too many, one wrong.
    ("доствака", "Сколько стоит доставка?"),
    ("доствка", "Сколько стоит доставка?"),
    ("досставка", "Сколько стоит доставка?"),
    ("гарантея", "Есть ли гарантия?"),
    ("delivrey", "How much is delivery?"),
    ("warrenty", "Is there a warranty?"),
    ("refnd", "How do I get a refund?"),
]
# Right words, known here or not, are not taken for others.
RIGHT = [
    "доставка",
    "оплата картой",
    "возврат товара",
    "гарантийный талон",
    "delivery",
    "store hours",
    "iPhone 15 Pro",
    "Wi-Fi",
    "hello",
    "привет",
    "order 12345",
    "can you explain it to me",
    "расскажите о себе",
]


@pytest.fixture
def shelf(acme: House) -> House:
    """A few entries in both languages."""
    for language, questions in ENTRIES.items():
        for question in questions:
            faq(acme, question, language=language)
    return acme


def test_other_writings_find_what_was_meant(shelf: House) -> None:
    assert {typed: found(shelf, typed)[:1] for typed, _right in WRITINGS} == {
        typed: [right] for typed, right in WRITINGS
    }


def test_right_words_are_left_as_they_are(shelf: House) -> None:
    made = {text: asked.understand(shelf.organization.pk, text) for text in RIGHT}
    assert {text: one.text for text, one in made.items()} == {text: text for text in RIGHT}
    assert {text: one.mended for text, one in made.items() if one.mended} == {}


def test_search_takes_two_statements_and_a_third_for_unknown_words(shelf: House) -> None:
    for question, statements in (("How much is delivery?", 2), ("dostavka zavtra", 3)):
        with CaptureQueriesContext(connection) as seen:
            retrieval.search(shelf.organization, question, agent=shelf.agent)
        assert len(seen) == statements, question


def test_phrasings_of_one_entry_come_up_once(acme: House) -> None:
    phrasings = [f"Where can I leave my {thing}?" for thing in ("car", "bike", "van", "scooter")]
    faq(acme, "Where can I park?", phrasings=phrasings)
    faq(acme, "Where can I leave my suitcase?")
    titles = found(acme, "Where can I leave my bike?", limit=5)
    assert titles == ["Where can I park?", "Where can I leave my suitcase?"]
