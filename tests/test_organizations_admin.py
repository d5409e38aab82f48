"""The owner's pages: widgets, agents, members, roles, and the start page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from organizations.forms import LinesField
from organizations.hours import DAYS
from organizations.models import (
    Agent,
    Member,
    ModelPrice,
    Moderation,
    Organization,
    Provider,
    User,
    Widget,
)
from tests.conftest import House, client_of
from tools.translations import LANGUAGES, REWORDED, load

# What Django fills in.
PLACE = re.compile(r"%\(\w+\)[sd]|%s|{\w+}")


def widget_form(house: House, **changed: Any) -> dict[str, Any]:
    """What the widget's page sends back when nothing is changed, and what is."""
    hours = {f"business_hours_{day}": "" for day in DAYS}
    return {
        "name": "default",
        "is_active": "on",
        "agent": house.agent.pk,
        "primary_color": "#0f766e",
        "position": "right",
        "languages": ["ru", "en"],
        "main_language": "en",
        "timezone": "Europe/Moscow",
        "support_timeout": "10",
        "allowed_sites": "",
        **hours,
        **changed,
    }


def save_widget(house: House, **changed: Any) -> dict[str, list[str]]:
    """Save the widget's page; the errors it shows."""
    address = reverse("admin:organizations_widget_change", args=[house.widget.pk])
    response = client_of(house.owner).post(address, widget_form(house, **changed))
    if response.status_code == 302:
        house.widget.refresh_from_db()
        return {}
    errors: dict[str, list[str]] = response.context["adminform"].form.errors
    return errors


def test_an_owner_sets_a_widget_up(acme: House) -> None:
    """Hours a day in a line, sites a line each, the main language first."""
    errors = save_widget(
        acme,
        business_hours_mon="09:00-13:00, 14:00 – 18:00",
        business_hours_fri="9:30-17:00",
        allowed_sites="https://shop.example/\n\nhttps://shop.example\nhttp://localhost:3000",
        primary_color="#123abc",
        auto_open_delay="5",
    )
    assert errors == {}
    widget = acme.widget
    assert widget.business_hours == {
        **{day: [] for day in ("tue", "wed", "thu", "sat", "sun")},
        "mon": [["09:00", "13:00"], ["14:00", "18:00"]],
        "fri": [["09:30", "17:00"]],
    }
    assert widget.allowed_sites == ["https://shop.example", "http://localhost:3000"]
    assert widget.languages == ["en", "ru"]
    assert (widget.primary_color, widget.auto_open_delay) == ("#123abc", 5)


def test_the_page_shows_what_was_saved(acme: House) -> None:
    """Opened and saved again, nothing changes."""
    save_widget(acme, business_hours_sun="10:00-12:00, 13:00-14:00", allowed_sites="*")
    before = acme.widget.business_hours
    address = reverse("admin:organizations_widget_change", args=[acme.widget.pk])
    form = client_of(acme.owner).get(address).context["adminform"].form
    lines = form["business_hours"].field.widget.decompress(form.initial["business_hours"])
    assert lines == ["", "", "", "", "", "", "10:00-12:00, 13:00-14:00"]
    assert form["main_language"].value() == "en"
    again = {f"business_hours_{day}": line for day, line in zip(DAYS, lines, strict=True)}
    assert save_widget(acme, **again, allowed_sites="*") == {}
    assert acme.widget.business_hours == before


def test_empty_hours_mean_always_open(acme: House) -> None:
    """And not always closed."""
    assert save_widget(acme) == {}
    assert acme.widget.business_hours == {}
    assert acme.widget.is_open()


def test_texts_by_language_are_kept_and_spoken(acme: House) -> None:
    texts = {"translations_ru_welcome_message": "Здравствуйте!", "welcome_message": "Hello!"}
    assert save_widget(acme, **texts) == {}
    assert acme.widget.translations == {"ru": {"welcome_message": "Здравствуйте!"}}
    assert acme.widget.text("welcome_message", "ru") == "Здравствуйте!"
    assert acme.widget.text("welcome_message", "en") == "Hello!"
    for language, words in (("ru", "Здравствуйте!"), ("en", "Hello!")):
        page = client_of(None).get(f"/widget/{acme.widget.key}/", {"lang": language})
        assert page.context["config"]["welcome_message"] == words


