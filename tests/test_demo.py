"""The demo: its pages, its knowledge, what it tells of tours, and its coming and going."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html import unescape
from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from chat.models import Chat, Session
from demo.content import faq_en, faq_ru
from demo.content.settings import CATEGORIES, PEOPLE
from demo.providers import tours
from demo.tours import BY_SLUG, TOURS, nearest, today
from knowledge import retrieval
from knowledge.models import ContextEntry, FAQEntry
from organizations import access
from organizations.models import Agent, Member, Organization, User, Widget
from tests.conftest import House, build
from tests.rows import fill, owned_models, snapshot

LANGUAGES = ("ru", "en")
PATHS = ["/", "/about/", "/embed/", *(f"/tours/{slug}/" for slug in BY_SLUG)]
TITLES = {tour.slug: tour.title for tour in TOURS}
# A Saturday in winter, when neither boats nor caves are open.
WINTER = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def demo_is_on(settings: Settings) -> None:
    """The demo installed and routed, as with DEMO=1."""
    if "demo" not in settings.INSTALLED_APPS:
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "demo"]
        settings.ROOT_URLCONF = "tests.demo_urls"


@pytest.fixture
def idel(db: None) -> Organization:
    """The demo's organization, seeded."""
    run("demo")
    return Organization.objects.get(slug="idel-tour")


def run(*arguments: str) -> str:
    """What a management command says."""
    said = StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def house_of(organization: Organization) -> House:
    """The demo's people and settings as the tests know them."""
    members = Member.objects.of(organization).select_related("user", "organization")
    return House(
        organization,
        members.get(user__username="owner"),
        members.get(user__username="aigul"),
        Agent.objects.of(organization).get(),
        access.widget_by_name("default", organization.slug),
    )


def chat_of(house: House, **page: object) -> Chat:
    """A chat of a visitor, on a page that tells facts of itself."""
    session = Session.unscoped.create(
        organization=house.organization,
        widget=house.widget,
        visitor=house.visitor(),
        language="ru",
        page_context=page,
    )
    return Chat.unscoped.create(organization=house.organization, session=session)


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_shown_in_both_languages(
    idel: Organization, client: Client, language: str
) -> None:
    for path in PATHS:
        page = client.get(path, headers={"accept-language": language})
        assert page.status_code == 200, path
        assert f'<html lang="{language}">' in page.text
        # The strict policy lets neither through, so a page with one would look broken.
        assert "style=" not in page.text
        assert not re.search(r"<script(?![^>]* src=)", page.text)
        assert "unsafe-inline" not in page["Content-Security-Policy"]


@pytest.mark.django_db
def test_visitor_switches_the_language(idel: Organization, client: Client) -> None:
    assert "Казань за один день" in client.get("/", headers={"accept-language": "ru"}).text
    answer = client.post(reverse("set_language"), {"language": "en", "next": "/about/"})
    assert answer["Location"] == "/about/"
    assert "Kazan in one day" in client.get("/", headers={"accept-language": "ru"}).text


@pytest.mark.django_db
def test_tour_page_tells_the_widget_what_is_open(idel: Organization, client: Client) -> None:
    page = client.get("/tours/bolgar/", headers={"accept-language": "ru"}).text
    tag = re.search(r'data-widget="([^"]+)"[^>]*data-context="([^"]+)"', page)
    assert tag is not None
    facts = json.loads(unescape(tag[2]))
    assert tag[1] == access.widget_by_name("sales", "idel-tour").key
    assert facts["title"] == "Древний Болгар"
    assert facts["price"] == "4 600 ₽"
    assert {"date", "places_left", "duration", "meeting_point"} < set(facts)
    assert f"<td>{facts['places_left']}" in page


@pytest.mark.django_db
def test_each_page_has_its_widget(idel: Organization, client: Client) -> None:
    for path, name in (("/", "default"), ("/about/", "support"), ("/embed/", "support")):
        key = access.widget_by_name(name, "idel-tour").key
        assert f'data-widget="{key}"' in client.get(path).text


@pytest.mark.django_db
def test_unknown_tour_is_not_found(client: Client) -> None:
    assert client.get("/tours/atlantis/").status_code == 404


@pytest.mark.django_db
def test_pages_work_without_the_demo_in_the_database(client: Client) -> None:
    for path in PATHS:
        page = client.get(path)
        assert page.status_code == 200, path
        assert "<script" not in page.text


# --- tours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", BY_SLUG)
def test_departures_are_weekly_and_in_season(slug: str) -> None:
    tour = BY_SLUG[slug]
    for ahead in range(0, 400, 7):
        now = WINTER + timedelta(days=ahead)
        days = [departure.day for departure in tour.departures(now)]
        assert len(days) == 4
        assert all(now < day and day.weekday() == tour.weekday for day in days)
        assert all(day.month in tour.months for day in days)
        assert days == sorted(set(days))


