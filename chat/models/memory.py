"""What is remembered of people from one visit to the next."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.messages import Message
from chat.models.people import Customer, Visitor
from organizations.scoping import OrganizationOwned

LONGEST = 200


class MemoryFact(OrganizationOwned):
    """Something a visitor said of themselves, kept for the next chat (`chat.answering.memory`)."""

    visitor = models.ForeignKey(
        Visitor,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="memory",
        verbose_name=_("visitor"),
    )
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="memory",
        verbose_name=_("customer"),
    )
    text = models.CharField(_("text"), max_length=LONGEST)
    message = models.ForeignKey(
        Message,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("said in"),
    )
    created_at = models.DateTimeField(_("kept since"), db_default=Now())
    used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    expires_at = models.DateTimeField(_("kept until"), db_index=True)

    class Meta:
        verbose_name = _("remembered fact")
        verbose_name_plural = _("remembered facts")
        constraints = [
            models.CheckConstraint(
                name="memory_is_of_a_person",
                condition=Q(visitor__isnull=False) | Q(customer__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @classmethod
    def of_person(
        cls, visitor: Visitor | None, customer: Customer | None
    ) -> models.QuerySet[MemoryFact]:
        """What is remembered of somebody, the newest first; of a customer on all their devices."""
        person = visitor or customer
        if person is None:
            return cls.unscoped.none()
        own = Q(visitor=visitor) if visitor else Q()
        if customer:
            own |= Q(customer=customer)
        facts = cls.objects.of(person.organization).filter(own, expires_at__gt=Now())
        return facts.order_by("-pk")
