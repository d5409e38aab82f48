"""The knowledge graph: what is taken from passages, kept true, shown, and followed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

import ai
from ai.interface import AIError
from ai.scripted import ScriptedModel
from knowledge import entries, indexing, retrieval
from knowledge.graph import asking, neighbours, picture, reading, rules
from knowledge.graph.rules import Text
from knowledge.models import (
    Article,
    Category,
    Entity,
    FAQEntry,
    Knowledge,
    Mention,
    Passage,
    Reading,
    Relation,
)
from organizations.models import Organization
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer


def learn(item: Knowledge) -> None:
    """Index a piece here and now."""
    indexing.index(entries.kind_of(item), item.pk, item.content_hash)


def teach(house: House, question: str, answer: str, **fields: Any) -> FAQEntry:
    """An entry that is searchable."""
    entry = entries.create_faq(
        house.organization, question=question, answer=answer, **{"language": "en", **fields}
    )
    learn(entry)
    return entry


def write(house: House, title: str, body: str, **fields: Any) -> Article:
    """An article that is searchable."""
    article = entries.create_article(
        house.organization, title=title, body=body, language="en", **fields
    )
    learn(article)
    return article


@pytest.fixture
def ferry(acme: House) -> House:
    """Two entries that speak of one ship, and one of something else."""
    teach(acme, "Which ship sails to Gull Island?", "Gull Island is served by the Northern Star.")
    teach(acme, "Does the Northern Star take cars?", "The Northern Star carries forty cars.")
    teach(acme, "Do you sell vouchers?", "Vouchers from 20 euros are sent by e-mail.")
    return acme


def names(house: House) -> set[str]:
    return {node.entity.name for node in picture.listed(house.organization)}


# --- rules ----------------------------------------------------------------------------------------


def test_rules_find_headings_keywords_names_and_links() -> None:
    found = rules.read(
        Text("Tours › Kazan", "The «Golden Ring» starts at Red Square. See [rules](/rules/)."),
        lambda word: 0.0,
    )
    assert found.entities == (
        ("Tours", "topic"),
        ("Kazan", "topic"),
        ("Golden Ring", "name"),
        ("Red Square", "name"),
    )
    assert found.relations == (("Kazan", rules.PART_OF, "Tours"),)
    assert found.links == ("/rules/",)
    asked = rules.read(Text("Is it far?", "No.", True, ("distance",)), lambda word: 0.0)
    assert asked.entities == (("distance", "keyword"),)


def test_words_that_tell_most_are_terms() -> None:
    telling = {"lantern": 3.0, "ticket": 1.0}
    found = rules.read(
        Text("", "the ticket for a lantern walk"), lambda word: telling.get(word, 0.0)
    )
    assert found.entities == (("lantern", "term"), ("ticket", "term"))


def test_words_of_counting_and_doing_are_no_terms() -> None:
    texts = (
        "Choose one of three days and send it within two hours.",
        "Выберите один из трёх дней и напишите за несколько часов до поездки.",
    )
    found = [rules.read(Text("", text), lambda word: 1.0).entities for text in texts]
    assert found == [(), (("поездки", "term"),)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Речной вокзал", "речного вокзала"), ("Northern Stars", "northern star"), ("«Сова»", "Сову")],
)
def test_forms_of_a_name_are_one_entity(one: str, other: str) -> None:
    assert rules.key_of(one) == rules.key_of(other) != ""


@given(st.text(max_size=300), st.text(max_size=2000), st.booleans())
def test_rules_take_any_text(heading: str, text: str, is_answer: bool) -> None:
    found = rules.read(Text(heading, text, is_answer), lambda word: 1.0)
    keys = [rules.key_of(name) for name, _kind in found.entities]
    assert all(keys)
    assert len(keys) == len(set(keys))
    assert all(len(name) <= 120 for name, _kind in found.entities)


# --- reading by rule ------------------------------------------------------------------------------


def test_passages_are_read_once(ferry: House) -> None:
    assert reading.read(ferry.organization, 10) == 3
    assert reading.read(ferry.organization, 10) == 0
    assert "Northern Star" in names(ferry)
    assert reading.waiting() == []


def test_nothing_is_left_of_a_passage_that_is_gone(ferry: House) -> None:
    reading.read(ferry.organization, 10)
    entry = FAQEntry.unscoped.get(question__startswith="Does the")
    passages = list(Passage.unscoped.filter(faq=entry).values_list("pk", flat=True))
    entry.delete()
    assert not Mention.unscoped.filter(passage__in=passages).exists()
    assert "Northern Star" not in names(ferry)
    reading.read(ferry.organization, 10)
    assert not Entity.unscoped.filter(name__icontains="forty").exists()


def test_an_edit_is_read_anew(ferry: House) -> None:
    reading.read(ferry.organization, 10)
    entry = FAQEntry.unscoped.get(question__startswith="Does the")
    entry.question = entry.answer = "The Blue Heron has a bar."
    entries.save(entry)
    learn(entry)
    # Before the worker comes by nothing of the old text is shown either.
    assert "Northern Star" not in names(ferry)
    assert reading.read(ferry.organization, 10) == 1
    assert Entity.unscoped.filter(name="Blue Heron").exists()


def test_what_is_put_aside_or_expired_is_not_shown(ferry: House) -> None:
    reading.read(ferry.organization, 10)
    entry = FAQEntry.unscoped.get(question__startswith="Does the")
    entries.set_active(entry, False)
    assert "Northern Star" not in names(ferry)
    entries.set_active(entry, True)
    assert "Northern Star" in names(ferry)
    entry.valid_until = timezone.localdate() - timedelta(days=1)
    entries.save(entry)
    assert "Northern Star" not in names(ferry)


def test_links_lead_to_own_pieces(acme: House) -> None:
    write(acme, "Refunds", "Money comes back.", url="https://acme.example/refunds/")
    write(acme, "Tickets", "See [the rules](/refunds/) and [others](https://else.example/).")
    reading.read(acme.organization, 10)
    said = Relation.unscoped.get(label=rules.LINKS_TO)
    assert (said.source.name, said.target.name) == ("Tickets", "Refunds")


def test_switched_off_nothing_is_kept(ferry: House, globex: House) -> None:
    teach(globex, "Where is Red Square?", "Red Square is here.")
    for house in (ferry, globex):
        reading.read(house.organization, 10)
    reading.choose(ferry.organization, "off", False)
    for model in (Entity, Mention, Reading, Relation):
        assert not model.objects.of(ferry.organization).exists()
    assert Entity.objects.of(globex.organization).exists()
    assert reading.waiting() == []
    assert reading.read(ferry.organization, 10) == 0
    reading.choose(ferry.organization, "rules", False)
    assert reading.waiting() == [ferry.organization]


# --- reading by a model ---------------------------------------------------------------------------


def answer(*passages: dict[str, Any]) -> str:
    """A model's answer, the passages numbered in order."""
    return json.dumps(
        {"passages": [{"number": n, **one} for n, one in enumerate(passages, start=1)]}
    )