@pytest.mark.parametrize(
    "translations",
    [["x"], {"de": {}}, {"en": []}, {"en": {"name": "x"}}, {"en": {"bot_name": 1}}],
)
def test_texts_by_language_have_one_shape(acme: House, translations: Any) -> None:
    acme.widget.translations = translations
    with pytest.raises(ValidationError):
        acme.widget.full_clean()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("business_hours_mon", "nine to five"),
        ("business_hours_mon", "18:00-09:00"),
        ("business_hours_mon", "09:00-25:00"),
        ("business_hours_mon", "09:00-13:00, 12:00-18:00"),
        ("allowed_sites", "shop.example"),
        ("allowed_sites", "https://shop.example/path"),
        ("allowed_sites", "javascript:alert(1)"),
        ("primary_color", "red"),
        ("primary_color", "#12345"),
        ("timezone", "Mars/Olympus"),
        ("languages", []),
        ("languages", ["ru"]),
        ("name", "With Spaces"),
        ("support_timeout", "0"),
        ("auto_open_delay", "100000"),
        ("translations_en_bot_name", "x" * 61),
    ],
)
def test_a_mistake_is_shown_at_its_field(acme: House, field: str, value: Any) -> None:
    """And nothing is saved."""
    errors = save_widget(acme, **{field: value})
    expected = (
        "main_language"
        if value == ["ru"]
        else field.removesuffix("_mon").removesuffix("_en_bot_name")
    )
    assert expected in errors
    acme.widget.refresh_from_db()
    assert acme.widget.name == "default"


def test_a_used_name_is_an_error_and_not_a_crash(acme: House) -> None:
    """Though the organization, which is part of the rule, is no field of the form."""
    Widget.unscoped.create(organization=acme.organization, name="sales", agent=acme.agent)
    assert save_widget(acme, name="sales")
    add = client_of(acme.owner).post(
        reverse("admin:organizations_widget_add"), widget_form(acme, name="sales")
    )
    assert add.status_code == 200
    assert Widget.objects.of(acme.organization).filter(name="sales").count() == 1


def test_the_widget_page_has_the_line_to_paste(acme: House) -> None:
    """With the key and this server's address; a new widget has none yet."""
    client = client_of(acme.owner)
    page = client.get(reverse("admin:organizations_widget_change", args=[acme.widget.pk])).text
    assert (
        '&lt;script async src="http://testserver/embed.js" '
        f'data-widget="{acme.widget.key}"&gt;&lt;/script&gt;'
    ) in page
    assert '{% load webassistant %}{% chat_widget "default" %}' in page
    assert "embed-code" not in client.get(reverse("admin:organizations_widget_add")).text


def test_a_key_is_changed_after_a_question(acme: House) -> None:
    """By POST alone, and the change is in the history."""
    client, old = client_of(acme.owner), acme.widget.key
    address = reverse("admin:organizations_widget_change_key", args=[acme.widget.pk])
    assert client.get(address).status_code == 200
    acme.widget.refresh_from_db()
    assert acme.widget.key == old
    assert client.post(address).status_code == 302
    acme.widget.refresh_from_db()
    assert acme.widget.key != old
    assert LogEntry.objects.filter(object_id=str(acme.widget.pk), user=acme.owner.user).exists()


def member_form(**changed: Any) -> dict[str, Any]:
    """A new operator."""
    return {
        "username": "nina",
        "email": "nina@example.com",
        "role": "operator",
        "display_name": "Nina",
        "is_active": "on",
        **changed,
    }


def test_a_new_member_is_given_a_link(acme: House) -> None:
    """No password is made up: the owner passes a one-time link on."""
    page = client_of(acme.owner).post(
        reverse("admin:organizations_member_add"), member_form(), follow=True
    )
    nina = Member.objects.of(acme.organization).get(user__username="nina")
    assert (nina.role, nina.user.email) == ("operator", "nina@example.com")
    assert not nina.user.has_usable_password()
    link = page.text.split("http://testserver/sign-in/")[1].split("<")[0]
    assert Client().post(f"/sign-in/{link}").status_code == 302


def test_a_user_name_belongs_to_one_person(acme: House, globex: House) -> None:
    """On the whole server, as people sign in by it."""
    for taken in ("globex-owner", "GLOBEX-owner"):
        response = client_of(acme.owner).post(
            reverse("admin:organizations_member_add"), member_form(username=taken)
        )
        assert response.context["adminform"].form.has_error("username", "taken")
    assert User.objects.filter(username__iexact="globex-owner").count() == 1


def change_member(house: House, member: Member, **changed: Any) -> Any:
    """Save a member's page as the owner."""
    form = member_form(username=member.user.username, role=member.role, **changed)
    address = reverse("admin:organizations_member_change", args=[member.pk])
    return client_of(house.owner).post(address, form)


