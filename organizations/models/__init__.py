"""Whose it is and how it is set up: organizations, their members, widgets and agents."""

from organizations.models.agents import Agent, AgentVersion, default_handoff_on
from organizations.models.attempts import SignInAttempt
from organizations.models.budgets import Budget
from organizations.models.health import ModelHealth
from organizations.models.kinds import ChatType
from organizations.models.languages import Language, default_languages, validate_languages
from organizations.models.moderation import Moderation
from organizations.models.ordered import OrderedJSONField
from organizations.models.people import Member, Organization, User
from organizations.models.prices import ModelPrice
from organizations.models.providers import Provider
from organizations.models.tools import ContextProvider, Tool, ToolRevision
from organizations.models.widgets import (
    TEXTS,
    Widget,
    new_key,
    validate_color,
    validate_name,
    validate_site,
    validate_translations,
)

__all__ = [
    "TEXTS",
    "Agent",
    "AgentVersion",
    "Budget",
    "ChatType",
    "ContextProvider",
    "Language",
    "Member",
    "ModelHealth",
    "ModelPrice",
    "Moderation",
    "OrderedJSONField",
    "Organization",
    "Provider",
    "SignInAttempt",
    "Tool",
    "ToolRevision",
    "User",
    "Widget",
    "default_handoff_on",
    "default_languages",
    "new_key",
    "validate_color",
    "validate_languages",
    "validate_name",
    "validate_site",
    "validate_translations",
]
