"""What every piece of knowledge has, and the shelves it stands on."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models import Agent, Language
from organizations.scoping import OrganizationOwned


class Category(OrganizationOwned):
    """A shelf of knowledge, perhaps kept for some agents only."""

    name = models.CharField(_("name"), max_length=80)
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("inside"),
        help_text=_("Empty: it stands in none. Categories stand at most one inside another."),
    )
    position = models.PositiveIntegerField(_("place"), default=0, editable=False)
    agents = models.ManyToManyField(
        Agent,
        related_name="categories",
        blank=True,
        verbose_name=_("agents that may use it"),
        help_text=_("None chosen: every agent."),
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "parent", "name"],
                name="category_name_unique",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.parent.name} › {self.name}" if self.parent else self.name

    def clean(self) -> None:
        """Refuse a shelf inside itself, and a third level."""
        super().clean()
        if self.parent is None:
            return
        if self.parent.pk == self.pk or self.parent.parent_id or self._has_children():
            refusal = _("Categories stand at most one inside another.")
            raise ValidationError({"parent": ValidationError(refusal, code="category_depth")})

    def _has_children(self) -> bool:
        return bool(self.pk) and Category.unscoped.filter(parent=self.pk).exists()


class Knowledge(OrganizationOwned):
    """What every piece of knowledge has, and how far its indexing came."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    category = models.ForeignKey(
        Category, models.SET_NULL, null=True, blank=True, verbose_name=_("category")
    )
    language = models.CharField(
        _("language"), max_length=5, choices=Language, default=Language.RUSSIAN
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("1 to 10; of two equal matches the higher one is used."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The last day on which it holds.")
    )
    views_count = models.PositiveIntegerField(_("shown"), default=0, editable=False)
    last_shown_at = models.DateTimeField(_("last shown"), null=True, editable=False)
    helpful_count = models.PositiveIntegerField(_("helped"), default=0, editable=False)
    not_helpful_count = models.PositiveIntegerField(_("did not help"), default=0, editable=False)
    status = models.CharField(
        _("indexing"), max_length=8, choices=Status, default=Status.PENDING, editable=False
    )
    error = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    # Of 100; null when nothing is under way that takes long.
    progress = models.PositiveSmallIntegerField(_("progress"), null=True, editable=False)
    indexed_at = models.DateTimeField(_("indexed"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Refuse an end before the beginning."""
        super().clean()
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            refusal = _("It ends before it begins.")
            raise ValidationError({"valid_until": ValidationError(refusal, code="valid_until")})