SHIP = {"name": "Northern Star", "kind": "product"}
ISLAND = {"name": "Gull Island", "kind": "place"}
SAILS = {"source": "Northern Star", "relation": "sails to", "target": "Gull Island"}
GOOD = answer(
    {"entities": [SHIP, ISLAND], "relations": [SAILS]},
    {"entities": [SHIP], "relations": []},
    {"entities": [{"name": "vouchers", "kind": "product"}], "relations": []},
)
NONE: dict[str, Any] = {"entities": [], "relations": []}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """A model that says what it is told to."""
    scripted = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda *_: scripted)
    monkeypatch.setattr(ai, "has_model", lambda: True)
    return scripted


def test_a_model_reads_each_passage_once(ferry: House, model: ScriptedModel) -> None:
    model.enqueue(GOOD)
    reading.read(ferry.organization, 10)
    assert len(model.requests) == 1
    assert model.requests[0].schema == asking.SCHEMA
    said = Relation.unscoped.get(label="sails to")
    assert (said.source.name, said.target.name) == ("Northern Star", "Gull Island")
    assert not Reading.unscoped.filter(by_model=False).exists()
    # Indexed again with the same words, it is not read again.
    entry = FAQEntry.unscoped.get(question__startswith="Which ship")
    entries.index_again(entry)
    learn(entry)
    assert reading.read(ferry.organization, 10) == 1
    assert len(model.requests) == 1
    assert Relation.unscoped.filter(label="sails to").exists()


