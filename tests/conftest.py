"""Acme and Globex, with an owner, an operator, an agent and a widget each; and an outsider."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pytest

from chat import identity
from chat.models import Visitor
from chat.protocol import Page
from chat.visitor import Visit
from organizations.models import Agent, Member, Organization, User, Widget


@dataclass
class House:
    """An organization with the people and settings of a small site."""

    organization: Organization
    owner: Member
    operator: Member
    agent: Agent
    widget: Widget

    @property
    def visit(self) -> Visit:
        """A visit of the widget, on no particular page, in English."""
        return Visit(self.widget, Page(), "en")

    def visitor(self) -> Visitor:
        """A new visitor, as after the first message."""
        return identity.introduce(self.organization, secrets.token_urlsafe(32), identity.Details())

    def member(self, username: str, role: Member.Role = Member.Role.OPERATOR) -> Member:
        """One more person at work."""
        user = User.objects.create_user(username)
        return Member.unscoped.create(organization=self.organization, user=user, role=role)


def build(slug: str) -> House:
    """An organization of this name and all that belongs to it."""
    organization = Organization.objects.create(name=slug.title(), slug=slug)
    agent = Agent.unscoped.create(organization=organization, name="main", reply_delay=0)
    widget = Widget.unscoped.create(
        organization=organization, name="default", agent=agent, languages=["en", "ru"]
    )
    members = [
        Member.unscoped.create(
            organization=organization, user=User.objects.create_user(f"{slug}-{role}"), role=role
        )
        for role in (Member.Role.OWNER, Member.Role.OPERATOR)
    ]
    return House(organization, *members, agent, widget)


@pytest.fixture
def acme(db: None) -> House:
    """One organization."""
    return build("acme")


@pytest.fixture
def globex(db: None) -> House:
    """Another one, which must never see the first."""
    return build("globex")


@pytest.fixture
def outsider(db: None) -> User:
    """A user who is a member of nothing."""
    return User.objects.create_user("outsider")
