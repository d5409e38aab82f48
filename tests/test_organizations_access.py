"""The doors: who is let into which organization, and which page may show a widget."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from pytest_django import Settings

from organizations import access
from organizations.models import Organization, User
from tests.conftest import House

OWN = "https://assistant.example"


def test_a_member_is_found_by_the_user(acme: House, outsider: User) -> None:
    """Members only, and only while their account is active."""
    assert access.member_of(acme.owner.user) == acme.owner
    assert access.member_of(outsider) is None
    assert access.member_of(AnonymousUser()) is None
    User.objects.filter(pk=acme.owner.user_id).update(is_active=False)
    # The user that a long socket still holds says nothing new of itself.
    assert access.member_of(acme.owner.user) is None
    with pytest.raises(PermissionDenied):
        access.require_member(outsider)


def test_a_widget_is_found_by_its_key(acme: House) -> None:
    """An active one."""
    assert access.widget_by_key(acme.widget.key) == acme.widget
    with pytest.raises(access.UnknownWidget):
        access.widget_by_key("another")
    acme.widget.is_active = False
    acme.widget.save()
    with pytest.raises(access.UnknownWidget):
        access.widget_by_key(acme.widget.key)


def test_the_only_organization_needs_no_name(acme: House) -> None:
    """A template says the widget's name alone."""
    assert access.widget_by_name("default") == acme.widget
    with pytest.raises(access.UnknownWidget):
        access.widget_by_name("sales")


def test_several_organizations_are_told_apart(
    acme: House, globex: House, settings: Settings
) -> None:
    """By the template, or by the setting; never by chance."""
    with pytest.raises(access.UnknownOrganization):
        access.widget_by_name("default")
    assert access.widget_by_name("default", "globex") == globex.widget
    settings.ORGANIZATION = "acme"
    assert access.widget_by_name("default") == acme.widget
    with pytest.raises(access.UnknownOrganization):
        access.widget_by_name("default", "initech")


def test_no_organization_is_said_so(db: None) -> None:
    """Before the set-up."""
    assert not Organization.objects.exists()
    with pytest.raises(access.UnknownOrganization):
        access.widget_by_name("default")


def test_sites_that_may_show_a_widget(acme: House) -> None:
    """Its own server always, others by name, a star for all."""
    widget = acme.widget
    assert access.site_allowed(widget, OWN, OWN)
    assert not access.site_allowed(widget, "https://shop.example", OWN)
    assert access.frame_ancestors(widget) == "'self'"
    widget.allowed_sites = ["https://shop.example"]
    assert access.site_allowed(widget, "https://shop.example", OWN)
    assert not access.site_allowed(widget, "https://evil.shop.example", OWN)
    assert access.frame_ancestors(widget) == "'self' https://shop.example"
    widget.allowed_sites = ["*"]
    assert access.site_allowed(widget, "https://anywhere.example", OWN)
    assert access.frame_ancestors(widget) == "*"
