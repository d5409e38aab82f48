"""Nothing of one organization shows, or changes, through another's pages: every model and view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.forms import ModelChoiceField
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from organizations.models import Agent, Member, Organization, User, Widget
from organizations.scoping import OrganizationOwned, Unscoped
from tests.conftest import House, client_of
from tests.rows import Rows, fill, owned_models, snapshot, word_of

# Django's own tables, and those that stand above organizations.
UNOWNED = {
    "admin.LogEntry",
    "auth.Group",
    "auth.Permission",
    "contenttypes.ContentType",
    "sessions.Session",
    "organizations.Organization",
    "organizations.SignInAttempt",
    "organizations.User",
}
# Every route outside the admin, and what it opens.
PUBLIC_ROUTES = {
    "healthz": "no rows",
    "embed.js": "no rows",
    "widget/<str:key>/": "the looks of the widget whose public key is in the address",
    "widget/<str:key>/config.json": "the same",
    "setlang/": "no rows",
    "sign-in/<str:uid>/<str:token>/": "the account whose token is in the address",
    "media/avatars/<path:path>": "pictures of widgets, which sites show",
    "": "the way to the admin",
}
ADMIN_FOR_ALL = {
    "index",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
    "search",
    "console",
    # tests/test_console.py walks it.
    "console_earlier",
    # Pages of knowledge without a row of their own: tests/test_knowledge_pages.py walks them.
    "knowledge_try",
    "knowledge_popular",
    "knowledge_checkup",
    # tests/test_usage.py walks it.
    "usage",
    # Agents to talk with: tests/test_playground.py walks it.
    "chat_playground",
    "chat_playground_ask",
    # tests/test_knowledge_graph.py walks these.
    "knowledge_graph",
    "knowledge_graph_state",
}
REFUSED = {302, 403, 404}


@pytest.fixture
def rows(acme: House, globex: House) -> dict[str, Rows]:
    """Both organizations with a row of every model."""
    return {"acme": fill(acme), "globex": fill(globex)}


def pages(model_admin: admin.ModelAdmin[Any]) -> Iterator[URLPattern]:
    """The pages of a model in the admin."""
    for pattern in model_admin.get_urls():
        assert isinstance(pattern, URLPattern)
        if pattern.name:
            yield pattern


def registered() -> list[tuple[type[Model], Any]]:
    """Every model with pages in the admin."""
    return list(admin.site._registry.items())


def owned_admins() -> list[tuple[type[Model], Any]]:
    """Those whose rows belong to organizations."""
    return [(m, a) for m, a in registered() if issubclass(m, OrganizationOwned)]


def test_every_model_belongs_to_an_organization() -> None:
    """A new model is owned, or is named above with a reason."""
    owned = {model._meta.label for model in owned_models()}
    all_models = {model._meta.label for model in apps.get_models()}
    assert all_models - owned == UNOWNED & all_models


def test_rows_exist_for_every_model(rows: dict[str, Rows]) -> None:
    """The walks below see every model."""
    assert set(rows["globex"]) == set(owned_models())


def test_owned_rows_are_not_reached_without_an_organization() -> None:
    """The product's own manager refuses a query that names nobody."""
    for model in owned_models():
        with pytest.raises(Unscoped):
            list(model.objects.all())


def test_every_route_is_known() -> None:
    """A new route is listed above with what it opens, or is a page of the admin, walked below."""
    routes = set()
    for pattern in get_resolver().url_patterns:
        if getattr(pattern, "namespace", None) == "admin":
            continue
        inner = pattern.url_patterns if isinstance(pattern, URLResolver) else [pattern]
        routes |= {str(route.pattern) for route in inner}
    assert routes == set(PUBLIC_ROUTES)


def test_every_admin_page_is_known() -> None:
    """Pages of the admin are those of models, walked below, or the ones listed above."""
    of_models = {page.name for _model, model_admin in registered() for page in pages(model_admin)}
    names: set[str] = set()
    for pattern in admin.site.get_urls():
        inner: list[Any] = getattr(pattern, "url_patterns", [pattern])
        names |= {page.name for page in inner if page.name}
    assert names - of_models == ADMIN_FOR_ALL


