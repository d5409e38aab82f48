"""Puts the demo in, and takes it out again."""

from __future__ import annotations

from django.db import transaction

from chat.models import Session
from demo.content import faq_en, faq_ru, settings
from knowledge import entries
from knowledge.models import Category, ContextEntry, FAQEntry
from organizations.models import Agent, Member, Organization, User, Widget


def exists() -> bool:
    """Whether any organization is there, the demo's or a real one."""
    return Organization.objects.exists()


@transaction.atomic
def put_in() -> Organization:
    """Make what is not there yet; running it twice changes nothing."""
    slug = settings.ORGANIZATION["slug"]
    organization, _made = Organization.objects.get_or_create(
        slug=slug, defaults=settings.ORGANIZATION
    )
    for username, role, first, last in settings.PEOPLE:
        user, is_new = User.objects.get_or_create(
            username=username, defaults={"first_name": first, "last_name": last}
        )
        if is_new:
            user.set_unusable_password()
            user.save()
            Member.unscoped.create(
                organization=organization, user=user, role=role, display_name=first
            )
    name = settings.AGENT["name"]
    agent, _made = Agent.objects.of(organization).get_or_create(
        name=name, defaults={**settings.AGENT, "organization": organization}
    )
    for widget in settings.WIDGETS:
        Widget.objects.of(organization).get_or_create(
            name=widget["name"],
            defaults={
                **widget,
                "organization": organization,
                "agent": agent,
                "timezone": "Europe/Moscow",
            },
        )
    for key, value, category in settings.CONTEXT:
        ContextEntry.objects.of(organization).get_or_create(
            key=key,
            agent=None,
            defaults={"organization": organization, "value": value, "category": category},
        )
    _write_faq(organization)
    return organization


def _write_faq(organization: Organization) -> None:
    categories = {
        key: Category.objects.of(organization).get_or_create(
            name=name, defaults={"organization": organization}
        )[0]
        for key, name in settings.CATEGORIES.items()
    }
    written = set(FAQEntry.objects.of(organization).values_list("question", flat=True))
    for language, content in (("ru", faq_ru.ENTRIES), ("en", faq_en.ENTRIES)):
        for category, question, answer in content:
            if question not in written:
                entries.create_faq(
                    organization,
                    question=question,
                    answer=answer,
                    language=language,
                    category=categories[category],
                )


@transaction.atomic
def take_out() -> bool:
    """Remove the demo's organization with everything in it; False when it was not there."""
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