@pytest.mark.parametrize("name", ["fake-schema", "fake-plain"])
def test_a_model_over_the_wire_is_given_the_schema(ferry: House, settings: Any, name: str) -> None:
    """A provider that knows no schema is asked in words."""
    with OpenAIServer() as server:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = server.base_url, name
        assert reading.read(ferry.organization, 10) == 6
    asked = server.requests[-1]
    if name == "fake-schema":
        assert asked["response_format"]["json_schema"]["schema"] == asking.SCHEMA
        assert asked["response_format"]["json_schema"]["strict"] is True
    else:
        assert "response_format" not in asked
    assert Entity.unscoped.get(name="Do you sell vouchers?").kind == Entity.Kind.EVENT
    assert set(Reading.unscoped.values_list("reader", "by_model")) == {(name, True)}


def test_a_model_that_declines_leaves_the_rules(ferry: House, settings: Any) -> None:
    with OpenAIServer() as server:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = server.base_url, "fake-refusal"
        reading.read(ferry.organization, 10)
    assert len(server.requests) == 4
    assert set(Reading.unscoped.values_list("error", "by_model")) == {("ai_declined", False)}
    page = client_of(ferry.owner).get(reverse(PAGE)).text
    assert "The model declines to answer this." in page


def test_what_the_passage_does_not_say_is_not_believed(ferry: House, model: ScriptedModel) -> None:
    made_up = {"name": "Captain Nemo", "kind": "person"}
    odd = {"name": "forty cars", "kind": "<script>"}
    model.enqueue(
        answer(
            {"entities": [made_up], "relations": [SAILS]},
            {"entities": [odd], "relations": []},
            NONE,
        )
    )
    reading.read(ferry.organization, 10)
    assert not Entity.unscoped.filter(name="Captain Nemo").exists()
    assert not Relation.unscoped.exists()
    assert Entity.unscoped.get(name="forty cars").kind == Entity.Kind.OTHER


@pytest.mark.parametrize(
    "said",
    [
        "I am sorry.",
        "{",
        "[]",
        "{}",
        '{"passages": 3}',
        '{"passages": [{"number": "x"}]}',
        '{"passages": [{"number": 1, "entities": [3], "relations": []}]}',
        '{"passages": [{"number": 1, "entities": [{"name": 3, "kind": "x"}], "relations": []}]}',
        answer(NONE, NONE),
        "[" * 100_000,
    ],
)
def test_an_answer_outside_the_schema_leaves_the_rules(
    ferry: House, model: ScriptedModel, said: str
) -> None:
    # The batch is asked for, then each passage alone.
    for _ in range(4):
        model.enqueue(said)
    assert reading.read(ferry.organization, 10) == 6
    assert set(Reading.unscoped.values_list("error", "by_model")) == {("ai_broken", False)}
    assert "Northern Star" in names(ferry)
    assert reading.read(ferry.organization, 10) == 0
    assert len(model.requests) == 4


def test_one_refused_passage_does_not_keep_the_others(ferry: House, model: ScriptedModel) -> None:
    refused = AIError("no", code="ai_declined", retryable=False)
    one = answer({"entities": [SHIP], "relations": []})
    for script in (refused, one, refused, answer(NONE)):
        model.enqueue(script)
    reading.read(ferry.organization, 10)
    told = sorted(Reading.unscoped.values_list("by_model", "error"))
    assert told == [(False, "ai_declined"), (True, ""), (True, "")]


