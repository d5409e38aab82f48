"""Experiments: a share of an agent's new chats is answered by other settings."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organizations.models import Agent, AgentVersion, Member
from organizations.scoping import OrganizationOwned


class Experiment(OrganizationOwned):
    """Chats begun while it runs go to the agent or, a share of them, to the variant.

    Which one is decided by a hash of the chat's id, so a chat never changes sides, and
    is read with the question. What is compared is what the sides were given, not what they used.
    """

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="+", verbose_name=_("agent"))
    base = models.ForeignKey(
        AgentVersion,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("published at the start"),
    )
    variant = models.ForeignKey(
        AgentVersion, models.CASCADE, related_name="+", verbose_name=_("variant")
    )
    share = models.PositiveSmallIntegerField(
        _("chats that go to the variant, %"),
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
    )
    note = models.CharField(_("note"), max_length=300, blank=True)
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("started by")
    )
    started_at = models.DateTimeField(_("started"))
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        constraints = [
            models.UniqueConstraint(
                fields=["agent"],
                name="experiment_one_running_an_agent",
                condition=Q(stopped_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent.name} № {self.pk}"

    @property
    def is_running(self) -> bool:
        """Whether new chats are shared out."""
        return self.stopped_at is None
