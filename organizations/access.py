"""The doors: the only place that turns a key, a name or a user into somebody's Organization."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from organizations.models import Member, Organization, Widget


class AccessError(LookupError):
    """A credential or a name opens nothing; the text says why, for the log."""


class UnknownWidget(AccessError):
    """No active widget has this key or name."""


class UnknownOrganization(AccessError):
    """No organization is named, or the name fits none."""


def member_of(user: AbstractBaseUser | AnonymousUser | None) -> Member | None:
    """The membership of a signed-in, active user."""
    if user is None or not user.is_authenticated or not user.is_active:
        return None
    return (
        Member.unscoped.select_related("organization", "user")
        .filter(user_id=user.pk, user__is_active=True)
        .first()
    )


def require_member(user: AbstractBaseUser | AnonymousUser | None) -> Member:
    """The membership of a signed-in, active user; refuses everyone else."""
    member = member_of(user)
    if member is None:
        raise PermissionDenied
    return member


def widget_by_key(key: str) -> Widget:
    """The active widget with this public key."""
    # What comes in an address may hold a NUL, which PostgreSQL takes in no text.
    rows = Widget.unscoped.none() if "\0" in key else Widget.unscoped.filter(key=key)
    widget = rows.select_related("organization", "agent").filter(is_active=True).first()
    if widget is None:
        raise UnknownWidget("no active widget has this key")
    return widget


def widget_by_name(name: str, slug: str = "") -> Widget:
    """The active widget of this name in the named organization, or in the only one there is."""
    organization = _organization(slug or settings.ORGANIZATION)
    widget = (
        Widget.objects.of(organization)
        .select_related("organization", "agent")
        .filter(name=name, is_active=True)
        .first()
    )
    if widget is None:
        raise UnknownWidget(f"there is no active widget named {name!r}")
    return widget


def _organization(slug: str) -> Organization:
    if slug:
        found = Organization.objects.filter(slug=slug).first()
        if found is None:
            raise UnknownOrganization(f"there is no organization {slug!r}")
        return found
    some = list(Organization.objects.all()[:2])
    if len(some) != 1:
        raise UnknownOrganization(
            "there is no organization yet"
            if not some
            else "there are several organizations: name one, or set ORGANIZATION"
        )
    return some[0]


def site_allowed(widget: Widget, origin: str, own: str) -> bool:
    """Whether a page of `origin` may show the widget; `own` is this server's origin."""
    return origin == own or "*" in widget.allowed_sites or origin in widget.allowed_sites


def frame_ancestors(widget: Widget) -> str:
    """The value of the CSP directive that says which pages may frame the widget."""
    if "*" in widget.allowed_sites:
        return "*"
    return " ".join(["'self'", *widget.allowed_sites])