@pytest.mark.parametrize("role", ["owner", "operator"])
def test_foreign_rows_have_no_page(
    rows: dict[str, Rows], acme: House, globex: House, role: str
) -> None:
    """Change, delete, history and every action on a row: refused, read or sent, and unchanged."""
    client = client_of(getattr(acme, role))
    before = snapshot(globex)
    walked = 0
    for model, model_admin in owned_admins():
        row = rows["globex"][model]
        for page in pages(model_admin):
            if not page.pattern.regex.groups:
                continue
            address = reverse(f"admin:{page.name}", args=[row.pk])
            for response in (client.get(address), client.post(address, {"post": "yes"})):
                assert response.status_code in REFUSED, address
                assert word_of(globex).encode() not in response.content, address
                walked += 1
    assert walked >= 2 * 3 * len(owned_admins())
    assert snapshot(globex) == before


@pytest.mark.parametrize("role", ["owner", "operator"])
def test_lists_hold_own_rows_only(
    rows: dict[str, Rows], acme: House, globex: House, role: str
) -> None:
    """Lists, their filters, their search, and every other page that takes no row."""
    client = client_of(getattr(acme, role))
    for _model, model_admin in owned_admins():
        for page in pages(model_admin):
            if page.pattern.regex.groups:
                continue
            address = reverse(f"admin:{page.name}")
            for query in ({}, {"q": word_of(globex)}):
                response = client.get(address, query, follow=True)
                assert response.status_code in {200, 403, 405}, address
                if response.status_code == 200 and "cl" in (response.context or {}):
                    shown = response.context["cl"].queryset.values_list("organization", flat=True)
                    assert set(shown) <= {acme.organization.pk}, address
                    assert query or shown, address
                # The search box repeats the word that was looked for.
                if not query:
                    assert word_of(globex).encode() not in response.content, address


def test_what_an_owner_may_delete_takes_along_what_nobody_deletes_alone(
    rows: dict[str, Rows], acme: House
) -> None:
    client = client_of(acme.owner)
    asked = 0
    for model, _model_admin in owned_admins():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        address = reverse(f"admin:{name}_delete", args=[rows["acme"][model].pk])
        response = client.get(address)
        if response.status_code == 403:
            continue
        assert response.status_code == 200, address
        assert not response.context["perms_lacking"], address
        asked += 1
    assert asked > 10


def test_forms_offer_own_rows_only(rows: dict[str, Rows], acme: House, globex: House) -> None:
    """Choices of foreign keys and of many-to-many fields, in new and in existing rows."""
    client = client_of(acme.owner)
    choices = 0
    for model, _model_admin in owned_admins():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        for address in (
            reverse(f"admin:{name}_add"),
            reverse(f"admin:{name}_change", args=[rows["acme"][model].pk]),
        ):
            response = client.get(address)
            if response.status_code == 403:
                continue
            assert response.status_code == 200, address
            assert word_of(globex).encode() not in response.content, address
            if "adminform" not in response.context:
                # A page of its own, with nothing to choose.
                continue
            for field in response.context["adminform"].form.fields.values():
                if isinstance(field, ModelChoiceField) and field.queryset is not None:
                    offered = field.queryset.values_list("organization", flat=True)
                    assert set(offered) <= {acme.organization.pk}, address
                    choices += 1
    assert choices, "no form has a choice of rows: the walk sees nothing"


def test_autocompletion_offers_own_rows_only(rows: dict[str, Rows], acme: House) -> None:
    """Every field that points to rows, asked through the view that completes choices."""
    client = client_of(acme.owner)
    for model, _model_admin in owned_admins():
        for field in [*model._meta.fields, *model._meta.many_to_many]:
            if not field.remote_field:
                continue
            response = client.get(
                reverse("admin:autocomplete"),
                {
                    "app_label": model._meta.app_label,
                    "model_name": str(model._meta.model_name),
                    "field_name": field.name,
                    "term": "globex",
                },
            )
            assert response.status_code in {200, 403}, field
            if response.status_code == 200:
                assert response.json()["results"] == [], field