def test_the_last_owner_stays(acme: House) -> None:
    """Neither made an operator nor shut out, until there is another owner."""
    for change in ({"role": "operator"}, {"is_active": ""}):
        form = {"is_active": "on", "role": "owner"} | change
        response = client_of(acme.owner).post(
            reverse("admin:organizations_member_change", args=[acme.owner.pk]),
            member_form(username="acme-owner", **form),
        )
        assert response.context["adminform"].form.has_error("__all__", "last_owner")
    acme.owner.refresh_from_db()
    assert acme.owner.is_owner
    second = acme.member("second", Member.Role.OWNER)
    assert change_member(acme, second, is_active="").status_code == 302
    second.user.refresh_from_db()
    assert not second.user.is_active


def test_a_member_who_left_is_shut_out_at_once(acme: House) -> None:
    """The next page is the sign-in page."""
    client = client_of(acme.operator)
    assert client.get(reverse("admin:index")).status_code == 200
    assert change_member(acme, acme.operator, is_active="").status_code == 302
    assert client.get(reverse("admin:index")).status_code == 302


def test_a_sign_in_link_is_made_by_the_button(acme: House) -> None:
    """A GET shows no link, and somebody shut out is given none."""
    client = client_of(acme.owner)
    address = reverse("admin:organizations_member_sign_in_link", args=[acme.operator.pk])
    assert "/sign-in/" not in client.get(address).text.replace("sign_in_link", "")
    assert "http://testserver/sign-in/" in client.post(address, follow=True).text
    User.objects.filter(pk=acme.operator.user_id).update(is_active=False)
    assert "http://testserver/sign-in/" not in client.post(address, follow=True).text


