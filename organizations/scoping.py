"""The wall between tenants: an organization's rows are reached only by `.of(organization)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from organizations.models import Organization

M = TypeVar("M", bound=models.Model)


class Unscoped(RuntimeError):
    """A query was made without saying whose rows are wanted."""


class ScopedManager(models.Manager[M]):
    """Refuses every query until `.of(organization)` says whose rows are wanted."""

    def get_queryset(self) -> models.QuerySet[M]:
        raise Unscoped(
            f"{self.model.__name__}.objects needs .of(organization); "
            "code that really crosses organizations says .unscoped"
        )

    def of(self, organization: Organization) -> models.QuerySet[M]:
        """The rows of one organization."""
        return super().get_queryset().filter(organization=organization)


class OrganizationOwned(models.Model):
    """A row that belongs to one organization."""

    organization = models.ForeignKey(
        "organizations.Organization", on_delete=models.CASCADE, related_name="+"
    )

    # The first manager is the one Django itself uses (cascades, related objects, forms), so the
    # plain one stands first; the scoped one is what the product's code calls.
    unscoped = models.Manager()
    objects = ScopedManager()

    class Meta:
        abstract = True

    def unique_error_message(
        self, model_class: type[models.Model], unique_check: Sequence[str]
    ) -> ValidationError:
        """Name the fields that its owner sees; whose row it is goes without saying."""
        named = tuple(name for name in unique_check if name != "organization")
        error: ValidationError = super().unique_error_message(model_class, named or unique_check)
        return error

    def clean(self) -> None:
        """Refuse a reference into another organization."""
        super().clean()
        foreign = foreign_reference(self)
        if foreign:
            raise ValidationError(
                {foreign: _("This belongs to another organization.")}, code="other_organization"
            )


def foreign_reference(row: Any) -> str | None:
    """The name of the first foreign key of `row` that points into another organization."""
    for field in row._meta.concrete_fields:
        if not isinstance(field, models.ForeignKey) or field.name == "organization":
            continue
        target = field.related_model
        if not any(f.name == "organization" for f in target._meta.concrete_fields):
            continue
        if getattr(row, field.attname) is None:
            continue
        if getattr(row, field.name).organization_id != row.organization_id:
            return field.name
    return None
