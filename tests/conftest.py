"""Acme and Globex, with an owner, an operator, an agent and a widget each; and an outsider."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from chat import identity
from chat.models import Visitor
from chat.protocol import Page
from chat.visitor import Visit
from organizations import agents
from organizations.models import Agent, Member, Organization, User, Widget


@pytest.fixture(scope="session", autouse=True)
def static_folder() -> None:
    """WhiteNoise warns of a folder that is not there, and warnings are errors."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


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
    # Most tests are of a model that is asked, whatever it is asked from.
    agent = Agent.unscoped.create(
        organization=organization, name="main", reply_delay=0, only_from_sources=False
    )
    agents.publish(agent)
    widget = Widget.unscoped.create(
        organization=organization, name="default", agent=agent, languages=["en", "ru"]
    )
    owner, operator = (
        Member.unscoped.create(
            organization=organization, user=User.objects.create_user(f"{slug}-{role}"), role=role
        )
        for role in (Member.Role.OWNER, Member.Role.OPERATOR)
    )
    return House(organization, owner, operator, agent, widget)


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


def client_of(user: User | Member | None) -> Client:
    """A browser that speaks English, in which somebody, or nobody, is signed in."""
    client = Client(headers={"accept-language": "en"})
    if user is not None:
        client.force_login(user.user if isinstance(user, Member) else user)
    return client