def test_actions_leave_foreign_rows_alone(
    rows: dict[str, Rows], acme: House, globex: House
) -> None:
    """Every action of every list, given the id of a foreign row."""
    client = client_of(acme.owner)
    before = snapshot(globex)
    walked = 0
    for model, model_admin in owned_admins():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        for action in {name for _f, name, _d in model_admin._get_base_actions()}:
            response = client.post(
                reverse(name),
                {
                    "action": action,
                    "_selected_action": [str(rows["globex"][model].pk)],
                    "select_across": "1",
                    "post": "yes",
                    "index": "0",
                },
            )
            # An export streams.
            said = b"".join(response) if response.streaming else response.content
            assert word_of(globex).encode() not in said
            walked += 1
    assert walked
    assert snapshot(globex) == before


def test_a_foreign_choice_is_refused(rows: dict[str, Rows], acme: House, globex: House) -> None:
    """An id that the form did not offer is no choice, and nothing is saved."""
    response = client_of(acme.owner).post(
        reverse("admin:knowledge_contextentry_add"),
        {"key": "k", "value": "v", "category": "", "agent": globex.agent.pk},
    )
    assert "agent" in response.context["adminform"].form.errors
    assert not Agent.objects.of(acme.organization).filter(context_entries__key="k").exists()


@pytest.mark.parametrize("who", ["nobody", "outsider"])
def test_only_members_come_in(rows: dict[str, Rows], outsider: User, who: str) -> None:
    """Every page of the admin leads others to the sign-in page."""
    client = client_of(outsider if who == "outsider" else None)
    for model, model_admin in registered():
        for page in pages(model_admin):
            row = rows["globex"].get(model)
            args = [row.pk if row else 1] if page.pattern.regex.groups else []
            response = client.get(reverse(f"admin:{page.name}", args=args))
            assert response.status_code == 302, page.name
            assert response["Location"].startswith(reverse("admin:login")), page.name
    for name in ("index", "console", "autocomplete", "search", "password_change"):
        response = client.get(reverse(f"admin:{name}"))
        assert response.status_code == 302, name


def test_a_superuser_without_membership_sees_nothing_that_was_said(
    rows: dict[str, Rows], acme: House, globex: House
) -> None:
    """Who sets organizations up opens their members and accounts, and nothing else of theirs."""
    root = User.objects.create_superuser("root")
    client = client_of(root)
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(reverse("admin:console")).status_code == 403
    for model, model_admin in registered():
        row = rows["globex"].get(model)
        for page in pages(model_admin):
            args = [row.pk if row else root.pk] if page.pattern.regex.groups else []
            response = client.get(reverse(f"admin:{page.name}", args=args))
            if model in (Member, Organization, User):
                assert response.status_code in {200, 302, 403}, page.name
            else:
                assert response.status_code in {302, 403, 405}, page.name


def test_the_organization_page_is_ones_own(acme: House, globex: House) -> None:
    """An owner opens the own organization's page, and no other."""
    client = client_of(acme.owner)
    name = "admin:organizations_organization_change"
    assert client.get(reverse(name, args=[acme.organization.pk])).status_code == 200
    assert client.get(reverse(name, args=[globex.organization.pk])).status_code == 302
    listed = client.get(reverse("admin:organizations_organization_changelist"))
    assert b"Globex" not in listed.content


def test_a_saved_row_stays_in_the_own_organization(acme: House, globex: House) -> None:
    """A field that the form does not have changes nothing."""
    client: Client = client_of(acme.owner)
    client.post(
        reverse("admin:organizations_agent_add"),
        {
            "name": "second",
            "temperature": "0.5",
            "max_tokens": "500",
            "context_window": "8000",
            "reply_delay": "0",
            "daily_turns_per_visitor": "10",
            "organization": str(globex.organization.pk),
        },
    )
    assert Agent.objects.of(acme.organization).filter(name="second").exists()
    assert not Widget.objects.of(globex.organization).filter(agent__name="second").exists()
    assert not Agent.objects.of(globex.organization).filter(name="second").exists()