def test_a_provider_in_trouble_is_asked_later(ferry: House, model: ScriptedModel) -> None:
    model.enqueue(AIError("busy", code="ai_rate_limited", retryable=True, retry_after=5))
    reading.read(ferry.organization, 10)
    assert reading.read(ferry.organization, 10) == 0
    assert len(model.requests) == 1
    Reading.unscoped.update(claimed_until=timezone.now() - timedelta(seconds=1))
    model.enqueue(GOOD)
    assert reading.waiting() == [ferry.organization]
    assert reading.read(ferry.organization, 10) == 3
    assert set(Reading.unscoped.values_list("error", "by_model")) == {("", True)}


def test_a_claimed_passage_is_not_asked_for_twice(ferry: House, model: ScriptedModel) -> None:
    """As after a worker that was killed in the middle: its claim runs out."""
    reading.choose(ferry.organization, "rules", False)
    reading.read(ferry.organization, 10)
    reading.choose(ferry.organization, "auto", False)
    assert len(reading._claim(ferry.organization, 8)) == 3
    assert reading.read(ferry.organization, 10) == 0
    assert model.requests == []
    Reading.unscoped.update(claimed_until=timezone.now() - timedelta(seconds=1))
    model.enqueue(GOOD)
    assert reading.read(ferry.organization, 10) == 3


def test_a_day_has_its_limit(ferry: House, model: ScriptedModel, settings: Any) -> None:
    settings.GRAPH_PASSAGES_PER_DAY = 2
    model.enqueue(answer(NONE, NONE))
    reading.read(ferry.organization, 10)
    assert Reading.unscoped.filter(by_model=True).count() == 2
    assert len(model.requests) == 1


