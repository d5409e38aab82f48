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
from organizations.admin.scoped import OwnFilter, ReadOnlyAdmin, ScopedAdmin, ids_in, may_be_id

__all__ = [
    "OwnFilter",
    "ReadOnlyAdmin",
    "ScopedAdmin",
    "agents",
    "ids_in",
    "kinds",
    "may_be_id",
    "moderation",
    "people",
    "prices",
    "providers",
    "tools",
    "widgets",
]
