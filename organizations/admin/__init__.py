"""Admin pages of one's own organization, and the bases that keep every page inside it."""

from organizations.admin import (
    agents,
    kinds,
    moderation,
    people,
    prices,
    providers,
    tools,
    widgets,
)
from organizations.admin.scoped import OwnFilter, ReadOnlyAdmin, ScopedAdmin, may_be_id

__all__ = [
    "OwnFilter",
    "ReadOnlyAdmin",
    "ScopedAdmin",
    "agents",
    "kinds",
    "may_be_id",
    "moderation",
    "people",
    "prices",
    "providers",
    "tools",
    "widgets",
]
