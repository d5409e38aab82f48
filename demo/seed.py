"""Puts the demo in, and takes it out again; called by `manage.py demo`."""

from __future__ import annotations

from django.db import transaction

from ai.interface import AIError
from chat.models import Session
from demo.content import faq_en, faq_ru, settings
from knowledge import entries, indexing
from knowledge.models import Category, ContextEntry, FAQEntry
from operators.models import ReadyReply
from organizations import agents, kinds
from organizations.models import Agent, ChatType, Language, Member, Organization, User, Widget

FAQ = {Language.RUSSIAN: faq_ru.ENTRIES, Language.ENGLISH: faq_en.ENTRIES}


class NameTaken(Exception):
    """A user name of the demo belongs to somebody who is not of the demo."""


def exists() -> bool:
    """Whether any organization is there, the demo's or a real one."""
    return Organization.objects.exists()


@transaction.atomic
def put_in() -> Organization:
    """Make what is not there yet; what the owner has changed since stays as it is.

    Raises NameTaken and then changes nothing.
    """
    organization, _made = Organization.objects.get_or_create(
        slug=settings.ORGANIZATION["slug"], defaults=settings.ORGANIZATION
    )
    _hire(organization)
    agent, _made = Agent.objects.of(organization).get_or_create(
        name=settings.AGENT["name"], defaults={**settings.AGENT, "organization": organization}
    )
    if agent.version is None:
        agents.publish(agent)
    for widget in settings.WIDGETS:
        Widget.objects.of(organization).get_or_create(
            name=widget["name"],
            defaults={**widget, "organization": organization, "agent": agent},
        )
    _offer_types(organization)
    _keep_replies(organization)
    for key, value, category in settings.CONTEXT:
        ContextEntry.objects.of(organization).get_or_create(
            key=key,
            agent=None,
            defaults={"organization": organization, "value": value, "category": category},
        )
    _write_faq(organization)
    return organization


def _hire(organization: Organization) -> None:
    """The owner and the operators; they come by one-time links and have no password."""
    usernames = [username for username, *_rest in settings.PEOPLE]
    there = {user.username: user for user in User.objects.filter(username__in=usernames)}
    ours = set(Member.objects.of(organization).values_list("user__username", flat=True))
    strangers = sorted(set(there) - ours)
    if strangers:
        raise NameTaken(", ".join(strangers))
    for username, role, first_name, last_name in settings.PEOPLE:
        if username in there:
            continue
        user = User(username=username, first_name=first_name, last_name=last_name)
        user.set_unusable_password()
        user.save()
        Member.unscoped.create(
            organization=organization, user=user, role=role, display_name=first_name
        )


def _keep_replies(organization: Organization) -> None:
    """Ready replies of the operators, where there are none yet."""
    if not ReadyReply.objects.of(organization).exists():
        ReadyReply.unscoped.bulk_create(
            ReadyReply(organization=organization, shortcut=shortcut, text=text)
            for shortcut, text in settings.READY_REPLIES.items()
        )


def _offer_types(organization: Organization) -> None:
    """The examples of chat types, each in its widgets, where there are no types yet."""
    if ChatType.objects.of(organization).exists():
        return
    for slug, names in settings.CHAT_TYPES.items():
        kind = kinds.from_template(organization, slug)
        kind.widgets.set(Widget.objects.of(organization).filter(name__in=names))


def _write_faq(organization: Organization) -> None:
    categories = {
        key: Category.objects.of(organization).get_or_create(
            name=name, defaults={"organization": organization}
        )[0]
        for key, name in settings.CATEGORIES.items()
    }
    written = set(FAQEntry.objects.of(organization).values_list("question", flat=True))
    for language, faq in FAQ.items():
        for entry in faq:
            if entry.question not in written:
                entries.create_faq(
                    organization,
                    question=entry.question,
                    answer=entry.answer,
                    language=language,
                    category=categories[entry.category],
                    priority=entry.priority,
                    phrasings=list(entry.phrasings),
                )


@transaction.atomic
def take_out() -> bool:
    """Remove the demo's organization with everything in it, whoever put it there.

    Its members go too, for a user is in one organization only. False when there is no demo.
    """
    organization = Organization.objects.filter(slug=settings.ORGANIZATION["slug"]).first()
    if organization is None:
        return False
    users = list(Member.objects.of(organization).values_list("user_id", flat=True))
    # Sessions protect their widgets, and widgets their agents, so they go in this order.
    Session.objects.of(organization).delete()
    Widget.objects.of(organization).delete()
    organization.delete()
    User.objects.filter(pk__in=users).delete()
    return True


def index_now(organization: Organization) -> None:
    """Make the entries searchable here and now: a newcomer asks before the worker has begun."""
    entries_now = FAQEntry.objects.of(organization).filter(status=FAQEntry.Status.PENDING)
    for item_id, content_hash in entries_now.values_list("pk", "content_hash"):
        try:
            indexing.index("faq", item_id, content_hash)
        except AIError:
            # An embedding model that is away: the worker goes on trying.
            return