def test_a_passage_that_goes_meanwhile_is_not_written(
    ferry: House, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asking.ask

    def ask_and_delete(*arguments: Any) -> Any:
        FAQEntry.unscoped.filter(question__startswith="Which ship").delete()
        return ask(*arguments)

    monkeypatch.setattr(asking, "ask", ask_and_delete)
    model.enqueue(GOOD)
    reading.read(ferry.organization, 10)
    assert not Relation.unscoped.exists()
    assert Reading.unscoped.filter(by_model=True).count() == 2


# --- following ------------------------------------------------------------------------------------

QUESTION = "Can I take a bicycle to Gull Island?"


def found_with(house: House, question: str = QUESTION, **more: Any) -> list[str]:
    found = retrieval.search(house.organization, question, language="en")
    assert not found.is_sure
    with_more = neighbours.with_related(house.organization, question, found, **more)
    assert with_more.sources[: len(found.sources)] == found.sources
    return [one.title for one in with_more.sources[len(found.sources) :]]


def test_a_neighbour_is_brought_in_by_one_statement(ferry: House) -> None:
    reading.read(ferry.organization, 10)
    found = retrieval.search(ferry.organization, QUESTION, language="en")
    with CaptureQueriesContext(connection) as queries:
        more = neighbours.related(ferry.organization, QUESTION, found)
    assert len(queries) == 1
    assert "Does the Northern Star take cars?" in [one.title for one in (*found.sources, *more)]
    assert "Do you sell vouchers?" not in [one.title for one in more]


def test_nothing_is_brought_to_nothing(ferry: House) -> None:
    reading.read(ferry.organization, 10)
    none = retrieval.Result((), False, 0.0)
    with CaptureQueriesContext(connection) as queries:
        assert neighbours.with_related(ferry.organization, "?", none) == none
    assert len(queries) == 0


def test_neighbours_are_those_the_agent_may_use(ferry: House, globex: House) -> None:
    reading.read(ferry.organization, 10)
    own, other = (
        Category.unscoped.create(organization=ferry.organization, name=name) for name in "ab"
    )
    inside = Category.unscoped.create(organization=ferry.organization, name="c", parent=own)
    ferry.agent.categories.add(own)
    entry = FAQEntry.unscoped.get(question__startswith="Does the")
    titles = {}
    for shelf in (own, inside, other):
        entry.category = shelf
        entries.save(entry)
        found = retrieval.search(ferry.organization, "Gull Island", language="en")
        first = retrieval.Result(found.sources[:1], False, 1.0)
        assert first.sources[0].title.startswith("Which ship")
        more = neighbours.related(ferry.organization, "Gull Island", first, ferry.agent)
        titles[shelf.name] = [one.title for one in more]
    assert titles == {"a": [entry.question], "c": [entry.question], "b": []}
    foreign = neighbours.related(globex.organization, "Gull Island", first)
    assert foreign == []


# --- the page -------------------------------------------------------------------------------------

PAGE = "admin:knowledge_graph"


def test_page_shows_what_is_named_most_and_one_of_it(ferry: House) -> None:
    client = client_of(ferry.owner)
    assert "0 of 3 passages read" in client.get(reverse(PAGE)).text
    reading.read(ferry.organization, 10)
    page = client.get(reverse(PAGE))
    assert "Northern Star" in page.text
    star = Entity.unscoped.get(name="Northern Star")
    assert star.pk in {node["id"] for node in page.context["data"]["nodes"]}
    own = client.get(reverse(PAGE), {"entity": star.pk})
    for words in ("Which ship sails", "Does the Northern Star take cars?", "Named together"):
        assert words in own.text, words
    assert "Do you sell vouchers" not in own.text
    assert "passages read" in client.get(reverse("admin:knowledge_graph_state")).text


def test_page_finds_by_name(ferry: House) -> None:
    reading.read(ferry.organization, 10)
    client = client_of(ferry.owner)
    found = client.get(reverse(PAGE), {"q": "gull"})
    assert [node.entity.name for node in found.context["nodes"]] == ["Gull Island"]
    for words in ("nothing like it", "%", "_", "\\", "\x00", "x" * 5000, "<script>"):
        page = client.get(reverse(PAGE), {"q": words})
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    assert "No entity has these words" in client.get(reverse(PAGE), {"q": "%"}).text


def test_page_is_empty_without_knowledge(acme: House) -> None:
    page = client_of(acme.owner).get(reverse(PAGE)).text
    assert "nothing to draw yet" in page
    assert reverse("admin:knowledge_faqentry_add") in page


@pytest.mark.parametrize("number", ["0", "x", "-1", "9" * 30, "1e3", "٣"])
def test_page_of_no_entity_is_not_found(ferry: House, number: str) -> None:
    assert client_of(ferry.owner).get(reverse(PAGE), {"entity": number}).status_code == 404


def test_page_is_the_owners_and_own(ferry: House, globex: House) -> None:
    reading.read(ferry.organization, 10)
    star = Entity.unscoped.get(name="Northern Star")
    for name in (PAGE, "admin:knowledge_graph_state"):
        assert client_of(ferry.operator).get(reverse(name)).status_code == 403
        assert "Northern" not in client_of(globex.owner).get(reverse(name)).text
    foreign = client_of(globex.owner).get(reverse(PAGE), {"entity": star.pk})
    assert foreign.status_code == 404


def test_owner_chooses_how_passages_are_read(ferry: House) -> None:
    client = client_of(ferry.owner)
    reading.read(ferry.organization, 10)
    client.post(reverse(PAGE), {"graph": "off"})
    ferry.organization.refresh_from_db()
    assert (ferry.organization.graph, ferry.organization.brings_related) == ("off", False)
    assert "switched off" in client.get(reverse(PAGE)).text
    response = client.post(reverse(PAGE), {"graph": "magic"}, follow=True)
    assert "Choose one of the ways" in response.text
    assert client_of(ferry.operator).post(reverse(PAGE), {"graph": "auto"}).status_code == 403
    assert Organization.objects.get(pk=ferry.organization.pk).graph == "off"


def test_words_of_a_model_are_no_markup(ferry: House, model: ScriptedModel) -> None:
    entry = teach(ferry, "What is <b>bold</b>?", "A </script><script>alert(1)</script> name.")
    reading.read(ferry.organization, 1)
    assert entry.pk
    page = client_of(ferry.owner).get(reverse(PAGE), {"q": "script"})
    assert "<script>alert(1)" not in page.text