@pytest.mark.parametrize("slug", BY_SLUG)
def test_places_only_become_fewer(slug: str) -> None:
    tour = BY_SLUG[slug]
    day = tour.departures(WINTER)[3].day
    left = []
    for before in range((day - WINTER).days, 0, -1):
        departures = tour.departures(day - timedelta(days=before), count=60)
        left += [departure.places_left for departure in departures if departure.day == day]
    assert left
    assert left == sorted(left, reverse=True)
    assert all(1 <= places <= tour.seats for places in left)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_every_text_of_a_tour_is_bilingual(slug: str) -> None:
    tour = BY_SLUG[slug]
    for text in (tour.title, tour.summary, tour.story, tour.programme, tour.duration, tour.meeting):
        assert set(text) == set(LANGUAGES)
        assert all(text.values())
    assert len(tour.programme["ru"]) == len(tour.programme["en"])
    assert all(" — " in line for lines in tour.programme.values() for line in lines)


# --- knowledge --------------------------------------------------------------------------------


def test_faq_is_two_thirds_russian() -> None:
    russian, english = len(faq_ru.ENTRIES), len(faq_en.ENTRIES)
    assert russian + english >= 66
    assert russian == 2 * english
    questions = Counter(entry.question for entry in [*faq_ru.ENTRIES, *faq_en.ENTRIES])
    assert max(questions.values()) == 1
    assert {entry.category for entry in faq_ru.ENTRIES} == set(CATEGORIES)


@pytest.mark.django_db
def test_every_link_in_the_faq_leads_to_a_page(client: Client) -> None:
    answers = [entry.answer for entry in [*faq_ru.ENTRIES, *faq_en.ENTRIES]]
    links = {link for answer in answers for link in re.findall(r"\]\(([^)]+)\)", answer)}
    assert links
    for link in links:
        parts = urlsplit(link)
        page = client.get(parts.path)
        assert page.status_code == 200, link
        assert not parts.fragment or f'id="{parts.fragment}"' in page.text


@pytest.mark.django_db
def test_seed_makes_what_the_demo_needs(idel: Organization) -> None:
    entries = FAQEntry.objects.of(idel)
    assert entries.filter(language="ru").count() == len(faq_ru.ENTRIES)
    assert entries.filter(language="en").count() == len(faq_en.ENTRIES)
    assert set(entries.values_list("status", "error")) == {("ready", "")}
    widgets = {widget.name: widget for widget in Widget.objects.of(idel)}
    assert set(widgets) == {"default", "sales", "support"}
    assert len({widget.primary_color for widget in widgets.values()}) == 3
    for widget in widgets.values():
        widget.full_clean()
    roles = dict(Member.objects.of(idel).values_list("user__username", "role"))
    assert roles == {username: role for username, role, *_name in PEOPLE}
    assert not any(member.user.has_usable_password() for member in Member.objects.of(idel))
    assert ContextEntry.objects.of(idel).filter(value="Europe/Moscow").exists()


@pytest.mark.django_db
def test_seeded_knowledge_answers_at_once(idel: Organization) -> None:
    found = retrieval.search(idel, "Вернёте ли вы деньги при отмене?")
    assert found.is_sure
    assert "возвращаем 100 %" in found.sources[0].answer


@pytest.mark.django_db
def test_seeded_people_hear_visitors_at_any_hour(
    idel: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: midnight)
    opened = {widget.name: widget.is_open() for widget in Widget.objects.of(idel)}
    assert opened == {"default": True, "sales": False, "support": True}


# --- coming and going -------------------------------------------------------------------------


@pytest.mark.django_db
def test_seeding_twice_changes_nothing(idel: Organization) -> None:
    before = snapshot(house_of(idel)), list(User.objects.order_by("pk").values())
    run("demo")
    assert (snapshot(house_of(idel)), list(User.objects.order_by("pk").values())) == before


@pytest.mark.django_db
def test_seeding_again_keeps_what_the_owner_changed(idel: Organization) -> None:
    Widget.objects.of(idel).filter(name="default").update(bot_name="Зилант")
    run("demo")
    assert Widget.objects.of(idel).get(name="default").bot_name == "Зилант"


@pytest.mark.django_db
def test_if_new_leaves_an_installation_in_use_alone(acme: House) -> None:
    assert "not put in" in run("demo", "--if-new")
    assert list(Organization.objects.all()) == [acme.organization]
    assert not FAQEntry.unscoped.exists()


@pytest.mark.django_db
def test_if_new_fills_an_empty_installation() -> None:
    run("demo", "--if-new")
    assert Organization.objects.get().slug == "idel-tour"


@pytest.mark.django_db
def test_remove_takes_everything_and_nothing_else(acme: House, idel: Organization) -> None:
    fill(acme)
    users = set(User.objects.filter(member__organization=acme.organization))
    before = snapshot(acme)
    # Every model gets a row; its names are unique, so only one widget may stay.
    Widget.objects.of(idel).exclude(name="default").delete()
    fill(house_of(idel))
    assert "was removed" in run("demo", "--remove")
    for model in owned_models():
        assert not model.objects.of(idel).exists(), model
    assert list(Organization.objects.all()) == [acme.organization]
    assert set(User.objects.all()) == users
    assert snapshot(acme) == before
    assert "There is no demo" in run("demo", "--remove")