def test_an_operator_reads_and_does_not_configure(acme: House) -> None:
    """Conversations and knowledge are open; settings are not even named."""
    client = client_of(acme.operator)
    for name in ("chat_chat", "chat_visitor", "chat_contactrequest", "knowledge_faqentry"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
    for name in ("organizations_widget", "organizations_agent", "organizations_member"):
        for page in ("changelist", "add"):
            assert client.get(reverse(f"admin:{name}_{page}")).status_code == 403, name
    assert client.get(reverse("admin:knowledge_faqentry_add")).status_code == 403
    key = reverse("admin:organizations_widget_change_key", args=[acme.widget.pk])
    assert client.post(key).status_code == 403
    index = client.get(reverse("admin:index")).text
    assert reverse("admin:console") in index
    assert reverse("admin:organizations_widget_changelist") not in index
    assert acme.operator.user.has_perm("operators.use_console")
    assert not acme.operator.user.has_perm("organizations.change_widget")


def test_a_superuser_sets_organizations_up(acme: House) -> None:
    """A new organization and its first owner, who then comes in by the link."""
    client = client_of(User.objects.create_superuser("root"))
    client.post(
        reverse("admin:organizations_organization_add"),
        {"name": "Initech", "slug": "initech", "currency": "USD"},
    )
    initech = Organization.objects.get(slug="initech")
    page = client.post(
        reverse("admin:organizations_member_add"),
        member_form(role="owner", organization=initech.pk),
        follow=True,
    )
    owner = Member.objects.of(initech).get(user__username="nina")
    link = page.text.split("http://testserver/sign-in/")[1].split("<")[0]
    browser = Client()
    browser.post(f"/sign-in/{link}")
    assert "Initech" in browser.get(reverse("admin:index")).text
    # And nobody is moved to another organization afterwards.
    change = reverse("admin:organizations_member_change", args=[owner.pk])
    client.post(change, member_form(role="owner", organization=acme.organization.pk))
    owner.refresh_from_db()
    assert owner.organization == initech


def test_who_runs_the_server_is_told_how_to_begin(db: None) -> None:
    """First an organization, then its owner; a member is not bothered with it."""
    client = client_of(User.objects.create_superuser("root"))

    def steps() -> list[bool]:
        return [step.is_done for step in client.get(reverse("admin:index")).context["to_begin"]]

    assert steps() == [False, False]
    organization = Organization.objects.create(name="Initech", slug="initech")
    assert steps() == [True, False]
    add = str(client.get(reverse("admin:index")).context["to_begin"][1].url)
    assert client.get(add).context["adminform"].form.initial["role"] == "owner"
    user = User.objects.create_user("nina")
    Member.unscoped.create(organization=organization, user=user, role="owner")
    assert steps() == [True, True]
    assert "to_begin" not in client_of(user).get(reverse("admin:index")).context


def test_the_start_page_tells_what_is_left_to_do(acme: House) -> None:
    """From rows as they are."""
    Widget.objects.of(acme.organization).update(is_active=False)
    start = client_of(acme.owner).get(reverse("admin:index")).context["start"]
    steps = {str(step.url): step.is_done for step in start.steps}
    assert steps[reverse("admin:organizations_widget_changelist")] is False
    assert steps[reverse("admin:knowledge_faqentry_changelist")] is False
    assert [figure.value for figure in start.figures[:5]] == ["0", "0", "0", "0", "—"]
    Widget.objects.of(acme.organization).update(is_active=True)
    start = client_of(acme.owner).get(reverse("admin:index")).context["start"]
    steps = {str(step.url): step.is_done for step in start.steps}
    assert steps[reverse("admin:organizations_widget_changelist")] is True


def test_an_agent_in_use_is_not_deleted(acme: House) -> None:
    """A widget without an agent could not answer."""
    address = reverse("admin:organizations_agent_delete", args=[acme.agent.pk])
    page = client_of(acme.owner).post(address, {"post": "yes"})
    assert page.status_code == 200
    assert page.context["protected"]
    assert Agent.objects.of(acme.organization).exists()


def test_a_user_is_in_one_organization(acme: House, globex: House) -> None:
    """So nothing is ambient."""
    with pytest.raises(IntegrityError):
        Member.unscoped.create(organization=globex.organization, user=acme.owner.user)


def test_the_delete_button_says_no_more_than_delete(acme: House) -> None:
    """In Russian the model's name would have to stand in another case."""
    address = reverse("admin:organizations_widget_change", args=[acme.widget.pk])
    page = client_of(acme.owner).get(address, headers={"accept-language": "ru"}).text
    button = page.split(reverse("admin:organizations_widget_delete", args=[acme.widget.pk]))[1]
    assert " ".join(button.split(">")[1].split("<")[0].split()) == "Удалить"
    # The other buttons are as they were.
    assert page.count('form="widget_form"') == 3


def test_a_line_with_a_nul_is_refused_in_any_list_of_lines() -> None:
    # As one value the list shows a NUL only in its spelling, and PostgreSQL would fail at it.
    with pytest.raises(ValidationError) as refused:
        LinesField().clean("a word\na\0b")
    assert [error.code for error in refused.value.error_list] == ["null_characters_not_allowed"]
    assert LinesField().clean(" a word \n\nanother\na word") == ["a word", "another"]


def test_moderation_opens_as_the_one_form_it_is(acme: House, globex: House) -> None:
    """A list of one row, or "nothing found" before the first, would tell an owner nothing."""
    client, address = client_of(acme.owner), reverse("admin:organizations_moderation_changelist")
    Moderation.unscoped.create(organization=globex.organization)
    first = reverse("admin:organizations_moderation_add")
    assert client.get(address)["Location"] == first
    assert "_addanother" not in client.get(first).content.decode()
    row = Moderation.unscoped.create(organization=acme.organization)
    form = reverse("admin:organizations_moderation_change", args=[row.pk])
    assert client.get(address)["Location"] == form
    assert client.get(form).status_code == 200
    # Whoever may not look is not led anywhere.
    assert client_of(acme.operator).get(address).status_code == 403


def test_russian_sentences_about_rows_need_no_case_and_no_gender(acme: House) -> None:
    """A model's name stands in them as it is in a dictionary, and no row is a he."""
    row = ModelPrice.unscoped.create(
        organization=acme.organization, model="a", input_price=1, output_price=1
    )
    provider = Provider.unscoped.create(organization=acme.organization, name="Свой", kind="other")
    client, russian = client_of(acme.owner), {"accept-language": "ru"}
    for one, name in ((row, "цена модели «a»"), (provider, "поставщик моделей «Свой»")):
        address = reverse(f"admin:organizations_{one._meta.model_name}_delete", args=[one.pk])
        page = unescape(client.get(address, headers=russian).text)
        assert f"Удалить навсегда: {name}?" in " ".join(page.split())
        assert "Да, удалить" in page
        page = client.post(address, {"post": "yes"}, headers=russian, follow=True).text
        assert f"Удалено: {name}." in unescape(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_reworded_sentences_keep_every_place(language: str) -> None:
    """One that is lost or misspelt would be an error on the page."""
    catalog = load(language)
    for identity in REWORDED:
        message = catalog.get(identity)
        assert message is not None, identity
        texts = [message.string] if isinstance(message.string, str) else list(message.string or [])
        source = identity if isinstance(identity, str) else identity[1]
        for text in texts:
            assert text, identity
            assert set(PLACE.findall(text)) <= set(PLACE.findall(source)), identity
