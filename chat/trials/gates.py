"""The gate before publishing: settings that have not passed their test set are held up."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from chat.models import Gate, TestRun
from chat.trials import runs
from organizations import agents, definitions
from organizations.agents import Obstacle, Settings
from organizations.models import Agent


@agents.gate
def before_publishing(agent: Agent, settings: Settings) -> Obstacle | None:
    """What the agent's gate says to these settings."""
    gate = (
        Gate.objects.of(agent.organization).select_related("test_set").filter(agent=agent).first()
    )
    if gate is None:
        return None
    run = runs.of_agent(agent, gate.test_set)
    sentence = _trouble(gate, run, agent, settings)
    if not sentence:
        return None
    if run is None:
        address = reverse("admin:chat_testset_run", args=[gate.test_set_id])
    else:
        address = reverse("admin:chat_testrun_change", args=[run.pk])
    return Obstacle(sentence, address, gate.may_override)


def _trouble(gate: Gate, run: TestRun | None, agent: Agent, settings: Settings) -> str:
    named = {"set": gate.test_set.name, "least": gate.least}
    if run is None:
        return _(
            "The test set “%(set)s” must be run on these settings before they are published."
        ) % (named)
    if run.settings != settings:
        return _(
            "These settings are not those that were tested: run the test set “%(set)s” again."
        ) % (named)
    if run.tools is not None and run.tools != definitions.noted(
        agent.organization, settings.get("tools", [])
    ):
        return (
            _("A tool of this agent has changed since the test: run the test set “%(set)s” again.")
            % named
        )
    if run.created_at < gate.test_set.changed_at:
        return _("The test set “%(set)s” has changed since it was run: run it again.") % named
    share = runs.share(run)
    if share is None or share < gate.least:
        return _(
            "The test set “%(set)s” passes %(passed)s of %(total)s cases; %(least)s %% are needed."
        ) % (named | {"passed": run.passed, "total": run.total})
    return ""