@pytest.mark.django_db
def test_demo_comes_back_after_its_removal(idel: Organization) -> None:
    run("demo", "--remove")
    run("demo")
    assert Organization.objects.get().slug == "idel-tour"


@pytest.mark.django_db
def test_seed_refuses_user_names_of_others(acme: House) -> None:
    User.objects.create_user("timur")
    with pytest.raises(CommandError, match="timur"):
        run("demo")
    assert list(Organization.objects.all()) == [acme.organization]
    assert not User.objects.filter(username="aigul").exists()


# --- what the assistant is told ---------------------------------------------------------------


@pytest.fixture
def chat(db: None) -> Chat:
    """A chat with the demo's organization."""
    return chat_of(build("idel-tour"))


def told(question: str, chat: Chat) -> list[str]:
    """The titles of the tours that the provider names."""
    return [fact.title for fact in tours(question, chat)]


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("Сколько стоит тур в Болгар?", "bolgar"),
        ("есть ли места в Елабугу на выходных", "elabuga"),
        ("хочу в раифу", "raifa"),
        ("расскажи про экскурсию в свияск", "sviyazhsk"),
        ("когда ближайший круиз", "volga-cruise"),
        ("экскурсия по Казани, цена", "kazan-day"),
        ("гастротур сколько стоит", "food"),
        ("забронируйте место на зимнюю сказку", "winter"),
        ("тур в пещеру", "kama"),
        ("Иннополис", "innopolis"),
    ],
)
def test_question_about_a_named_tour_gets_that_tour(chat: Chat, question: str, slug: str) -> None:
    assert told(question, chat) == [TITLES[slug]["ru"]]


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("How much is the Sviyazhsk tour?", "sviyazhsk"),
        ("when is the next bolgar trip", "bolgar"),
        ("kazan city tour price", "kazan-day"),
        ("I want to book the cruise", "volga-cruise"),
    ],
)
def test_question_is_answered_in_its_own_language(chat: Chat, question: str, slug: str) -> None:
    assert told(question, chat) == [TITLES[slug]["en"]]


@pytest.mark.parametrize(
    "question",
    [
        "Какие есть экскурсии?",
        "хочу забронировать тур",
        "посоветуйте, куда поехать завтра: нужен тур",
        "What tours do you have?",
        "I would like to book a trip",
    ],
)
def test_general_question_gets_the_nearest_departures(chat: Chat, question: str) -> None:
    language = "ru" if re.search("[а-я]", question) else "en"
    assert told(question, chat) == [tour.title[language] for tour in nearest(3)]


def test_wanted_day_of_the_week_is_heeded(chat: Chat) -> None:
    friday = {tour.title["ru"] for tour in TOURS if tour.weekday == 4}
    assert set(told("какие экскурсии есть в пятницу?", chat)) == friday
    weekend = {tour.title["en"] for tour in TOURS if tour.weekday in (5, 6)}
    assert set(told("What tours do you have this weekend?", chat)) < weekend


@pytest.mark.parametrize(
    "question",
    [
        "Какая погода на Марсе?",
        "туры в Турцию есть?",
        "туры в Болгарию, цена",
        "tour to Bulgaria price",
        "do you sell flights to Dubai?",
        "Вернёте ли вы деньги за тур в Болгар?",
        "Чем интересен Болгар?",
        "сколько ехать до Болгара",
        "есть ли места на этот тур?",
        "how long is this tour",
        "напиши функцию на python",
        "",
    ],
)
def test_other_question_gets_nothing(chat: Chat, question: str) -> None:
    assert told(question, chat) == []


def test_tours_do_not_get_in_the_way_of_the_faq(chat: Chat) -> None:
    for entry in [*faq_ru.ENTRIES, *faq_en.ENTRIES]:
        assert told(entry.question, chat) == [], entry.question


def test_bare_dates_on_a_tour_page_are_left_to_the_page(db: None) -> None:
    house = build("idel-tour")
    assert len(told("ближайшие даты?", chat_of(house))) == 3
    assert told("ближайшие даты?", chat_of(house, title="Древний Болгар", price=4600)) == []


def test_fact_has_price_dates_places_and_address(chat: Chat) -> None:
    (fact,) = tours("сколько стоит тур в Болгар?", chat)
    assert fact.lines["Цена"] == "4 600 ₽"
    for departure in BY_SLUG["bolgar"].departures(today(), 3):
        assert f"(осталось мест: {departure.places_left})" in fact.lines["Ближайшие даты"]
    assert fact.url == "/tours/bolgar/"


def test_other_organizations_are_told_nothing(acme: House) -> None:
    assert told("Сколько стоит тур в Болгар?", chat_of(acme)) == []
