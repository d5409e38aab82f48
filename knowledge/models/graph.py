"""What the passages speak of: entities, where each is mentioned, and how they belong together."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from knowledge.models.passages import Passage
from organizations.scoping import OrganizationOwned

LONGEST_NAME = 120


# A key to a passage is kept by the database itself, see the migration: Django would read every row
# that hangs on a passage before it deletes it, and passages go by thousands.
KEPT: dict[str, Any] = {
    "on_delete": models.DO_NOTHING,
    "db_constraint": False,
    "related_name": "+",
}


class Reading(OrganizationOwned):
    """What was taken from one passage.

    It outlives its passage for a while, so that a text that comes back unchanged is not read
    twice; what is shown are mentions and relations, and those go with the passage.
    """

    passage = models.OneToOneField(Passage, null=True, **KEPT)
    digest = models.CharField(max_length=64)
    # By rule, or the name of the model.
    reader = models.CharField(_("read by"), max_length=120)
    by_model = models.BooleanField(default=False)
    # Why the model's answer was not taken; the passage keeps what was found by rule.
    error = models.CharField(_("reason"), max_length=40, blank=True)
    found = models.JSONField(default=dict)
    # Whoever asks the model for it has it until then.
    claimed_until = models.DateTimeField(null=True)
    read_at = models.DateTimeField(_("read"), auto_now_add=True)

    class Meta:
        verbose_name = _("reading of a passage")
        verbose_name_plural = _("readings of passages")
        indexes = [
            models.Index(fields=["organization", "digest"], name="reading_by_digest"),
            models.Index(fields=["organization", "by_model", "read_at"], name="reading_by_model"),
        ]

    def __str__(self) -> str:
        return self.reader


class Entity(OrganizationOwned):
    """Something that passages speak of."""

    class Kind(models.TextChoices):
        TOPIC = "topic", _("Heading")
        KEYWORD = "keyword", _("Keyword")
        NAME = "name", _("Name")
        TERM = "term", _("Word")
        PERSON = "person", _("Person")
        ORGANIZATION = "organization", _("Organization")
        PLACE = "place", _("Place")
        PRODUCT = "product", _("Product or service")
        EVENT = "event", _("Event")
        OTHER = "other", _("Other")

    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    # The stems of the name: one entity, however it is declined.
    key = models.CharField(max_length=LONGEST_NAME)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)

    class Meta:
        verbose_name = _("entity")
        verbose_name_plural = _("entities")
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="entity_key_unique")
        ]

    def __str__(self) -> str:
        return self.name


class Mention(OrganizationOwned):
    """A passage speaks of an entity."""

    entity = models.ForeignKey(Entity, models.CASCADE, related_name="mentions")
    passage = models.ForeignKey(Passage, db_index=False, **KEPT)

    class Meta:
        verbose_name = _("mention")
        verbose_name_plural = _("mentions")
        constraints = [models.UniqueConstraint(fields=["passage", "entity"], name="mentioned_once")]

    def __str__(self) -> str:
        return str(self.entity)


class Relation(OrganizationOwned):
    """A passage says how one entity belongs to another."""

    source = models.ForeignKey(Entity, models.CASCADE, related_name="relations")
    target = models.ForeignKey(Entity, models.CASCADE, related_name="+")
    # In the model's words, or one of `knowledge.graph.rules`.
    label = models.CharField(_("relation"), max_length=80)
    passage = models.ForeignKey(Passage, db_index=False, **KEPT)

    class Meta:
        verbose_name = _("relation")
        verbose_name_plural = _("relations")
        constraints = [
            models.UniqueConstraint(
                fields=["passage", "source", "target", "label"], name="related_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
