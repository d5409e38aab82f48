"""Which agents can be tried, and by which settings: as they are published, or by their drafts."""

from __future__ import annotations

from dataclasses import dataclass

from organizations import agents
from organizations.models import Agent, Organization

DRAFT, PUBLISHED = "draft", "published"


@dataclass(frozen=True)
class Candidate:
    """An agent by one of its settings; `key` names it in forms and addresses."""

    agent: Agent
    settings: agents.Settings
    is_draft: bool

    @property
    def key(self) -> str:
        """Such as `7:draft`."""
        return f"{self.agent.pk}:{DRAFT if self.is_draft else PUBLISHED}"

    def copy(self) -> Agent:
        """The agent as it answers by these settings."""
        return agents.with_settings(self.agent, self.settings)


def all_of(organization: Organization) -> list[Candidate]:
    """Every agent as it is published, after its draft where there is one."""
    found = []
    for agent in Agent.objects.of(organization).select_related("organization", "version"):
        if agent.draft:
            found.append(Candidate(agent, agents.drafted(agent), True))
        found.append(Candidate(agent, agents.published(agent), False))
    return sorted(found, key=lambda one: (one.agent.name, not one.is_draft))


def find(organization: Organization, key: str) -> Candidate | None:
    """The candidate of this key; None when there is none, or not any more."""
    return next((one for one in all_of(organization) if one.key == key), None)
