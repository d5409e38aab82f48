"""The start page of the admin: cards that the apps above this one add; real rows only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from organizations.models import Member, Organization


@dataclass(frozen=True)
class Step:
    """A line of the checklist: whether it is done, and where to do it."""

    title: str | Promise
    detail: str | Promise
    is_done: bool
    url: str


@dataclass(frozen=True)
class Figure:
    """A number of today. Those of chats come first, then knowledge (1) and money (2)."""

    title: str | Promise
    value: str
    url: str = ""
    place: int = 0


@dataclass
class Start:
    """What the start page shows."""

    steps: list[Step] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


Contributor = Callable[[Member, Start], None]
_contributors: list[Contributor] = []


def contributor(function: Contributor) -> Contributor:
    """Let a function add its steps and figures; use it as a decorator, in an app's admin."""
    _contributors.append(function)
    return function


def of(member: Member) -> Start:
    """The start page of a member."""
    start = Start()
    for contribute in _contributors:
        contribute(member, start)
    start.figures.sort(key=lambda figure: figure.place)
    return start


def to_begin() -> list[Step]:
    """What somebody does first who runs the server and belongs to no organization."""
    return [
        Step(
            title=_("An organization"),
            detail=_("The business whose site it is: its name, and a short one for templates."),
            is_done=Organization.objects.exists(),
            url=reverse("admin:organizations_organization_add"),
        ),
        Step(
            title=_("Its owner"),
            detail=_(
                "Yourself, perhaps. Saving shows a one-time link to the owner's pages, where the "
                "widget, the knowledge and the model are set up."
            ),
            is_done=Member.unscoped.filter(role=Member.Role.OWNER).exists(),
            url=f"{reverse('admin:organizations_member_add')}?role={Member.Role.OWNER}",
        ),
    ]
