"""Organizations, the users who sign in, and which of them belongs where."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models.money import LimitField
from organizations.scoping import OrganizationOwned


class User(AbstractUser):
    """A person who signs in; what they may do here is said by their Member."""

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """What the role grants. Being a superuser opens nothing: Django would skip the question."""
        return any(backend.has_perm(self, perm, obj) for backend in _backends())

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the role grants anything of an app."""
        return any(backend.has_module_perms(self, app_label) for backend in _backends())


def _backends() -> list[Any]:
    return list(get_backends())


class Organization(models.Model):
    """The tenant: everything below belongs to exactly one."""

    class Graph(models.TextChoices):
        AUTO = "auto", _("By the model, where there is one; by rule otherwise")
        RULES = "rules", _("By rule only")
        OFF = "off", _("Not at all")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("short name"), max_length=50, unique=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, such as USD or RUB."))],
        help_text=_("Of the prices of models: three letters, such as USD or RUB."),
    )
    daily_tokens = models.PositiveBigIntegerField(
        _("tokens a day"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    daily_cost = LimitField(_("money a day"), help_text=_("Empty: no limit."))
    monthly_tokens = models.PositiveBigIntegerField(
        _("tokens a month"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    monthly_cost = LimitField(_("money a month"), help_text=_("Empty: no limit."))
    # Set on the page of the knowledge graph.
    graph = models.CharField(
        _("knowledge graph"), max_length=8, choices=Graph, default=Graph.AUTO, db_default=Graph.AUTO
    )
    brings_related = models.BooleanField(
        _("related passages are brought into answers"), default=True, db_default=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self) -> str:
        return self.name


class Member(OrganizationOwned):
    """A user in an organization. One user is in one organization, so nothing is ambient."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        OPERATOR = "operator", _("Operator")

    user = models.OneToOneField(User, models.CASCADE, related_name="member", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.OPERATOR)
    display_name = models.CharField(
        _("shown to visitors as"), max_length=60, blank=True, help_text=_("Empty: the user's name.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What visitors see."""
        return self.display_name or self.user.get_full_name() or self.user.get_username()

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER
