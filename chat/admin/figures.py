"""The chat's part of the start page: today's figures, and which model answers."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Avg, Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import ai
from chat.models import Chat, ContactRequest, Handoff, Message, Mode, Session
from organizations import dashboard, providers
from organizations.models import Agent, Member


@dashboard.contributor
def todays_figures(member: Member, start: dashboard.Start) -> None:
    """What happened since midnight, and what is open now."""
    organization = member.organization
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    handed = Handoff.objects.of(organization).filter(chat=OuterRef("pk"))
    answered = Message.objects.of(organization).filter(
        chat=OuterRef("pk"), role=Message.Role.ASSISTANT
    )
    chats = (
        Chat.objects.of(organization)
        .filter(Q(created_at__gte=midnight) | Q(mode=Mode.WAITING), seq__gt=0)
        .aggregate(
            today=Count("pk", filter=Q(created_at__gte=midnight)),
            alone=Count(
                "pk", filter=Q(Exists(answered), ~Exists(handed), created_at__gte=midnight)
            ),
            waiting=Count("pk", filter=Q(mode=Mode.WAITING)),
        )
    )
    ratings = (
        Session.objects.of(organization)
        .filter(created_at__gte=midnight - timedelta(days=29))
        .aggregate(mean=Avg("satisfaction_rating"), count=Count("satisfaction_rating"))
    )
    contacts = ContactRequest.objects.of(organization).filter(handled_at=None).count()
    transcripts = reverse("admin:chat_chat_changelist")
    open_requests = f"{reverse('admin:chat_contactrequest_changelist')}?handled_at__isempty=1"
    start.figures += [
        dashboard.Figure(
            _("Chats today"),
            str(chats["today"]),
            f"{transcripts}?created_at__gte={midnight:%Y-%m-%d}",
        ),
        dashboard.Figure(_("Answered by the assistant alone"), str(chats["alone"])),
        dashboard.Figure(
            _("Waiting for a person"), str(chats["waiting"]), reverse("admin:console")
        ),
        dashboard.Figure(_("Messages to answer"), str(contacts), open_requests),
        dashboard.Figure(
            _("Mean rating of 30 days (%(count)s)") % {"count": ratings["count"]},
            f"{ratings['mean']:.1f}" if ratings["count"] else "—",
        ),
    ]


@dashboard.contributor
def model_step(member: Member, start: dashboard.Start) -> None:
    """Which model answers, if any."""
    agents = Agent.objects.of(member.organization).order_by("name")
    known = providers.of(member.organization)
    models = {
        agent.name: ai.chat_model(*providers.models_of(agent, known)).name for agent in agents
    }
    is_done = any(name != ai.knowledge_model().name for name in models.values())
    start.steps.append(
        dashboard.Step(
            title=_("A model that answers"),
            detail=(
                ", ".join(f"{agent}: {model}" for agent, model in models.items())
                if is_done
                else _("Knowledge alone answers now. Add a model provider for the agent.")
            ),
            is_done=is_done,
            url=reverse(
                "admin:organizations_agent_changelist"
                if is_done
                else "admin:organizations_provider_changelist"
            ),
        )
    )
