"""One-time links, the sign-in page, and the first password."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from organizations import signin
from organizations.models import User
from tests.conftest import House, client_of


def signed_in_as(client: Client) -> str | None:
    """The id of who is signed in, as the session keeps it."""
    found: str | None = client.session.get("_auth_user_id")
    return found


def test_a_link_shows_whose_it_is_and_signs_in_by_the_button(acme: House) -> None:
    """A GET, such as a mail scanner's, signs nobody in and uses nothing up."""
    client, link = Client(), signin.path_for(acme.owner.user)
    page = client.get(link)
    assert page.status_code == 200
    assert acme.owner.user.username in page.text
    assert signed_in_as(client) is None
    response = client.post(link)
    assert response.status_code == 302
    assert response["Location"] == reverse("admin:index")
    assert signed_in_as(client) == str(acme.owner.user_id)


def test_an_operator_begins_in_the_console(acme: House) -> None:
    """Which is where the work is."""
    response = Client().post(signin.path_for(acme.operator.user))
    assert response["Location"] == reverse("admin:console")


def test_a_link_works_once(acme: House) -> None:
    """Another browser with the same link is told that it is used up."""
    link = signin.path_for(acme.owner.user)
    assert Client().post(link).status_code == 302
    late = Client()
    for response in (late.get(link), late.post(link)):
        assert response.status_code == 410
        assert reverse("admin:login") in response.text
    assert signed_in_as(late) is None


def test_all_links_of_a_member_end_with_a_sign_in(acme: House) -> None:
    """Even those made within the second of the sign-in."""
    first, second = (signin.path_for(acme.owner.user) for _ in range(2))
    Client().post(first)
    assert Client().get(second).status_code == 410
    acme.owner.user.refresh_from_db()
    third = signin.path_for(acme.owner.user)
    assert Client().post(third).status_code == 302
    assert Client().post(third).status_code == 410


def test_a_link_needs_the_csrf_token(acme: House) -> None:
    """Nobody is signed in by another site's form."""
    client = Client(enforce_csrf_checks=True)
    assert client.post(signin.path_for(acme.owner.user)).status_code == 403
    assert signed_in_as(client) is None


def test_a_link_of_somebody_dismissed_is_over(acme: House) -> None:
    """An inactive account opens nothing."""
    link = signin.path_for(acme.operator.user)
    User.objects.filter(pk=acme.operator.user_id).update(is_active=False)
    assert Client().get(link).status_code == 410


def test_a_link_expires(acme: House, settings: Settings) -> None:
    """After the time of the settings."""
    link = signin.path_for(acme.owner.user)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert Client().get(link).status_code == 410
    assert Client().post(link).status_code == 410


@pytest.mark.parametrize("uid", ["", "%00", "MQ", "4pyT", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
def test_a_made_up_link_is_over(acme: House, uid: str) -> None:
    """Whatever stands in it."""
    assert Client().get(f"/sign-in/{uid or 'x'}/abc-def/").status_code == 410


def test_links_for_everybody_are_printed(acme: House, globex: House) -> None:
    """A line each: the role, the name, the address."""
    out = StringIO()
    call_command("sign_in_links", base_url="http://host.example/", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["operator", "acme-operator"],
        ["owner", "acme-owner"],
        ["operator", "globex-operator"],
        ["owner", "globex-owner"],
    ]
    address = lines[1].split()[2]
    assert address.startswith("http://host.example/sign-in/")
    assert Client().get(address.removeprefix("http://host.example")).status_code == 200


def test_who_came_by_a_link_sets_a_password(acme: House) -> None:
    """Without an old one, as there is none; later changes ask for it."""
    client, page = client_of(acme.owner), reverse("admin:password_change")
    acme.owner.user.set_unusable_password()
    acme.owner.user.save()
    client = client_of(acme.owner)
    assert "old_password" not in client.get(page).context["form"].fields
    words = "correct horse battery"
    client.post(page, {"new_password1": words, "new_password2": words})
    acme.owner.user.refresh_from_db()
    assert acme.owner.user.check_password(words)
    assert "old_password" in client.get(page).context["form"].fields
    client.post(page, {"new_password1": "another horse", "new_password2": "another horse"})
    acme.owner.user.refresh_from_db()
    assert acme.owner.user.check_password(words)


def test_members_sign_in_with_a_password(acme: House, outsider: User) -> None:
    """Members need no staff flag; others are told why they are not let in."""
    for user in (acme.operator.user, outsider):
        user.set_password("correct horse battery")
        user.save()
    page = reverse("admin:login")
    form = {"username": "acme-operator", "password": "correct horse battery"}
    assert Client().post(page, form).status_code == 302
    refused = Client().post(page, {**form, "username": "outsider"})
    assert refused.status_code == 200
    assert refused.context["form"].has_error("__all__", "no_organization")
